/** Exports read back by other means than those that made them, each format into the same plain rows. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DuckDBDateValue, DuckDBInstance, DuckDBTimestampTZValue, type DuckDBValue } from '@duckdb/node-api';
import type pg from 'pg';
import { createPool } from '../../../src/store/database.js';
import {
  type ExportColumn,
  type ExportFormat,
  type ExportQuestion,
  Exports,
  type OpenExport,
} from '../../../src/store/read/export/export.js';
import type { Teardown } from '../../helpers/postgres.js';
import { temporaryDirectory } from '../../helpers/service.js';

/** Text that holds JSON, in formats that have no type of their own for it. */
const JSON_COLUMNS: ReadonlySet<string> = new Set(['raw', 'notified_user_ids']);

/** Numbers as doubles, times and dates as text, JSON parsed. */
export type ExportedRow = Readonly<Record<string, unknown>>;

export interface Exported extends Omit<OpenExport, 'body'> {
  readonly file: Buffer;
}

export const FORMATS: readonly ExportFormat[] = ['csv', 'ndjson', 'parquet'];

/** As the store has them. */
export function exportsOn(t: Teardown, url: string, max = 2): { exports: Exports; pool: pg.Pool } {
  const options = { name: 'export', max, statementTimeoutMs: 0, noticesLeaving: true };
  const pool = createPool({ connectionString: url }, options, () => undefined);
  const exports = new Exports(pool);
  t.teardown(async () => {
    exports.close();
    await pool.end();
  });
  return { exports, pool };
}

export async function exported(exports: Exports, question: Partial<ExportQuestion>): Promise<Exported> {
  const { body, ...told } = await exports.open({ subject: 'calls', format: 'csv', filters: {}, ...question });
  return { ...told, file: await buffer(body) };
}

/** The rows of a file, read strictly by the rules of its format. */
export async function rowsOf(
  t: Teardown,
  { file, columns }: Pick<Exported, 'file' | 'columns'>,
  format: ExportFormat,
): Promise<ExportedRow[]> {
  if (format === 'csv') return csvRows(file.toString(), columns);
  if (format === 'ndjson') return ndjsonRows(file.toString());
  return (await parquetOf(t, file)).rows;
}

function csvRows(text: string, columns: readonly ExportColumn[]): ExportedRow[] {
  const [names, ...lines] = csvLines(text);
  assert.deepEqual(
    names,
    columns.map(({ name }) => name),
  );
  return lines.map((fields) => {
    assert.equal(fields.length, columns.length);
    return Object.fromEntries(columns.map(({ name, type }, index) => [name, csvValue(fields[index], type)]));
  });
}

function csvValue(field: string | null | undefined, type: ExportColumn['type']): unknown {
  if (field === null || field === undefined || type === 'text') return field;
  if (type === 'integer' || type === 'number') {
    assert.match(field, /^-?\d+(\.\d+)?$/);
    return Number(field);
  }
  if (type === 'json') return JSON.parse(field) as unknown;
  if (type === 'boolean') {
    assert.match(field, /^(true|false)$/);
    return field === 'true';
  }
  assert.match(field, type === 'date' ? /^\d{4}-\d\d-\d\d$/ : UTC_TIME);
  return field;
}

/** RFC 4180, where nothing between two commas is null, and `""` the empty text. */
function csvLines(text: string): (string | null)[][] {
  const field = /"((?:[^"]|"")*)"|([^",\n\r]*)/y;
  const lines: (string | null)[][] = [];
  let line: (string | null)[] = [];
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    assert.ok(match, `no CSV: ${text.slice(field.lastIndex, field.lastIndex + 100)}`);
    const [, quoted, plain = ''] = match;
    line.push(quoted?.replaceAll('""', '"') ?? (plain === '' ? null : plain));
    const end = text[field.lastIndex];
    assert.ok(end === ',' || end === '\n', `a field ends in ${JSON.stringify(end)}`);
    field.lastIndex++;
    if (end === '\n') {
      lines.push(line);
      line = [];
    }
  }
  assert.equal(line.length, 0, 'the last line ends');
  return lines;
}

