import type { Bench } from './bench.js';
import { copyAll, type CsvFile, writeCsv } from './copy.js';
import { type Bodies, flush, ndjsonBodies, notStored, postAll } from './ingest-client.js';
import { type Server, startServer } from './processes.js';
import type { Events } from './rows.js';
import type { Sample } from './statistics.js';
import { cpuMs, familyCpuMs, peakRssMb, perEventUs } from './usage.js';

/** Connections that post batches at once: while one waits for its answer, the other keeps the door busy. */
const SENDERS = 2;

/** POST /v1/events with many events each, from the first byte until all of them are in the store. */
export async function measureNdjson(bench: Bench, events: Events, eventsPerBody: number): Promise<Sample> {
  const database = await bench.databases.create();
  const env = { DATABASE_URL: database.url, DATA_DIR: await bench.directory() };
  const server = await startServer(bench.settings.service, env);
  try {
    return await measure(bench, server, (prefix, rows) => ndjsonBodies(events(prefix, rows), eventsPerBody));
  } finally {
    await server.stop();
    await database.drop();
  }
}

async function measure(
  { settings, databases }: Bench,
  server: Server,
  bodiesOf: (prefix: string, rows: number) => Bodies,
): Promise<Sample> {
  const warmUp = bodiesOf('warm-up', settings.warmUpRows);
  await postAll(server.url, warmUp, SENDERS);
  await flush(server.url);

  const bodies = bodiesOf('run', settings.rows);
  const own = process.cpuUsage();
  const before = { service: cpuMs(server.pid), postgres: familyCpuMs(databases.pid) };
  const begin = performance.now();
  await postAll(server.url, bodies, SENDERS);
  const acknowledgedAt = performance.now();
  await flush(server.url);
  const landedAt = performance.now();
  const after = { service: cpuMs(server.pid), postgres: familyCpuMs(databases.pid) };
  const { user, system } = process.cpuUsage(own);
  return {
    rate: bodies.events / ((landedAt - begin) / 1000),
    errors: await notStored(server.url, warmUp.events + bodies.events),
    ...noLatency,
    serviceCpuUs: perEventUs(before.service, after.service, bodies.events),
    postgresCpuUs: perEventUs(before.postgres, after.postgres, bodies.events),
    peakRssMb: peakRssMb(server.pid),
    loadCpuPercent: (user + system) / 10 / (landedAt - begin),
    landedAfterMs: landedAt - acknowledgedAt,
  };
}

/** COPY of the rows that these events become, after the same warm-up. */
export async function measureCopy(bench: Bench, events: Events): Promise<Sample> {
  const { settings, databases } = bench;
  const database = await databases.create();
  const warmUp = await writeCsv(await bench.directory(), events('warm-up', settings.warmUpRows));
  const measured = await writeCsv(await bench.directory(), events('run', settings.rows));
  const rows = rowsIn(measured);
  await copyAll(database.url, warmUp);
  const before = familyCpuMs(databases.pid);
  const tookMs = await copyAll(database.url, measured);
  const after = familyCpuMs(databases.pid);
  const copied = await database.countRows();
  await database.drop();
  return {
    rate: rows / (tookMs / 1000),
    errors: rowsIn(warmUp) + rows - copied,
    ...noLatency,
    serviceCpuUs: null,
    postgresCpuUs: perEventUs(before, after, rows),
    peakRssMb: null,
    loadCpuPercent: null,
    landedAfterMs: null,
  };
}

function rowsIn(files: readonly CsvFile[]): number {
  return files.reduce((sum, file) => sum + file.rows, 0);
}

const noLatency = { p50Ms: null, p99Ms: null, p999Ms: null };
