/** Gathers bytes and hands them on in chunks, each in memory of its own, which may be given away. */
export class Output {
  #bytes = new Uint8Array(CHUNK_BYTES);
  /** Where the next byte goes. */
  #at = 0;

  constructor(private readonly emit: (chunk: Uint8Array<ArrayBuffer>) => void) {}

  /** Memory with room for so many bytes from `at` on; tell with `wrote` where they ended. */
  room(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) {
      this.flush();
      if (count > this.#bytes.length) this.#bytes = new Uint8Array(count);
    }
    return this.#bytes;
  }

  get at(): number {
    return this.#at;
  }

  wrote(end: number): void {
    this.#at = end;
  }

  flush(): void {
    if (this.#at === 0) return;
    const { buffer } = this.#bytes;
    this.emit(new Uint8Array(buffer, 0, this.#at));
    this.#bytes = new Uint8Array(CHUNK_BYTES);
    this.#at = 0;
  }
}

const CHUNK_BYTES = 256 * 1024;
