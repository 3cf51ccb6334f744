/** Databases full of awkward values, backups of them, and psql as a witness that knows nothing of us. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import type pg from 'pg';
import { createPool } from '../../src/store/database.js';
import { BackupCatalogue } from '../../src/upkeep/backup/catalogue.js';
import { newBackupId } from '../../src/upkeep/backup/ids.js';
import type { Manifest } from '../../src/upkeep/backup/manifest.js';
import { type BackupRequest, writeBackup } from '../../src/upkeep/backup/write-backup.js';
import type { Teardown } from '../helpers/postgres.js';
import { temporaryDirectory } from '../helpers/service.js';
import { fileOf, loader } from '../helpers/program.js';

export const never = new AbortController().signal;

const hasPsql = spawnSync('psql', ['--version']).status === 0;
/** For `t.test`: false, or why it is skipped. */
export const withoutPsql = hasPsql ? false : 'psql is not installed';

/** A pool as upkeep has it, under a name that is no service's. */
export function testPool(t: Teardown, url: string): pg.Pool {
  const pool = createPool(
    { connectionString: url },
    { name: 'test', max: 3, statementTimeoutMs: 0 },
    () => undefined,
  );
  t.teardown(async () => {
    if (!pool.ending) await pool.end();
  });
  return pool;
}

const awkward = [
  `it's "quoted" and \\back\\slashed`,
  'line\nbreak\r\nand\rreturn\ttab\v\f\b',
  '\\.',
  '\n\\.\n',
  '\\N',
  '',
  'NULL',
  '😀 ünïcödé \u2028 \u0001 \u{10ffff}',
  `$$; drop table calls; --`,
  '--> statement-breakpoint\ncommit;\n',
  '{"a":[null,"b\\"c"]}',
];

/** Every table gets rows, every awkward thing a row. */
export async function fill(pool: pg.Pool, plainCalls = 50): Promise<void> {
  for (const [index, text] of awkward.entries()) {
    const raw = `{ "b" : ${JSON.stringify(text)}, "a": {"deep": [1.50, 1e3, null, {"x": "\\\\."}]},  "a": 2}`;
    await pool.query(
      `insert into calls (call_id, call_type, sport, league, team_a, match_date, commence_time, book_a, odds_a, odds_b,
         odds_format, roi_percent, stake_a, profit_expected, sent_at, users_notified, notified_user_ids, source, raw,
         received_at, fingerprint)
       values ($1, 'good_ev', $2, $3, $2, '0001-01-01', '0001-01-01T00:00:00.000001Z', $2, 1e-300,
         123456789012345678901234567890.123456789012345678901234567890, 'american', -0.000000000000000001, 0, 1e300,
         '9999-12-31T23:59:59.999999Z', 3, $4, $2, $5, '2025-08-17T10:00:00.123456Z', $6)`,
      [
        `awkward-${index}-é😀`,
        text,
        index % 2 === 0 ? null : '',
        [text, 'NULL', '', '{a,b}', '"', '\\'],
        raw,
        allBytes,
      ],
    );
    await pool.query(
      `insert into dead_letters (spool_id, sequence, reason, detail, payload, replays)
       values ('00000000-0000-4000-8000-000000000000', $1, 'corrupt', $2, $3, 1)`,
      [index, text, allBytes],
    );
  }
  await pool.query(`update calls set notified_user_ids = '{}' where call_id = 'awkward-0-é😀'`);
  await pool.query(
    `insert into calls (call_id, call_type, book_a, book_b, odds_a, odds_b, odds_format, roi_percent, sent_at,
       users_notified, received_at, fingerprint)
     select 'call-' || i, 'arbitrage', 'bet365', 'Pinnacle', 110, 105, 'american', i / 7.0,
       '2025-08-17T10:00:00Z'::timestamptz + i * interval '1 minute', 10,
       '2025-08-17T10:00:01Z'::timestamptz + i * interval '1 minute', sha256(i::text::bytea)
     from generate_series(1, $1::int) as i`,
    [plainCalls],
  );
  await pool.query(
    `insert into clicks (call_id, event_id, user_id, action, clicked_at, received_at, fingerprint)
     select 'call-' || i, 'k' || j, nullif('u' || j, 'u3'), 'bet', now(), now(), sha256((i || ' ' || j)::bytea)
     from generate_series(1, $1::int) as i, generate_series(1, 3) as j`,
    [plainCalls],
  );
  await pool.query(
    `insert into results (call_id, event_id, settled_at, has_settlement, has_closing, outcome, received_at, fingerprint)
     select 'call-' || i, 'r', now(), true, false, 'a_won', now(), sha256(i::text::bytea)
     from generate_series(1, $1::int) as i`,
    [plainCalls],
  );
  await pool.query(
    `insert into call_users (call_id, user_id, bet) select call_id, user_id, true from clicks where user_id is not null`,
  );
  await pool.query(
    `insert into call_states (call_id, clicks, users_clicked, users_bet, first_clicked_at)
     select call_id, count(*), count(*), count(*), min(clicked_at) from clicks group by call_id`,
  );
  await pool.query(
    `insert into spools (spool_id, epoch, opened_at) values (gen_random_uuid(), 9007199254740993, now())`,
  );
  await pool.query(
    `insert into drain_batches (spool_id, first_sequence, last_sequence, checksum, outcomes, stored, duplicate, dead_letter)
     select spool_id, 0, 2, 4294967295, 'sdx', 1, 1, 1 from spools`,
  );
  const { rows } = await pool.query<{ there: boolean }>(
    `select to_regclass('upkeep_runs') is not null as there`,
  );
  if (rows[0]?.there === true)
    await pool.query(
      `insert into upkeep_runs (run_id, task, trigger, state, started_at, detail)
       values (gen_random_uuid(), 'backup', 'manual', 'running', now(), '{"a": "\\\\n"}')`,
    );
}

