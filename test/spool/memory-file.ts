/** Where a crash may choose: a number below `below`. Always 0 means: nothing that was not synced reached the disk. */
export type Choose = (below: number) => number;

/** Bytes that reach the disk together: less than any real sector, so that even a small log can be torn in many ways. */
const BLOCK_BYTES = 64;
const CLEAN = 0;
const DIRTY = 1;
/** A sync of it failed: the page passes for clean, so no later sync writes it, and it is not on the disk. */
const DROPPED = 2;

/** One file: what processes see, and what a loss of power may leave of it. */
export class MemoryFile {
  // Never changed in place, so that a version costs nothing to keep.
  data: Buffer;
  #durable: Buffer;
  // Earlier contents of which some blocks may be on the disk.
  #versions: Buffer[] = [];
  // By block.
  #states = new Uint8Array(0);

  constructor(data: Buffer = Buffer.alloc(0)) {
    this.data = data;
    this.#durable = data;
  }

  copy(): MemoryFile {
    const copy = new MemoryFile(this.data);
    copy.#durable = this.#durable;
    copy.#versions = [...this.#versions];
    copy.#states = Uint8Array.from(this.#states);
    return copy;
  }

  write(bytes: Uint8Array, position: number): void {
    const data = Buffer.alloc(Math.max(this.data.length, position + bytes.length));
    data.set(this.data);
    data.set(bytes, position);
    const from = Math.min(position, this.data.length);
    this.#become(data);
    this.#states.fill(DIRTY, Math.floor(from / BLOCK_BYTES), blocksOf(position + bytes.length));
  }

  truncate(length: number): void {
    this.#become(this.data.subarray(0, length));
    // The rest of the last block is zeroed, which is a write.
    if (length % BLOCK_BYTES > 0) this.#states[this.#states.length - 1] = DIRTY;
  }

  sync(): void {
    if (this.#states.includes(DROPPED)) {
      const synced = Buffer.from(this.data);
      for (const [block, state] of this.#states.entries()) {
        if (state === DROPPED) synced.set(padded(this.#durable, block, synced.length), block * BLOCK_BYTES);
        else this.#states[block] = CLEAN;
      }
      this.#durable = synced;
    } else {
      this.#durable = this.data;
      this.#versions = [];
      this.#states.fill(CLEAN);
    }
  }

  failedSync(): void {
    for (const [block, state] of this.#states.entries()) if (state === DIRTY) this.#states[block] = DROPPED;
  }

  /** What is there after a loss of power: of each block that is not surely on the disk, any version, or a part of one. */
  crashed(choose: Choose): Buffer {
    const versions = [this.#durable, ...this.#versions, this.data];
    const length = lengthOf(versions, choose);
    const result = Buffer.alloc(length);
    for (let block = 0; block < blocksOf(length); block++) {
      const pick = () => padded(versions[this.#mayVary(block) ? choose(versions.length) : 0], block, length);
      const one = pick();
      result.set(one, block * BLOCK_BYTES);
      if (this.#mayVary(block) && choose(8) === 0) {
        const other = pick();
        result.set(other.subarray(0, choose(other.length + 1)), block * BLOCK_BYTES);
      }
    }
    return result;
  }

  #mayVary(block: number): boolean {
    return block >= this.#states.length || this.#states[block] !== CLEAN;
  }

  #become(data: Buffer): void {
    this.#versions.push(this.data);
    this.data = data;
    const states = new Uint8Array(blocksOf(data.length));
    states.set(this.#states.subarray(0, states.length));
    this.#states = states;
  }
}

function blocksOf(length: number): number {
  return Math.ceil(length / BLOCK_BYTES);
}

function lengthOf(versions: readonly Buffer[], choose: Choose): number {
  const lengths = versions.map((version) => version.length);
  const one = lengths[choose(lengths.length)] ?? 0;
  const other = lengths[choose(lengths.length)] ?? 0;
  return Math.min(one, other) + choose(Math.abs(one - other) + 1);
}

/** A block of a version as it stands in a file of this length: zeros where the version ends before. */
function padded(version: Buffer | undefined, block: number, length: number): Buffer {
  const from = block * BLOCK_BYTES;
  const result = Buffer.alloc(Math.min(BLOCK_BYTES, length - from));
  if (version) result.set(version.subarray(from, from + result.length));
  return result;
}
