import type { Outcome } from '../store/write/outcome.js';

/** More records than this are never watched at once: whoever asks for more gets no answer and the ordinary 202. */
const MAX_WATCHED = 50_000;

interface Watch {
  readonly outcomes: (Outcome | undefined)[];
  readonly first: number;
  missing: number;
  readonly resolve: (outcomes: readonly Outcome[] | null) => void;
}

/** Tells who asked what became of certain records, as soon as all of them are settled. */
export class Watchers {
  /** By sequence; a record has one watcher at most: whoever appended it. */
  readonly #watched = new Map<number, Watch>();
  #isClosed = false;

  /** Resolves with one outcome per record, or with null after `withinMs`, when too many are watched, or once closed. Never rejects. */
  watch(first: number, count: number, withinMs: number): Promise<readonly Outcome[] | null> {
    if (this.#isClosed || this.#watched.size + count > MAX_WATCHED) return Promise.resolve(null);
    return new Promise((resolve) => {
      const watch: Watch = {
        outcomes: new Array<Outcome | undefined>(count).fill(undefined),
        first,
        missing: count,
        resolve: (outcomes) => {
          clearTimeout(timer);
          for (let sequence = first; sequence < first + count; sequence++) this.#watched.delete(sequence);
          resolve(outcomes);
        },
      };
      const timer = setTimeout(watch.resolve, withinMs, null);
      for (let sequence = first; sequence < first + count; sequence++) this.#watched.set(sequence, watch);
    });
  }

  settle(sequence: number, outcome: Outcome): void {
    const watch = this.#watched.get(sequence);
    if (watch === undefined) return;
    watch.outcomes[sequence - watch.first] = outcome;
    if (--watch.missing > 0) return;
    watch.resolve(watch.outcomes.filter((known) => known !== undefined));
  }

  /** Everyone gets null, now and later. */
  close(): void {
    this.#isClosed = true;
    for (const watch of new Set(this.#watched.values())) watch.resolve(null);
  }
}