const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

/** Payloads that do not compress, so that the file of a backup is large. */
export async function fillWithNoise(pool: pg.Pool, count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    await pool.query(
      `insert into dead_letters (spool_id, sequence, reason, detail, payload) values (gen_random_uuid(), 0, 'corrupt', '', $1)`,
      [randomBytes(64 * 1024)],
    );
}

export async function newCatalogue(t: Teardown): Promise<BackupCatalogue> {
  return new BackupCatalogue(`${await temporaryDirectory(t)}/backups`);
}

export function backUp(
  pool: pg.Pool,
  { directory }: BackupCatalogue,
  changes: Partial<BackupRequest> = {},
): Promise<Manifest> {
  const id = newBackupId(Date.now());
  return writeBackup({
    pool,
    directory,
    id,
    trigger: 'manual',
    serviceVersion: '1.2.3',
    signal: never,
    ...changes,
  });
}

const run = promisify(execFile);

/** Every table as psql sees it, with nothing of ours: ordered rows by table. */
export async function psqlRows(url: string): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  const tables = await psql(
    url,
    `select table_name from information_schema.tables where table_schema = 'public' order by 1`,
  );
  for (const table of [...tables.trim().split('\n'), 'drizzle.__drizzle_migrations'])
    rows.set(
      table,
      await psql(
        url,
        `set timezone = 'UTC'; copy (select t::text from ${table} t order by t::text collate "C") to stdout`,
      ),
    );
  return rows;
}

/** Columns, constraints, indexes and the view, as the database itself describes them. */
export function psqlSchema(url: string): Promise<string> {
  return psql(
    url,
    `select table_name, column_name, data_type, is_nullable, column_default, collation_name, numeric_precision
       from information_schema.columns where table_schema in ('public', 'drizzle') order by 1, ordinal_position;
     select conrelid::regclass, conname, pg_get_constraintdef(oid) from pg_constraint
       where connamespace = 'public'::regnamespace and contype <> 'n' order by 1, 2;
     select indexdef from pg_indexes where schemaname in ('public', 'drizzle') order by 1;
     select pg_get_viewdef('arbitrage_calls')`,
  );
}

export async function psql(url: string, sql: string): Promise<string> {
  const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-d', url, '-c', sql], {
    maxBuffer: 2 ** 28,
  });
  return stdout;
}

/** `gunzip -c FILE | psql URL`; resolves with psql's exit code and what it said. */
export async function psqlRestore(file: string, url: string): Promise<{ code: number; said: string }> {
  const child = spawn('sh', ['-c', 'gunzip -c "$0" 2>/dev/null | psql -X -q -d "$1"', file, url], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

export async function textOfBackup(file: string): Promise<string> {
  const chunks: Buffer[] = [];
  await pipeline(createReadStream(file), createGunzip(), async (text: AsyncIterable<Buffer>) => {
    for await (const chunk of text) chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString();
}

const UPKEEP_PROCESS = fileOf(new URL('upkeep-process', import.meta.url));

/**
 * Runs a task in a process of its own (see `upkeep-process.ts`).
 * @param limits a command before it, such as prlimit with its options
 */
export function startTask(task: readonly string[], limits: readonly string[] = []) {
  // tap preloads a listener for SIGXFSZ into every Node; Node alone ignores that signal, and the write is refused.
  const asUsers = ['-u', 'NODE_OPTIONS', ...limits];
  return spawn('env', [...asUsers, process.execPath, ...loader, UPKEEP_PROCESS, ...task], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Kills a task once it says that it is in the middle of its work. */
export async function killInTheMiddle(task: readonly string[]): Promise<void> {
  const child = startTask(task);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes('middle')) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the task ended by itself (${String(code)}): ${said}`);
}
