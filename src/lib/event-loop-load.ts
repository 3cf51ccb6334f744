import { type EventLoopUtilization, performance } from 'node:perf_hooks';

/** How busy this thread is, looked at no more often than every tenth of a second. */
export class EventLoopLoad {
  static readonly #LOOK_EVERY_MS = 100;
  #last: EventLoopUtilization = performance.eventLoopUtilization();
  #lookedAtMs = performance.now();
  #share = 0;

  /** The share of the last tenth of a second, or the time since the last call, that was not spent waiting: 0 to 1. */
  get share(): number {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < EventLoopLoad.#LOOK_EVERY_MS) return this.#share;
    const now = performance.eventLoopUtilization();
    this.#share = performance.eventLoopUtilization(now, this.#last).utilization;
    this.#last = now;
    this.#lookedAtMs = nowMs;
    return this.#share;
  }
}
