/** Exports over HTTP beside psql's \copy of the same view, and what they cost the service meanwhile. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { getViewSelectedFields } from 'drizzle-orm';
import { to as copyTo } from 'pg-copy-streams';
import { arbitrageCalls } from '../../src/store/schema/index.js';
import { withClient } from './databases.js';
import type { ReadsClient } from './reads-client.js';
import type { Facts } from './reads-facts.js';
import { cpuUs, perEvent, rssMb } from './usage.js';

export interface ExportKind {
  readonly title: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly rows: number;
}

export function exportKinds({ rows }: Facts): ExportKind[] {
  const calls = (title: string, query: string): Omit<ExportKind, 'rows'> => ({
    title: `calls, ${title}`,
    path: `/v1/exports/calls?${query}`,
  });
  const now = encodeURIComponent(new Date().toISOString());
  return [
    { ...calls('csv', 'format=csv'), rows: rows.calls },
    { ...calls('ndjson', 'format=ndjson'), rows: rows.calls },
    { ...calls('parquet', 'format=parquet'), rows: rows.calls },
    { ...calls('csv, gzip', 'format=csv'), rows: rows.calls, headers: { 'accept-encoding': 'gzip' } },
    { ...calls('csv as of now', `format=csv&as_of=${now}`), rows: rows.calls },
    { title: 'clicks, csv', path: '/v1/exports/clicks?format=csv', rows: rows.clicks },
  ];
}

export interface ExportSample {
  readonly rowsPerS: number;
  readonly mb: number;
  readonly seconds: number;
  /** Per row, of the service with all its threads. */
  readonly cpuUs: number | null;
  readonly rssBeforeMb: number | null;
  readonly rssPeakMb: number | null;
}

/** @throws Error when the export does not come whole */
export async function measureExport(
  client: ReadsClient,
  pid: number,
  kind: ExportKind,
): Promise<ExportSample> {
  const memory = watchMemory(pid);
  const cpu = perEvent(() => cpuUs(pid));
  const answer = await client.drain(kind.path, kind.headers).finally(memory.stop);
  if (answer.status !== 200) throw new Error(`${kind.path} was answered with ${answer.status}`);
  return {
    rowsPerS: kind.rows / (answer.ms / 1000),
    mb: answer.bytes / 1e6,
    seconds: answer.ms / 1000,
    cpuUs: cpu(kind.rows),
    rssBeforeMb: memory.before,
    rssPeakMb: memory.peak(),
  };
}

const hasPsql = spawnSync('psql', ['--version']).status === 0;
export const copyOutProgram = hasPsql ? 'psql' : 'pg-copy-streams';

/** The contender: every column of the view as CSV, thrown away. How long that took, with connecting. */
export async function copyOut(databaseUrl: string): Promise<number> {
  const columns = Object.keys(getViewSelectedFields(arbitrageCalls)).join(', ');
  const select = `select ${columns} from arbitrage_calls`;
  const begin = performance.now();
  if (hasPsql) {
    const command = `\\copy (${select}) to stdout csv`;
    const psql = spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', command, databaseUrl], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    const [code] = (await once(psql, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`psql ended with ${String(code)}`);
  } else {
    await withClient(databaseUrl, async (client: pg.Client) => {
      const rows = client.query(copyTo(`copy (${select}) to stdout csv`));
      rows.resume();
      await once(rows, 'end');
    });
  }
  return (performance.now() - begin) / 1000;
}

const SAMPLE_EVERY_MS = 50;

function watchMemory(pid: number): {
  readonly before: number | null;
  readonly peak: () => number | null;
  readonly stop: () => void;
} {
  const before = rssMb(pid);
  let peak = before;
  const timer = setInterval(() => {
    const now = rssMb(pid);
    if (now !== null) peak = Math.max(peak ?? 0, now);
  }, SAMPLE_EVERY_MS);
  return {
    before,
    peak: () => peak,
    stop: () => {
      clearInterval(timer);
    },
  };
}