function ndjsonRows(text: string): ExportedRow[] {
  if (text === '') return [];
  assert.ok(text.endsWith('\n'), 'the last line ends');
  return text
    .slice(0, -1)
    .split(/\r\n|[\n\r]/)
    .map((line) => JSON.parse(line) as ExportedRow);
}

export interface ParquetContents {
  readonly rows: ExportedRow[];
  /** DuckDB's name of each column's type. */
  readonly types: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly rowGroups: number;
}

/**
 * What DuckDB finds in a file.
 * @param condition in SQL, on the rows
 */
export async function parquetOf(t: Teardown, file: Buffer, condition = 'true'): Promise<ParquetContents> {
  const path = join(await temporaryDirectory(t), 'export.parquet');
  await writeFile(path, file);
  const duckdb = await (await DuckDBInstance.create()).connect();
  const ask = async (question: string): Promise<Record<string, DuckDBValue>[]> =>
    (await duckdb.runAndReadAll(question)).getRowObjects();
  const described = await ask(`describe select * from '${path}'`);
  const types = Object.fromEntries(
    described.map(({ column_name, column_type }) => [String(column_name), String(column_type)]),
  );
  const pairs = await ask(
    `select decode(key) as key, decode(value) as value from parquet_kv_metadata('${path}')`,
  );
  const [groups] = await ask(`select count(distinct row_group_id) as count from parquet_metadata('${path}')`);
  const rows = await ask(`select * from '${path}' where ${condition}`);
  duckdb.closeSync();
  return {
    rows: rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, plainValue(value, JSON_COLUMNS.has(name))]),
      ),
    ),
    types,
    metadata: Object.fromEntries(pairs.map(({ key, value }) => [String(key), String(value)])),
    rowGroups: Number(groups?.['count']),
  };
}

function plainValue(value: DuckDBValue, isJson: boolean): unknown {
  if (value instanceof DuckDBTimestampTZValue) return utcTime(value.micros);
  if (value instanceof DuckDBDateValue) return value.toString();
  return isJson && typeof value === 'string' ? (JSON.parse(value) as unknown) : value;
}

function utcTime(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(fraction).padStart(6, '0')}Z`;
}

const UTC_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** A row of `arbitrage_calls` as an export of calls should tell it. */
export function expectedRow(view: ExportedRow): ExportedRow {
  const { clicks, users_clicked, users_bet, conversion_percent, outcome, sent_at, ...rest } = view;
  const { first_clicked_at, last_clicked_at, closed_at } = rest;
  const features = Object.fromEntries(FEATURES.map((name) => [name, view[name]]));
  const labels = Object.fromEntries(SAME_LABELS.map((name) => [`label_${name}`, view[name]]));
  return {
    ...features,
    ...labels,
    label_clicks: clicks,
    label_users_clicked: users_clicked,
    label_users_bet: users_bet,
    label_taken: Number(users_bet) > 0,
    label_conversion_percent: conversion_percent,
    label_seconds_to_first_click: secondsBetween(sent_at, first_clicked_at),
    label_seconds_alive: secondsBetween(sent_at, last_clicked_at),
    label_outcome: outcome,
    label_seconds_open: secondsBetween(sent_at, closed_at),
    is_settled: outcome !== null && outcome !== 'unknown',
  };
}

export const FEATURES = [
  'call_id call_type sport league team_a team_b match_date commence_time book_a book_b market odds_a odds_b',
  'odds_format odds_a_decimal odds_b_decimal roi_percent roi_implied_percent stake_a stake_b total_stake',
  'profit_expected sent_at expires_at users_notified notified_user_ids source raw received_at',
]
  .join(' ')
  .split(' ');

const SAME_LABELS = [
  'first_clicked_at last_clicked_at profit_actual settled_at closing_line_a closing_line_b clv_a clv_b',
  'line_movement_speed closed_at',
]
  .join(' ')
  .split(' ');

function secondsBetween(from: unknown, to: unknown): number | null {
  if (typeof from !== 'string' || typeof to !== 'string') return null;
  return Number(`${microsOf(to) - microsOf(from)}e-6`);
}

function microsOf(time: string): bigint {
  return BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1000n + BigInt(time.slice(20, 26));
}
