import { setTimeout as delay } from 'node:timers/promises';

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Waits that double up to a bound, with full jitter on their upper half so that many waiters spread out. */
export class Backoff {
  #attempts = 0;

  constructor(private readonly options: BackoffOptions) {}

  reset(): void {
    this.#attempts = 0;
  }

  /** Resolves after the next wait, or early when the signal is aborted. Never rejects. */
  async wait(signal: AbortSignal): Promise<void> {
    const ceilingMs = Math.min(
      this.options.maxMs,
      this.options.firstMs * 2 ** Math.min(this.#attempts++, 30),
    );
    await sleep(ceilingMs / 2 + (Math.random() * ceilingMs) / 2, signal);
  }
}

/** Resolves after the time, or early when the signal is aborted. Never rejects. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
