/** The limit of the store: COPY of the same rows into the same tables. */
import { execFile, spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { from as copyFrom } from 'pg-copy-streams';
import { withClient } from './databases.js';
import { decoded, type FixtureEvent } from './rows.js';

/** The rows of one table, as CSV. */
export interface CsvFile {
  readonly path: string;
  /** A table and its columns, as COPY wants them. */
  readonly target: string;
  readonly rows: number;
}

const tables = { call: 'calls', click: 'clicks', result: 'results' } as const;

/** Writes the rows that the store would make of these events. */
export async function writeCsv(directory: string, events: Iterable<FixtureEvent>): Promise<CsvFile[]> {
  const lines = { call: [] as string[], click: [] as string[], result: [] as string[] };
  const columns = { call: '', click: '', result: '' };
  for (const sent of events) {
    const { event, fingerprint } = decoded(sent);
    const row = { ...event.row, fingerprint: `\\x${fingerprint.toString('hex')}` };
    columns[event.type] = Object.keys(row).join(', ');
    lines[event.type].push(Object.values(row).map(csvText).join(','));
  }
  const files: CsvFile[] = [];
  for (const type of ['call', 'click', 'result'] as const) {
    if (lines[type].length === 0) continue;
    const path = join(directory, `${tables[type]}.csv`);
    await writeFile(path, `${lines[type].join('\n')}\n`);
    files.push({ path, target: `${tables[type]} (${columns[type]})`, rows: lines[type].length });
  }
  return files;
}

const hasPsql = spawnSync('psql', ['--version']).status === 0;
export const copyProgram = hasPsql ? 'psql' : 'pg-copy-streams';

/** Copies the files one after another over one connection; how long that took, connecting left out. */
export function copyAll(url: string, files: readonly CsvFile[]): Promise<number> {
  return hasPsql ? copyByPsql(url, files) : copyByStream(url, files);
}

async function copyByPsql(url: string, files: readonly CsvFile[]): Promise<number> {
  const copies = files.flatMap(({ path, target }) => ['-c', `\\copy ${target} from '${path}' csv`]);
  const { stdout } = await promisify(execFile)(
    'psql',
    ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', '\\timing on', ...copies, url],
    { env: { PATH: process.env['PATH'], LC_ALL: 'C' } },
  );
  const times = [...stdout.matchAll(/^Time: ([\d.]+) ms/gm)].map((match) => Number(match[1]));
  if (times.length !== files.length) throw new Error(`psql did not tell its times:\n${stdout}`);
  return times.reduce((sum, ms) => sum + ms, 0);
}

function copyByStream(url: string, files: readonly CsvFile[]): Promise<number> {
  return withClient(url, async (client) => {
    const begin = performance.now();
    for (const { path, target } of files) {
      await pipeline(createReadStream(path), client.query(copyFrom(`copy ${target} from stdin csv`)));
    }
    return performance.now() - begin;
  });
}

/** Null is nothing at all; everything else but numbers and booleans is quoted. */
function csvText(value: unknown): string {
  if (value === null) return '';
  if (Array.isArray(value)) return quoted(`{${value.map((item) => JSON.stringify(item)).join(',')}}`);
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value);
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
