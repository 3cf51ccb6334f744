/**
 * Which form of insert is the fastest for a batch of calls: `json_to_recordset`, `unnest` of one array per column, or
 * COPY into a temporary table and on from there. The same rows, the real schema with its indexes, one transaction per
 * batch, default durable settings, rounds interleaved.
 *
 *     npx tsx test/bench/insert-forms.ts [--rounds 5] [--rows 10000] [--batch 500]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { CallRow } from '../../src/events/rows.js';
import { createCluster } from '../../src/store/cluster/cluster.js';
import { createPool } from '../../src/store/database.js';
import { migrate } from '../../src/store/migrate.js';
import { insertCalls } from '../../src/store/write/calls.js';
import type { Fingerprinted } from '../../src/store/write/fingerprinted.js';
import { decoded, freshCalls } from './rows.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    rows: { type: 'string', default: '10000' },
    batch: { type: 'string', default: '500' },
  },
});
const [rounds, rowsPerRound, batchSize] = [options.rounds, options.rows, options.batch].map(Number) as [
  number,
  number,
  number,
];

type Row = Fingerprinted<CallRow>;
type Insert = (client: pg.PoolClient, rows: readonly Row[]) => Promise<unknown>;

const columns: readonly (readonly [keyof CallRow, string])[] = [
  ['call_id', 'text'],
  ['call_type', 'text'],
  ['sport', 'text'],
  ['league', 'text'],
  ['team_a', 'text'],
  ['team_b', 'text'],
  ['match_date', 'date'],
  ['commence_time', 'timestamptz'],
  ['book_a', 'text'],
  ['book_b', 'text'],
  ['market', 'text'],
  ['odds_a', 'numeric'],
  ['odds_b', 'numeric'],
  ['odds_format', 'text'],
  ['roi_percent', 'numeric'],
  ['stake_a', 'numeric'],
  ['stake_b', 'numeric'],
  ['total_stake', 'numeric'],
  ['profit_expected', 'numeric'],
  ['sent_at', 'timestamptz'],
  ['expires_at', 'timestamptz'],
  ['users_notified', 'integer'],
  ['source', 'text'],
  ['raw', 'json'],
  ['received_at', 'timestamptz'],
];
const names = columns.map(([name]) => name).join(', ');
const ending = 'order by call_id collate "C" on conflict (call_id) do nothing returning call_id';

const unnest: Insert = (client, rows) =>
  client.query({
    name: 'bench_unnest',
    text: `insert into calls (${names}, fingerprint)
      select * from unnest(${columns.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')}, $${columns.length + 1}::bytea[])
        as input (${names}, fingerprint) ${ending}`,
    values: [
      ...columns.map(([name]) => rows.map(({ row }) => row[name])),
      rows.map(({ fingerprint }) => fingerprint),
    ],
  });

const copy: Insert = async (client, rows) => {
  await client.query('create temporary table if not exists incoming (like calls) on commit delete rows');
  const lines = rows.map(({ row, fingerprint }) =>
    [...columns.map(([name]) => row[name]), `\\x${fingerprint.toString('hex')}`].map(copyText).join('\t'),
  );
  await pipeline(
    Readable.from([`${lines.join('\n')}\n`]),
    client.query(copyFrom(`copy incoming (${names}, fingerprint) from stdin`)),
  );
  return client.query(`insert into calls select * from incoming ${ending}`);
};

function copyText(value: unknown): string {
  if (value === null || value === undefined) return '\\N';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replace(
    /[\\\n\r\t]/g,
    (c) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c] ?? c,
  );
}

const forms: Record<string, Insert> = { json_to_recordset: insertCalls, unnest, 'copy + insert': copy };

async function measure(pool: pg.Pool, insert: Insert, rows: readonly Row[]): Promise<number> {
  const begin = performance.now();
  for (let at = 0; at < rows.length; at += batchSize) {
    const client = await pool.connect();
    await client.query('begin');
    await insert(client, rows.slice(at, at + batchSize));
    await client.query('commit');
    client.release();
  }
  return rows.length / ((performance.now() - begin) / 1000);
}

const directory = await mkdtemp(join(tmpdir(), 'call-logger-bench-'));
const quiet = (): void => undefined;
const cluster = createCluster({
  dataDir: join(directory, 'postgres'),
  port: 0,
  log: { info: quiet, warn: quiet, error: quiet },
  fallbackDirectory: directory,
});
try {
  const { connection } = await cluster.start();
  const pool = createPool(connection, { name: 'bench', max: 1, statementTimeoutMs: 0 }, quiet);
  await migrate(pool);
  const rates = new Map(Object.keys(forms).map((name) => [name, [] as number[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, insert] of Object.entries(forms)) {
      const source = freshCalls(`${name.slice(0, 1)}${round}`);
      const rows = Array.from({ length: rowsPerRound }, () => {
        const { event, fingerprint } = decoded(source.next().value);
        if (event.type !== 'call') throw new Error('not a call');
        return { row: event.row, fingerprint };
      });
      const rate = await measure(pool, insert, rows);
      // The first round warms caches and plans.
      if (round > 0) rates.get(name)?.push(rate);
    }
  }
  const median = (list: readonly number[]): number =>
    [...list].sort((a, b) => a - b)[list.length >> 1] ?? NaN;
  const base = median(rates.get('json_to_recordset') ?? []);
  process.stdout.write(`calls/s in batches of ${batchSize}, ${rounds} rounds of ${rowsPerRound}\n`);
  for (const [name, list] of rates) {
    const [low, mid, high] = [Math.min(...list), median(list), Math.max(...list)].map(Math.round);
    process.stdout.write(
      `${name.padEnd(20)} median ${mid}  (${low}–${high})  ${(median(list) / base).toFixed(2)} × json_to_recordset\n`,
    );
  }
  await pool.end();
} finally {
  await cluster.stop();
  await rm(directory, { recursive: true, force: true });
}
