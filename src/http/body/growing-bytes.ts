import type { BodyLease } from './budget.js';

const MIN_CAPACITY = 4 * 1024;

/**
 * Bytes put together from chunks, in one block of memory that doubles. Keeping the chunks themselves would let a
 * sender of one-byte chunks cost a hundred times the bytes it sends.
 */
export class GrowingBytes {
  #block: Buffer = Buffer.alloc(0);
  /** Bytes of `#block` in use. */
  #length = 0;

  /** @param lease pays for the capacity, when somebody else does not pay for the chunks already */
  constructor(private readonly lease: BodyLease | null) {}

  get length(): number {
    return this.#length;
  }

  /** @throws Problem `busy` */
  append(chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#block.length) {
      const capacity = Math.max(needed, this.#block.length * 2, MIN_CAPACITY);
      this.lease?.take(capacity - this.#block.length);
      const grown = Buffer.allocUnsafeSlow(capacity);
      this.#block.copy(grown, 0, 0, this.#length);
      this.#block = grown;
    }
    chunk.copy(this.#block, this.#length);
    this.#length = needed;
  }

  /** All bytes so far; the next append starts afresh and never writes over them. */
  take(): Buffer {
    const bytes = this.#block.subarray(0, this.#length);
    this.#block = Buffer.alloc(0);
    this.#length = 0;
    return bytes;
  }
}
