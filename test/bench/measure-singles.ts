import { meterBytes, meterCpu } from './costs.js';
import type { Ground } from './ground.js';
import { countMissing } from './ingest-client.js';
import { nothingKnown, type Sample } from './statistics.js';
import type { Target } from './targets.js';
import { peakRssMb } from './usage.js';

export interface SinglesRun {
  readonly connections: number;
  readonly durationS: number;
  readonly warmUpS: number;
  /** As of a load. */
  readonly eventBytes?: number;
  /** As of a load; the warm-up does without. */
  readonly ratePerS?: number;
}

/** POST /v1/calls, one call each. */
export async function measureSingles(
  ground: Ground,
  { server, landing }: Target,
  { connections, durationS, warmUpS, eventBytes, ratePerS }: SinglesRun,
): Promise<Sample> {
  const { load, databases } = ground;
  const target = { url: server.url, connections, eventBytes };
  const payers = { pid: server.pid, databases: landing && databases };
  const counts = await landing?.counts();
  const bytes = meterBytes(payers);
  const warmUp = await load.run({ ...target, durationS: warmUpS, prefix: ground.prefix() });
  await landing?.landed();

  const cpu = meterCpu(payers);
  const result = await load.run({ ...target, durationS, prefix: ground.prefix(), ratePerS });
  const { acknowledged, seconds } = result;
  const endedAt = performance.now();
  await landing?.landed();
  const landedAfterMs = landing && performance.now() - endedAt;
  const cpuUsed = cpu(acknowledged);
  const all = warmUp.acknowledged + acknowledged;
  return {
    ...nothingKnown,
    acknowledgedPerS: acknowledged / seconds,
    landedPerS: landedAfterMs === null ? null : acknowledged / (seconds + landedAfterMs / 1000),
    errors: result.errors + (landing && counts ? countMissing(counts, await landing.counts(), all) : 0),
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    p999Ms: result.p999Ms,
    landedAfterMs,
    ...cpuUsed,
    ...(await bytes(all)),
    peakRssMb: peakRssMb(server.pid),
    loadCpuPercent: result.cpuPercent,
    loadLagMs: result.lagMs,
  };
}
