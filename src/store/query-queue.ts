import PQueue from 'p-queue';
import { StoreBusyError } from './refusals.js';

export interface QueryQueueOptions {
  readonly concurrency: number;
  /** Further queries are rejected at once. */
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

/** Runs a few queries at a time. The others wait for their turn, first come first served, and hold no connection. */
export class QueryQueue {
  readonly #queue: PQueue;
  readonly #waiting = new Set<AbortController>();

  constructor(private readonly options: QueryQueueOptions) {
    this.#queue = new PQueue({ concurrency: options.concurrency });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * @param signal takes a waiting query out of the queue; to end a running one is up to the query
   * @throws StoreBusyError, the reason of the signal, what the query throws, and what `rejectWaiting` is given
   */
  async run<T>(query: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { maxWaiting, maxWaitMs } = this.options;
    if (this.#waiting.size >= maxWaiting) throw new StoreBusyError();
    const wait = new AbortController();
    const leave = (): void => {
      wait.abort(signal.reason);
    };
    const timer = setTimeout(() => {
      wait.abort(new StoreBusyError());
    }, maxWaitMs);
    const endWait = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
      this.#waiting.delete(wait);
    };
    signal.addEventListener('abort', leave);
    this.#waiting.add(wait);
    try {
      return await this.#queue.add(
        () => {
          endWait();
          return query();
        },
        { signal: wait.signal },
      );
    } finally {
      endWait();
    }
  }

  rejectWaiting(error: Error): void {
    for (const wait of this.#waiting) wait.abort(error);
  }
}
