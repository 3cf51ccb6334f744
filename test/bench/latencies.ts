import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** Of milliseconds, to the microsecond. */
export class Latencies {
  readonly #us: RecordableHistogram = createHistogram();

  record(ms: number): void {
    this.#us.record(Math.max(1, Math.round(ms * 1000)));
  }

  percentiles(): Percentiles {
    return { p50Ms: this.#ms(50), p99Ms: this.#ms(99), p999Ms: this.#ms(99.9) };
  }

  #ms(percentile: number): number {
    return this.#us.percentile(percentile) / 1000;
  }
}
