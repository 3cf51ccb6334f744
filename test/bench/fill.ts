/** Fills a database with calls, clicks and results at will, made of real events: something to measure reads with. */
import type pg from 'pg';
import { createPool } from '../../src/store/database.js';
import { dropSource, enriched, loadSource, SOURCE_SCHEMA, type TimedEvent } from './fill-source.js';
import {
  COPY_CALLS,
  COPY_CLICKS,
  COUNT_UNTRUE_STATES,
  COUNT_UNTRUE_USERS,
  MEASURE_TABLES,
  RANK_SOURCE,
} from './fill-statements.js';

export interface FillOptions {
  /** Migrated. */
  readonly databaseUrl: string;
  /** To be multiplied. */
  readonly events: readonly TimedEvent[];
  readonly calls: number;
  /** The calls are spread evenly over as many, up to the week before the last event's. */
  readonly weeks: number;
  /** To the calls that are there; otherwise there must be none. */
  readonly add: boolean;
}

export interface TableSize {
  readonly name: string;
  readonly rows: number;
  /** Without indexes. */
  readonly table_bytes: number;
  readonly index_bytes: number;
  readonly bytes: number;
}

const CLICKS_PER_CALL = 5;
const RESULTS_PER_CALL = 1.2;

/**
 * @param progress hears of each step
 * @throws Error when the database is not fit, and when what is in it in the end does not fit together
 */
export async function fill(options: FillOptions, progress: (note: string) => void): Promise<TableSize[]> {
  const { databaseUrl } = options;
  const events = enriched(options.events, { clicks: CLICKS_PER_CALL, results: RESULTS_PER_CALL });
  const pool = createPool(
    { connectionString: databaseUrl },
    { name: 'fill', max: 2, statementTimeoutMs: 0 },
    () => undefined,
  );
  try {
    const present = await countCalls(pool);
    if (present > 0 && !options.add)
      throw new Error(`the database holds ${present} calls; --add adds to them`);
    progress(`${events.length} events into the schema ${SOURCE_SCHEMA}`);
    await loadSource(databaseUrl, events);
    await multiply(pool, options, present, progress);
    await dropSource(databaseUrl);
    progress('vacuum analyze');
    await pool.query('vacuum analyze');
    progress('are states what the events say?');
    await verify(pool);
    const { rows } = await pool.query<TableSize>(MEASURE_TABLES);
    return rows;
  } finally {
    await pool.end();
  }
}

async function countCalls(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ is_migrated: boolean }>(
    `select to_regclass('public.arbitrage_calls') is not null as is_migrated`,
  );
  if (rows[0]?.is_migrated !== true)
    throw new Error('the database is not migrated; a start of the service does that');
  return count(pool, 'select count(*) as rows from calls');
}

/** Week by week, oldest first, so that rows lie on disk as they would have come. */
async function multiply(
  pool: pg.Pool,
  { calls, weeks }: FillOptions,
  present: number,
  progress: (note: string) => void,
): Promise<void> {
  await pool.query(RANK_SOURCE);
  await pool.query(`analyze ${SOURCE_SCHEMA}.ranked`);
  const inSource = await count(pool, `select count(*) as rows from ${SOURCE_SCHEMA}.ranked`);
  if (inSource === 0) throw new Error('there is no call to multiply');
  // Behind the copies of earlier fills, whose ids have lower numbers.
  const first = Math.ceil(present / inSource) * inSource;
  for (let week = 0; week < weeks; week++) {
    const begin = first + Math.round((calls * week) / weeks);
    const end = first + Math.round((calls * (week + 1)) / weeks);
    const monday = await mondayOf(pool, weeks - week);
    const run = async (statements: readonly string[]): Promise<void> => {
      for (const statement of statements) await pool.query(statement, [begin, end - 1, inSource, monday]);
    };
    await Promise.all([run(COPY_CALLS), run(COPY_CLICKS)]);
    progress(`week of ${monday}, ${end - first} of ${calls} calls`);
  }
}

async function mondayOf(pool: pg.Pool, weeksBack: number): Promise<string> {
  const { rows } = await pool.query<{ monday: string }>(
    `select max(monday) - 7 * $1::integer as monday from ${SOURCE_SCHEMA}.ranked`,
    [weeksBack],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('an aggregate without a row');
  return row.monday;
}

/** @throws Error when what is kept about calls is not what their events say */
export async function verify(pool: pg.Pool): Promise<void> {
  for (const [table, statement] of [
    ['call_states', COUNT_UNTRUE_STATES],
    ['call_users', COUNT_UNTRUE_USERS],
  ] as const) {
    const untrue = await count(pool, statement);
    if (untrue > 0) throw new Error(`${untrue} rows of ${table} are not what the events say`);
  }
}

async function count(pool: pg.Pool, statement: string): Promise<number> {
  const { rows } = await pool.query<{ rows: number }>(statement);
  return rows[0]?.rows ?? NaN;
}
