import { Deferred } from './deferred.js';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly abandoned: AbortController;
  waiting: number;
}

/** Runs work once for all who ask for the same while it is under way. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * The result of the work under way with this key, else of this work. Its signal is aborted when the last one who
   * waits for it has left: nobody takes it away from the others.
   * @throws the reason of the signal, and what the work throws
   */
  async run(key: string, work: (abandoned: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.waiting += 1;
    const left = new Deferred<void>();
    const leave = (): void => {
      left.resolve();
    };
    signal?.addEventListener('abort', leave);
    try {
      await Promise.race([flight.result, left.promise]);
      signal?.throwIfAborted();
      return await flight.result;
    } finally {
      signal?.removeEventListener('abort', leave);
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        this.#flights.delete(key);
        flight.abandoned.abort();
      }
    }
  }

  #start(key: string, work: (abandoned: AbortSignal) => Promise<T>): Flight<T> {
    const abandoned = new AbortController();
    const flight = { result: work(abandoned.signal), abandoned, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }
}
