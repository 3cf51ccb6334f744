import { type Memory, memory } from './memory.js';

/** The different byte strings among many, in the order in which they first came. */
export class DistinctValues {
  /** Where each value ends in `values`; it begins where the one before ends. */
  readonly #ends: Int32Array;
  readonly #hashes: Int32Array;
  /** A hash table with open addressing: the number of a value, plus one, where its hash says, or in the next free slot. */
  readonly #slots: Int32Array;
  #values = memory(FIRST_BYTES);
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

  /** All of them, one behind the other. */
  get values(): Memory {
    return this.#values;
  }

  startOf(number: number): number {
    return number === 0 ? 0 : (this.#ends[number - 1] ?? 0);
  }

  endOf(number: number): number {
    return this.#ends[number] ?? 0;
  }

  /** The number of the value, counted from 0. */
  numberOf(source: Memory, start: number, end: number): number {
    const hash = hashOf(source, start, end);
    const last = this.#slots.length - 1;
    for (let slot = hash & last; ; slot = (slot + 1) & last) {
      const number = (this.#slots[slot] ?? 0) - 1;
      if (number === -1) return this.#add(hash, slot, source, start, end);
      if (this.#hashes[number] === hash && this.#equals(number, source, start, end)) return number;
    }
  }

  clear(): void {
    this.#size = 0;
    this.#slots.fill(0);
    // One group of rows with large values does not keep the memory for all that follow.
    if (this.#values.bytes.length > MOST_BYTES_KEPT) this.#values = memory(FIRST_BYTES);
  }

  #add(hash: number, slot: number, source: Memory, start: number, end: number): number {
    const number = this.#size++;
    const begin = this.startOf(number);
    const stop = begin + end - start;
    if (stop > this.#values.bytes.length) {
      const larger = memory(Math.max(stop, 2 * this.#values.bytes.length));
      larger.bytes.set(this.#values.bytes);
      this.#values = larger;
    }
    this.#values.bytes.set(source.bytes.subarray(start, end), begin);
    this.#ends[number] = stop;
    this.#hashes[number] = hash;
    this.#slots[slot] = number + 1;
    return number;
  }

  #equals(number: number, source: Memory, start: number, end: number): boolean {
    const { bytes, words } = this.#values;
    let own = this.startOf(number);
    if (this.endOf(number) - own !== end - start) return false;
    let place = start;
    for (; place + 4 <= end; place += 4, own += 4) {
      if (words.getInt32(own) !== source.words.getInt32(place)) return false;
    }
    for (; place < end; place++, own++) {
      if (bytes[own] !== source.bytes[place]) return false;
    }
    return true;
  }
}

const FIRST_BYTES = 4 * 1024;
const MOST_BYTES_KEPT = 4 * 1024 * 1024;

/** FNV-1a over words of four bytes, and over single ones where no four are left. */
function hashOf({ bytes, words }: Memory, start: number, end: number): number {
  let hash = FNV_BASIS;
  let place = start;
  for (; place + 4 <= end; place += 4) hash = mixed(hash ^ words.getInt32(place));
  for (; place < end; place++) hash = mixed(hash ^ (bytes[place] ?? 0));
  return hash ^ (hash >>> 15);
}

/** Multiplying carries upwards only, so the upper half is brought down each time. */
function mixed(hash: number): number {
  const product = Math.imul(hash, FNV_PRIME);
  return product ^ (product >>> 16);
}

const FNV_BASIS = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;
