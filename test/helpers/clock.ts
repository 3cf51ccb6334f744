import type { Clock } from '../../src/upkeep/schedule.js';
import { until } from './drain.js';

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** A clock that goes when it is told to. */
export class TestClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #nowMs: number;

  constructor(time: string) {
    this.#nowMs = Date.parse(time);
  }

  now(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper: Sleeper = { untilMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }

  /** Puts the clock forward; whoever has slept enough by then wakes up. */
  forward(ms: number): void {
    this.#nowMs += ms;
    for (const { untilMs, wake } of [...this.#sleepers]) if (untilMs <= this.#nowMs) wake();
  }

  /** Waits until so many sleep. */
  async asleep(count: number): Promise<void> {
    await until(() => this.#sleepers.size === count);
  }
}
