/** What a backlog costs: how it comes in, how the service starts with it, and how it drains while calls go on coming. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { settle, settledOf, untilReady } from './backlog-watch.js';
import { countMissing, countsOf, flush, ndjsonBodies, postAll } from './ingest-client.js';
import type { Load, LoadResult } from './load.js';
import { type Server, startServer } from './processes.js';
import { callEvents } from './rows.js';
import { serviceEnv } from './targets.js';
import { peakRssMb, rssMb } from './usage.js';

export interface BacklogSettings {
  /** Of the backlog. */
  readonly events: number;
  /** What batches do without a backlog is measured with so many. */
  readonly rows: number;
  readonly warmUpRows: number;
  readonly connections: number;
  readonly durationS: number;
  readonly warmUpS: number;
  /** Of one piece of the load that goes on beside the drain. */
  readonly sliceS: number;
  readonly service: readonly string[];
}

export interface BacklogReport {
  readonly settings: BacklogSettings;
  readonly cpus: number;
  readonly loadAverage: number;
  readonly starts: readonly StartLine[];
  readonly phases: readonly PhaseLine[];
  /** Answers other than 2xx and broken connections. */
  readonly errors: number;
  /** Acknowledged events that did not become rows of their own. */
  readonly missing: number;
}

/** From the start of the process. */
export interface StartLine {
  readonly title: string;
  /** Until /readyz answers 200. */
  readonly readyMs: number;
  /** Until the service knows its database; null where it is busy draining then. */
  readonly databaseMs: number | null;
}

export interface PhaseLine {
  readonly title: string;
  /** Of batches or of the backlog. */
  readonly eventsPerS: number | null;
  /** Single POSTs, acknowledged. */
  readonly singlesPerS: number | null;
  readonly p99Ms: number | null;
  /** Of the service, in the end of the phase. */
  readonly rssMb: number | null;
  /** Since its process started. */
  readonly peakRssMb: number | null;
}

const EVENTS_PER_BODY = 10_000;
const PAUSED = { DRAIN_CONCURRENCY: '0' };

