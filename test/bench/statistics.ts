/** What one contender did in one round; null where it does not apply or cannot be known on this system. */
export interface Sample {
  readonly acknowledgedPerS: number | null;
  /** From the begin until all was in the store. */
  readonly landedPerS: number | null;
  /** Answers other than 2xx, broken connections, events that did not become rows. */
  readonly errors: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  /** From the end of the load until all of it was in the store. */
  readonly landedAfterMs: number | null;
  /** Per event, of the process that answers. */
  readonly serviceCpuUs: number | null;
  /** Per event, of PostgreSQL with all its processes. */
  readonly postgresCpuUs: number | null;
  /** Written to disk per event, by the process that answers. */
  readonly serviceBytes: number | null;
  /** The same of PostgreSQL, with a checkpoint in the end. */
  readonly postgresBytes: number | null;
  readonly peakRssMb: number | null;
  /** Of one core, by whatever makes the load: near 100 it is the bottleneck. */
  readonly loadCpuPercent: number | null;
  /** p99 of how late an open loop was to send. */
  readonly loadLagMs: number | null;
}

export const nothingKnown: Sample = {
  acknowledgedPerS: null,
  landedPerS: null,
  errors: null,
  p50Ms: null,
  p99Ms: null,
  p999Ms: null,
  landedAfterMs: null,
  serviceCpuUs: null,
  postgresCpuUs: null,
  serviceBytes: null,
  postgresBytes: null,
  peakRssMb: null,
  loadCpuPercent: null,
  loadLagMs: null,
};

/** The middle, the least and the most of some rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @returns null when no round has a value; what is no finite number is none */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const known = values
    .filter((value) => value !== null)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const [min, max] = [known[0], known.at(-1)];
  const [low, high] = [known[(known.length - 1) >> 1], known[known.length >> 1]];
  if (min === undefined || max === undefined || low === undefined || high === undefined) return null;
  return { median: (low + high) / 2, min, max };
}

export type Figures = { readonly [Figure in keyof Sample]: Spread | null };

/** Figure by figure. */
export function spreadsOf(samples: readonly Sample[]): Figures {
  const of = (figure: keyof Sample): Spread | null => spreadOf(samples.map((sample) => sample[figure]));
  return {
    acknowledgedPerS: of('acknowledgedPerS'),
    landedPerS: of('landedPerS'),
    errors: of('errors'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    p999Ms: of('p999Ms'),
    landedAfterMs: of('landedAfterMs'),
    serviceCpuUs: of('serviceCpuUs'),
    postgresCpuUs: of('postgresCpuUs'),
    serviceBytes: of('serviceBytes'),
    postgresBytes: of('postgresBytes'),
    peakRssMb: of('peakRssMb'),
    loadCpuPercent: of('loadCpuPercent'),
    loadLagMs: of('loadLagMs'),
  };
}
