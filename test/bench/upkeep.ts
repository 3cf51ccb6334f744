/** How long backup, verification, restore and cleanup take on a filled database, alone and beside ingest. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { flush } from './ingest-client.js';
import { Load } from './load.js';
import { startServer } from './processes.js';
import { type Answer, ReadsClient } from './reads-client.js';
import { peakRssMb } from './usage.js';

export interface UpkeepSettings {
  /** Filled; calls are added to it and, by the cleanup, taken from it. */
  readonly databaseUrl: string;
  /** Empty. */
  readonly restoreUrl: string | undefined;
  /** Undefined: no cleanup. */
  readonly daysToKeep: number | undefined;
  readonly connections: number;
  /** Of the load at rest, and of its slices beside a task. */
  readonly sliceS: number;
  readonly service: readonly string[];
  readonly restore: readonly string[];
}

export interface TaskLine {
  readonly title: string;
  /** With nothing beside it; null where it cannot be had twice. */
  readonly aloneS: number | null;
  /** Beside ingest; null for the restore, which has the database to itself. */
  readonly besideS: number | null;
  /** Acknowledged per second before and after it, and while it ran; null as above. */
  readonly restingRate: number | null;
  readonly besideRate: number | null;
  readonly besideP99Ms: number | null;
  /** Of the process that did it, since its start. */
  readonly peakRssMb: number | null;
  readonly note: string;
}

export interface UpkeepReport {
  readonly lines: readonly TaskLine[];
  readonly cpus: number;
  readonly loadAverage: number;
  /** Answers other than 2xx. */
  readonly errors: number;
}

interface Rate {
  readonly perS: number;
  readonly p99Ms: number;
}