/** @param progress hears of each step */
export async function runBacklog(
  load: Load,
  settings: BacklogSettings,
  progress: (note: string) => void,
): Promise<BacklogReport> {
  const loadAverage = loadavg()[0] ?? 0;
  const dataDir = await mkdtemp(join(tmpdir(), 'call-logger-bench-'));
  // The account that PostgreSQL runs under has to get through.
  await chmod(dataDir, 0o711);
  try {
    const bench = new BacklogBench(settings, dataDir, load, progress);
    await bench.run();
    const { starts, phases, errors, missing } = bench;
    return { settings, cpus: cpus().length, loadAverage, starts, phases, errors, missing };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

class BacklogBench {
  readonly starts: StartLine[] = [];
  readonly phases: PhaseLine[] = [];
  errors = 0;
  missing = 0;
  #acknowledged = 0;
  /** Before there was a backlog. */
  #settled = 0;
  #prefixes = 0;

  constructor(
    private readonly settings: BacklogSettings,
    private readonly dataDir: string,
    private readonly load: Load,
    private readonly progress: (note: string) => void,
  ) {}

  /** A process for each step, so that each has its own peak of memory. */
  async run(): Promise<void> {
    await this.#serve({}, async (server, begin) => {
      await this.#start('first ever, DATA_DIR empty', server, begin);
      await this.#withoutBacklog(server);
    });
    await this.#serve(PAUSED, async (server, begin) => {
      await this.#start('cluster there, spool empty', server, begin);
      await this.#accept(server);
    });
    await this.#serve(PAUSED, async (server, begin) => {
      await this.#start('cluster there, backlog spooled, drain paused', server, begin, false);
      await this.#singlesOnBacklog(server);
    });
    await this.#serve({}, async (server, begin) => {
      await this.#start('cluster there, backlog spooled', server, begin, false);
      await this.#drain(server);
    });
  }

  async #serve(
    env: Readonly<Record<string, string>>,
    use: (server: Server, begin: number) => Promise<void>,
  ): Promise<void> {
    const begin = performance.now();
    const all = { DATA_DIR: this.dataDir, ...serviceEnv, ...env };
    const server = await startServer(this.settings.service, all);
    try {
      await use(server, begin);
    } finally {
      await server.stop();
    }
  }

  async #start(title: string, { url }: Server, begin: number, flushes = true): Promise<void> {
    await untilReady(url);
    const readyMs = performance.now() - begin;
    if (flushes) await flush(url);
    const databaseMs = flushes ? performance.now() - begin : null;
    this.starts.push({ title, readyMs, databaseMs });
    this.progress(`start: ${title}: ready after ${readyMs.toFixed(0)} ms`);
  }

  /** What single calls and batches do by themselves. */
  async #withoutBacklog(server: Server): Promise<void> {
    const { rows, warmUpRows, durationS, warmUpS } = this.settings;
    await this.#postSingles(server, warmUpS);
    await flush(server.url);
    const singles = await this.#postSingles(server, durationS);
    await flush(server.url);
    this.#phase('single POSTs, no backlog', server, singlesOf(singles));

    await this.#postBatches(server, warmUpRows);
    await flush(server.url);
    const begin = performance.now();
    const posted = await this.#postBatches(server, rows);
    await flush(server.url);
    this.#phase('NDJSON of 10,000 landed, no backlog', server, { eventsPerS: perS(posted, begin) });
    this.#settled = await settledOf(server.url);
  }

  async #accept(server: Server): Promise<void> {
    const begin = performance.now();
    const posted = await this.#postBatches(server, this.settings.events);
    this.#phase('backlog accepted as NDJSON, drain paused', server, { eventsPerS: perS(posted, begin) });
  }

  async #singlesOnBacklog(server: Server): Promise<void> {
    await this.#postSingles(server, this.settings.warmUpS);
    const singles = await this.#postSingles(server, this.settings.durationS);
    this.#phase('single POSTs on the backlog, drain paused', server, singlesOf(singles));
  }

  async #drain(server: Server): Promise<void> {
    const over = new AbortController();
    const drained = settle(server.url, this.#settled, this.#acknowledged).finally(() => {
      over.abort();
    });
    drained.catch(() => undefined);
    const slices: LoadResult[] = [];
    do slices.push(await this.#postSingles(server, this.settings.sliceS));
    while (!over.signal.aborted);
    const eventsPerS = await drained;
    // The last slice had no backlog beside it for a part of it, unless it is all there is.
    const beside = slices.length > 1 ? slices.slice(0, -1) : slices;
    const rates = beside.map((slice) => singlesOf(slice).singlesPerS);
    this.#phase('backlog drained, beside single POSTs', server, {
      eventsPerS,
      singlesPerS: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
      p99Ms: Math.max(...beside.map(({ p99Ms }) => p99Ms)),
    });
    await flush(server.url);
    const nothing = { stored: 0, duplicate: 0, dead_letter: 0 };
    this.missing = countMissing(nothing, await countsOf(server.url), this.#acknowledged);
  }

  async #postSingles({ url }: Server, durationS: number): Promise<LoadResult> {
    const { connections } = this.settings;
    const result = await this.load.run({ url, connections, durationS, prefix: this.#prefix() });
    this.#acknowledged += result.acknowledged;
    this.errors += result.errors;
    return result;
  }

  async #postBatches({ url }: Server, rows: number): Promise<number> {
    const posted = await postAll(url, ndjsonBodies(callEvents(this.#prefix(), rows), EVENTS_PER_BODY));
    this.#acknowledged += posted;
    return posted;
  }

  #prefix(): string {
    return `run-${++this.#prefixes}`;
  }

  #phase(
    title: string,
    { pid }: Server,
    figures: Partial<Pick<PhaseLine, 'eventsPerS' | 'singlesPerS' | 'p99Ms'>>,
  ): void {
    const memory = { rssMb: rssMb(pid), peakRssMb: peakRssMb(pid) };
    this.phases.push({ title, eventsPerS: null, singlesPerS: null, p99Ms: null, ...figures, ...memory });
    this.progress(`${title}: ${(figures.eventsPerS ?? figures.singlesPerS)?.toFixed(0)}/s`);
  }
}

function perS(events: number, begin: number): number {
  return events / ((performance.now() - begin) / 1000);
}

function singlesOf({ acknowledged, seconds, p99Ms }: LoadResult): { singlesPerS: number; p99Ms: number } {
  return { singlesPerS: acknowledged / seconds, p99Ms };
}
