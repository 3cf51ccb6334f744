import { createHash } from 'node:crypto';

/** A stream of random numbers, the same for the same words: sfc32, begun with a hash of them. */
export class Random {
  readonly #state: Int32Array;

  constructor(...words: readonly (string | number)[]) {
    const hash = createHash('sha256').update(words.join('/')).digest();
    this.#state = new Int32Array([0, 4, 8, 12].map((at) => hash.readInt32LE(at)));
  }

  /** In [0, 1). */
  next(): number {
    const [a = 0, b = 0, c = 0, counter = 0] = this.#state;
    const sum = (a + b + counter) | 0;
    this.#state.set([b ^ (b >>> 9), (c + (c << 3)) | 0, (((c << 21) | (c >>> 11)) + sum) | 0, counter + 1]);
    return (sum >>> 0) / 2 ** 32;
  }

  /** Both bounds included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.integer(0, list.length - 1)];
    if (item === undefined) throw new RangeError('there is nothing to pick from');
    return item;
  }

  shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((item) => ({ item, rank: this.next() }))
      .sort((x, y) => x.rank - y.rank)
      .map(({ item }) => item);
  }
}