/** @param progress hears of each step */
export async function runUpkeep(
  settings: UpkeepSettings,
  progress: (note: string) => void,
): Promise<UpkeepReport> {
  const loadAverage = loadavg()[0] ?? 0;
  const dataDir = await mkdtemp(join(tmpdir(), 'call-logger-bench-'));
  const env = {
    DATABASE_URL: settings.databaseUrl,
    DATA_DIR: dataDir,
    RETENTION_DAYS: '0',
    BACKUP_INTERVAL_DAYS: '0',
  };
  const load = new Load();
  try {
    const bench = await Bench.open(settings, env, load, progress);
    try {
      const lines = [await bench.backup(), await bench.verify()];
      if (settings.daysToKeep !== undefined) lines.push(await bench.cleanup(settings.daysToKeep));
      const { errors, backupId } = bench;
      await bench.close();
      if (settings.restoreUrl !== undefined) {
        progress('restore');
        lines.push(await restore(settings, env, backupId, settings.restoreUrl));
      }
      return { lines, cpus: cpus().length, loadAverage, errors };
    } finally {
      await bench.close();
    }
  } finally {
    await load.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

class Bench {
  errors = 0;
  backupId = '';
  #slices = 0;
  #closed: Promise<void> | undefined;

  private constructor(
    private readonly settings: UpkeepSettings,
    private readonly server: Awaited<ReturnType<typeof startServer>>,
    private readonly client: ReadsClient,
    private readonly load: Load,
    private readonly progress: (note: string) => void,
  ) {}

  static async open(
    settings: UpkeepSettings,
    env: Readonly<Record<string, string>>,
    load: Load,
    progress: (note: string) => void,
  ): Promise<Bench> {
    const server = await startServer(settings.service, env);
    const bench = new Bench(settings, server, new ReadsClient(server.url), load, progress);
    await flush(server.url);
    await bench.#slice('warm-up');
    return bench;
  }

  async backup(): Promise<TaskLine> {
    const make = async (): Promise<string> => {
      const answer = await this.client.post('/v1/admin/backups?wait=true', {});
      const { id, bytes } = parsed(answer, 201) as { id: string; bytes: number };
      this.backupId = id;
      return `${(bytes / 1024 / 1024).toFixed(0)} MB file`;
    };
    return this.#both('backup', make);
  }

  async verify(): Promise<TaskLine> {
    return this.#both('verify', async () => {
      const answer = await this.client.post(`/v1/admin/backups/${this.backupId}/verify`, {});
      const { ok } = parsed(answer, 200) as { ok: boolean };
      if (!ok) throw new Error(`the backup is bad: ${answer.body}`);
      return '';
    });
  }

  /** Beside ingest alone: what is deleted is gone. */
  async cleanup(daysToKeep: number): Promise<TaskLine> {
    const line = await this.#beside('cleanup', async () => {
      const answer = await this.client.post('/v1/admin/cleanup', { days_to_keep: daysToKeep });
      const { deleted } = parsed(answer, 200) as { deleted: Record<string, number> };
      return Object.entries(deleted)
        .map(([table, rows]) => `${rows} ${table}`)
        .join(', ');
    });
    return { ...line, aloneS: null };
  }

  /** Can be called again. */
  close(): Promise<void> {
    this.client.close();
    this.#closed ??= this.server.stop();
    return this.#closed;
  }

  async #both(title: string, task: () => Promise<string>): Promise<TaskLine> {
    this.progress(`${title}, alone`);
    const { seconds } = await timed(task);
    return { ...(await this.#beside(title, task)), aloneS: seconds };
  }

  async #beside(title: string, task: () => Promise<string>): Promise<Omit<TaskLine, 'aloneS'>> {
    const before = await this.#slice(`${title}: ingest at rest, before`);
    this.progress(`${title}, beside ingest`);
    const over = new AbortController();
    const running = timed(task).finally(() => {
      over.abort();
    });
    running.catch(() => undefined);
    const slices: Rate[] = [];
    do slices.push(await this.#slice(title));
    while (!over.signal.aborted);
    const { seconds, result } = await running;
    // The last slice was alone for a part of it, unless it is all there is.
    const whole = slices.length > 1 ? slices.slice(0, -1) : slices;
    await flush(this.server.url);
    const after = await this.#slice(`${title}: ingest at rest, after`);
    return {
      title,
      besideS: seconds,
      restingRate: (before.perS + after.perS) / 2,
      besideRate: mean(whole.map(({ perS }) => perS)),
      besideP99Ms: Math.max(...whole.map(({ p99Ms }) => p99Ms)),
      peakRssMb: peakRssMb(this.server.pid),
      note: result,
    };
  }

  async #slice(what: string): Promise<Rate> {
    const { connections, sliceS } = this.settings;
    const prefix = `${Date.now().toString(36)}-${this.#slices++}`;
    const request = { url: this.server.url, connections, durationS: sliceS, prefix };
    const { acknowledged, seconds, errors, p99Ms } = await this.load.run(request);
    this.errors += errors;
    const perS = acknowledged / seconds;
    this.progress(`${what}: ${perS.toFixed(0)} acknowledged/s, p99 ${p99Ms.toFixed(1)} ms`);
    return { perS, p99Ms };
  }
}

const LOOK_EVERY_MS = 100;

/** By the command, as an operator does it. */
async function restore(
  { restore: program }: UpkeepSettings,
  env: Readonly<Record<string, string>>,
  id: string,
  into: string,
): Promise<TaskLine> {
  let peak: number | null = null;
  const { seconds } = await timed(async () => {
    const child = spawn(process.execPath, [...program, id, '--into', into], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const { pid } = child;
    const look = setInterval(
      () => (peak = (pid === undefined ? null : peakRssMb(pid)) ?? peak),
      LOOK_EVERY_MS,
    );
    const [code] = (await once(child, 'exit')) as [number | null];
    clearInterval(look);
    if (code !== 0) throw new Error(`the restore ended with ${String(code)}`);
  });
  const beside = { besideS: null, restingRate: null, besideRate: null, besideP99Ms: null };
  return { title: 'restore', aloneS: seconds, ...beside, peakRssMb: peak, note: '' };
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const begin = performance.now();
  const result = await work();
  return { seconds: (performance.now() - begin) / 1000, result };
}

function parsed({ status, body }: Answer, expected: number): unknown {
  if (status !== expected) throw new Error(`answered with ${status}: ${body}`);
  return JSON.parse(body);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
