import type { Bench } from './bench.js';
import { flush, notStored } from './ingest-client.js';
import type { Server } from './processes.js';
import type { Sample } from './statistics.js';
import { cpuMs, familyCpuMs, peakRssMb, perEventUs } from './usage.js';

export interface SinglesServer {
  readonly server: Server;
  /** The service itself, which tells how far it is. */
  readonly isOurs: boolean;
  /** What it acknowledges is carried into the store. */
  readonly drains: boolean;
}

/** POST /v1/calls, one call each. */
export async function measureSingles(
  bench: Bench,
  open: (bench: Bench, databaseUrl: string) => Promise<SinglesServer>,
): Promise<Sample> {
  const database = await bench.databases.create();
  const opened = await open(bench, database.url);
  try {
    return await measure(bench, opened);
  } finally {
    await opened.server.stop();
    await database.drop();
  }
}

async function measure(bench: Bench, { server, isOurs, drains }: SinglesServer): Promise<Sample> {
  const { settings, databases, load } = bench;
  const target = { url: server.url, connections: settings.connections };
  if (isOurs) await flush(server.url);
  const warmUp = await load.run({ ...target, durationS: settings.warmUpS, prefix: 'warm-up' });
  if (drains) await flush(server.url);

  const before = { service: cpuMs(server.pid), postgres: familyCpuMs(databases.pid) };
  const result = await load.run({ ...target, durationS: settings.durationS, prefix: 'run' });
  const endedAt = performance.now();
  if (drains) await flush(server.url);
  const landedAfterMs = drains ? performance.now() - endedAt : null;
  const after = { service: cpuMs(server.pid), postgres: familyCpuMs(databases.pid) };
  return {
    rate: result.acknowledged / result.seconds,
    errors:
      result.errors + (drains ? await notStored(server.url, warmUp.acknowledged + result.acknowledged) : 0),
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    p999Ms: result.p999Ms,
    serviceCpuUs: perEventUs(before.service, after.service, result.acknowledged),
    postgresCpuUs: drains ? perEventUs(before.postgres, after.postgres, result.acknowledged) : null,
    peakRssMb: peakRssMb(server.pid),
    loadCpuPercent: result.cpuPercent,
    landedAfterMs,
  };
}
