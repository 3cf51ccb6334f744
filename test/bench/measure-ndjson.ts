import { meterBytes, meterCpu } from './costs.js';
import type { Ground } from './ground.js';
import { countMissing, ndjsonBodies, postAll } from './ingest-client.js';
import type { Events } from './rows.js';
import { nothingKnown, type Sample } from './statistics.js';
import type { Target } from './targets.js';
import { peakRssMb } from './usage.js';

export interface NdjsonRun {
  readonly events: Events;
  readonly eventsPerBody: number;
  /** How many events. */
  readonly rows: number;
  readonly warmUpRows: number;
}

/** POST /v1/events with many events each, from the first byte until all are acknowledged and, with a landing, stored. */
export async function measureNdjson(
  ground: Ground,
  { server, landing }: Target,
  { events, eventsPerBody, rows, warmUpRows }: NdjsonRun,
): Promise<Sample> {
  const payers = { pid: server.pid, databases: landing && ground.databases };
  const counts = await landing?.counts();
  const bytes = meterBytes(payers);
  const warmUp = await postAll(server.url, ndjsonBodies(events(ground.prefix(), warmUpRows), eventsPerBody));
  await landing?.landed();

  // Made beforehand, so that they are not what is measured.
  const bodies = [...ndjsonBodies(events(ground.prefix(), rows), eventsPerBody)];
  const cpu = meterCpu(payers);
  const own = process.cpuUsage();
  const begin = performance.now();
  const posted = await postAll(server.url, bodies);
  const acknowledgedMs = performance.now() - begin;
  await landing?.landed();
  const landedMs = performance.now() - begin;
  const cpuUsed = cpu(posted);
  const { user, system } = process.cpuUsage(own);
  const all = warmUp + posted;
  return {
    ...nothingKnown,
    acknowledgedPerS: posted / (acknowledgedMs / 1000),
    landedPerS: landing && posted / (landedMs / 1000),
    errors: landing && counts ? countMissing(counts, await landing.counts(), all) : 0,
    landedAfterMs: landing && landedMs - acknowledgedMs,
    ...cpuUsed,
    ...(await bytes(all)),
    peakRssMb: peakRssMb(server.pid),
    loadCpuPercent: (user + system) / 10 / landedMs,
  };
}
