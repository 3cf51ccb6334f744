/** The different byte strings among many, in the order in which they first came. */
export class DistinctValues {
  /** Where each value ends in `bytes`; it begins where the one before ends. */
  readonly #ends: Int32Array;
  readonly #hashes: Int32Array;
  /** A hash table with open addressing: the number of a value, plus one, where its hash says, or in the next free slot. */
  readonly #slots: Int32Array;
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #size = 0;

  /** @param most how many there can be */
  constructor(most: number) {
    this.#ends = new Int32Array(most);
    this.#hashes = new Int32Array(most);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * most)));
  }

  get size(): number {
    return this.#size;
  }

  /** All values one behind the other. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  startOf(number: number): number {
    return number === 0 ? 0 : (this.#ends[number - 1] ?? 0);
  }

  endOf(number: number): number {
    return this.#ends[number] ?? 0;
  }

  /** The number of the value, counted from 0. */
  numberOf(source: Buffer, start: number, end: number): number {
    let hash = FNV_BASIS;
    for (let place = start; place < end; place++) hash = Math.imul(hash ^ (source[place] ?? 0), FNV_PRIME);
    const last = this.#slots.length - 1;
    for (let slot = (hash ^ (hash >>> 15)) & last; ; slot = (slot + 1) & last) {
      const number = (this.#slots[slot] ?? 0) - 1;
      if (number === -1) return this.#add(hash, slot, source, start, end);
      if (this.#hashes[number] === hash && this.#equals(number, source, start, end)) return number;
    }
  }

  clear(): void {
    this.#size = 0;
    this.#slots.fill(0);
    // One group of rows with large values does not keep the memory for all that follow.
    if (this.#bytes.length > MOST_BYTES_KEPT) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  #add(hash: number, slot: number, source: Buffer, start: number, end: number): number {
    const number = this.#size++;
    const begin = this.startOf(number);
    const length = begin + end - start;
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, begin);
      this.#bytes = larger;
    }
    // Most are short, and for a few bytes a loop is quicker than a call.
    const bytes = this.#bytes;
    if (end - start > 64) source.copy(bytes, begin, start, end);
    else for (let place = start; place < end; place++) bytes[begin + place - start] = source[place] ?? 0;
    this.#ends[number] = length;
    this.#hashes[number] = hash;
    this.#slots[slot] = number + 1;
    return number;
  }

  #equals(number: number, source: Buffer, start: number, end: number): boolean {
    const begin = this.startOf(number);
    const length = end - start;
    if (this.endOf(number) - begin !== length) return false;
    const bytes = this.#bytes;
    for (let place = 0; place < length; place++) {
      if (bytes[begin + place] !== source[start + place]) return false;
    }
    return true;
  }
}

const FIRST_BYTES = 4 * 1024;
const MOST_BYTES_KEPT = 4 * 1024 * 1024;
/** Of the hash FNV-1a, 32 bits. */
const FNV_BASIS = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;
