import { type Memory, memory } from './memory.js';

/** Gathers bytes and hands them on in chunks, each in memory of its own, which may be given away. */
export class Output {
  #memory = memory(CHUNK_BYTES);
  #at = 0;

  constructor(private readonly emit: (chunk: Uint8Array<ArrayBuffer>) => void) {}

  /** Where the next byte goes; only after `room`, which may begin a new chunk. */
  get at(): number {
    return this.#at;
  }

  /** Memory with room for so many bytes from `at` on; tell with `wrote` where they ended. */
  room(count: number): Memory {
    if (this.#at + count > this.#memory.bytes.length) {
      this.flush();
      if (count > this.#memory.bytes.length) this.#memory = memory(count);
    }
    return this.#memory;
  }

  wrote(end: number): void {
    this.#at = end;
  }

  flush(): void {
    if (this.#at === 0) return;
    this.emit(this.#memory.bytes.subarray(0, this.#at));
    this.#memory = memory(CHUNK_BYTES);
    this.#at = 0;
  }
}

const CHUNK_BYTES = 512 * 1024;
