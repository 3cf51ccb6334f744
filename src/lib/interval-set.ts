/** A set of integers kept as disjoint, non-adjacent, ascending intervals: small while what is added lies close together. */
export class IntervalSet {
  // Two columns of equal length; #firsts[i] <= #lasts[i] < #firsts[i + 1] - 1.
  readonly #firsts: number[] = [];
  readonly #lasts: number[] = [];
  #size = 0;

  /** How many integers the set holds. */
  get size(): number {
    return this.#size;
  }

  /** Adds first..last (inclusive; nothing when last < first). Returns how many of them were new. */
  add(first: number, last: number): number {
    if (last < first) return 0;
    const from = this.#indexEndingAtOrAfter(first - 1);
    let mergedFirst = first;
    let mergedLast = last;
    let covered = 0;
    let to = from;
    for (; to < this.#firsts.length; to++) {
      const nextFirst = this.#firsts[to] ?? Infinity;
      const nextLast = this.#lasts[to] ?? Infinity;
      if (nextFirst > last + 1) break;
      covered += nextLast - nextFirst + 1;
      mergedFirst = Math.min(mergedFirst, nextFirst);
      mergedLast = Math.max(mergedLast, nextLast);
    }
    this.#firsts.splice(from, to - from, mergedFirst);
    this.#lasts.splice(from, to - from, mergedLast);
    const added = mergedLast - mergedFirst + 1 - covered;
    this.#size += added;
    return added;
  }

  has(value: number): boolean {
    return this.nextMissing(value) !== value;
  }

  /** The smallest integer ≥ value that is not in the set. */
  nextMissing(value: number): number {
    const index = this.#indexEndingAtOrAfter(value);
    const first = this.#firsts[index];
    const last = this.#lasts[index];
    return first !== undefined && last !== undefined && first <= value ? last + 1 : value;
  }

  #indexEndingAtOrAfter(value: number): number {
    let low = 0;
    let high = this.#lasts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lasts[middle] ?? Infinity) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
