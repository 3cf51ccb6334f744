/** Wakes everyone who waits, as often as it rings; after `close` waiting rejects. Holds nothing that keeps a process alive. */
export class Bell {
  readonly #waiting = new Set<{ resolve: () => void; reject: (reason: unknown) => void }>();
  #closed: Error | null = null;

  /** Resolves at the next ring; rejects with the signal's reason when it aborts, or with the error given to `close`. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        this.#waiting.delete(waiter);
        signal.removeEventListener('abort', onAbort);
        done();
      };
      const waiter = {
        resolve: () => {
          settle(resolve);
        },
        reject: (reason: unknown) => {
          settle(() => {
            // A signal's reason is whatever its owner chose; it is passed on as it is.
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
            reject(reason);
          });
        },
      };
      const onAbort = () => {
        waiter.reject(signal.reason);
      };
      if (this.#closed) reject(this.#closed);
      else if (signal.aborted) waiter.reject(signal.reason);
      else {
        signal.addEventListener('abort', onAbort);
        this.#waiting.add(waiter);
      }
    });
  }

  ring(): void {
    for (const waiter of [...this.#waiting]) waiter.resolve();
  }

  close(error: Error): void {
    this.#closed ??= error;
    for (const waiter of [...this.#waiting]) waiter.reject(this.#closed);
  }
}
