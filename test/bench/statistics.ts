/** What one contender did in one round; null where it does not apply or cannot be known on this system. */
export interface Sample {
  /** Acknowledged or landed events per second. */
  readonly rate: number;
  /** Answers other than 2xx, broken connections, events that did not become rows. */
  readonly errors: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  /** Per event, of the process that answers. */
  readonly serviceCpuUs: number | null;
  /** Per event, of PostgreSQL with all its processes. */
  readonly postgresCpuUs: number | null;
  readonly peakRssMb: number | null;
  /** Of one core, by whatever makes the load: near 100 it is the bottleneck. */
  readonly loadCpuPercent: number | null;
  /** From the end of the load until all of it was in the store. */
  readonly landedAfterMs: number | null;
}

/** The middle, the least and the most of some rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @returns null when no round has a value */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  const [min, max] = [known[0], known.at(-1)];
  const [low, high] = [known[(known.length - 1) >> 1], known[known.length >> 1]];
  if (min === undefined || max === undefined || low === undefined || high === undefined) return null;
  return { median: (low + high) / 2, min, max };
}
