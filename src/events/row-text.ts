/**
 * Rows as lines of PostgreSQL's COPY in its text format: columns between tabs, `\N` for null, a backslash before what
 * would end a column or a line, a newline at the end. Such a line is made once, at the door, while the event is at hand;
 * from the spool into the table nobody takes it apart again.
 */
import type { EventType } from './identity.js';
import type { CallRow, ClickRow, ResultRow, StoredEvent } from './rows.js';

type Columns<Row> = readonly (keyof Row | 'fingerprint')[];

const CALL: Columns<CallRow> = [
  'call_id',
  'call_type',
  'sport',
  'league',
  'team_a',
  'team_b',
  'match_date',
  'commence_time',
  'book_a',
  'book_b',
  'market',
  'odds_a',
  'odds_b',
  'odds_format',
  'roi_percent',
  'stake_a',
  'stake_b',
  'total_stake',
  'profit_expected',
  'sent_at',
  'expires_at',
  'users_notified',
  'notified_user_ids',
  'source',
  'raw',
  'received_at',
  'fingerprint',
];
const CLICK: Columns<ClickRow> = [
  'call_id',
  'event_id',
  'user_id',
  'action',
  'clicked_at',
  'received_at',
  'fingerprint',
];
const RESULT: Columns<ResultRow> = [
  'call_id',
  'event_id',
  'settled_at',
  'has_settlement',
  'has_closing',
  'outcome',
  'profit_actual',
  'closing_line_a',
  'closing_line_b',
  'clv_a',
  'clv_b',
  'line_movement_speed',
  'closed_at',
  'received_at',
  'fingerprint',
];

/** The columns of a line, in order. The ids come first, so that lines sort as the keys of their tables do. */
export const ROW_COLUMNS: Readonly<Record<EventType, readonly string[]>> = {
  call: CALL,
  click: CLICK,
  result: RESULT,
};

/** @param fingerprint in hexadecimal */
export function rowText(event: StoredEvent, fingerprint: string): string {
  return `${columnsOf(event)}\t${BYTEA}${fingerprint}\n`;
}

/** What stands before the hexadecimal digits of a bytea, its backslash doubled for COPY. */
const BYTEA = '\\\\x';
const FINGERPRINT_DIGITS = 64;

function columnsOf(event: StoredEvent): string {
  switch (event.type) {
    case 'call':
      return callColumns(event.row);
    case 'click':
      return clickColumns(event.row);
    case 'result':
      return resultColumns(event.row);
  }
}

/* Written out column by column: ids, times, choices and numbers never hold what has to be escaped. */

function callColumns(row: CallRow): string {
  return (
    `${row.call_id}\t${row.call_type}\t${text(row.sport)}\t${text(row.league)}\t${text(row.team_a)}` +
    `\t${text(row.team_b)}\t${row.match_date ?? NULL}\t${row.commence_time ?? NULL}\t${text(row.book_a)}` +
    `\t${text(row.book_b)}\t${text(row.market)}\t${row.odds_a}\t${row.odds_b ?? NULL}\t${row.odds_format}` +
    `\t${row.roi_percent}\t${row.stake_a ?? NULL}\t${row.stake_b ?? NULL}\t${row.total_stake ?? NULL}` +
    `\t${row.profit_expected ?? NULL}\t${row.sent_at}\t${row.expires_at ?? NULL}\t${row.users_notified}` +
    `\t${array(row.notified_user_ids)}\t${text(row.source)}\t${text(row.raw)}\t${row.received_at}`
  );
}

function clickColumns(row: ClickRow): string {
  return `${row.call_id}\t${row.event_id}\t${text(row.user_id)}\t${row.action}\t${row.clicked_at}\t${row.received_at}`;
}

function resultColumns(row: ResultRow): string {
  return (
    `${row.call_id}\t${row.event_id}\t${row.settled_at}\t${row.has_settlement}\t${row.has_closing}` +
    `\t${row.outcome ?? NULL}\t${row.profit_actual ?? NULL}\t${row.closing_line_a ?? NULL}` +
    `\t${row.closing_line_b ?? NULL}\t${row.clv_a ?? NULL}\t${row.clv_b ?? NULL}` +
    `\t${row.line_movement_speed ?? NULL}\t${row.closed_at ?? NULL}\t${row.received_at}`
  );
}

const NULL = '\\N';
const SPECIAL = /[\\\n\r\t]/;
const ALL_SPECIAL = /[\\\n\r\t]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function text(value: string | null): string {
  if (value === null) return NULL;
  return SPECIAL.test(value) ? value.replace(ALL_SPECIAL, (special) => ESCAPES[special] ?? special) : value;
}

/** As an array of PostgreSQL in text: every element in quotes. */
function array(values: readonly string[] | null): string {
  if (values === null) return NULL;
  return text(`{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`);
}

const TAB = 0x09;

/**
 * The ids at the start of a line, one character for each byte: so two keys compare as PostgreSQL compares the ids under
 * COLLATE "C", where comparing the text itself would put characters beyond U+FFFF in another place.
 */
export function keyOf(type: EventType, line: Buffer): string {
  const first = line.indexOf(TAB);
  return line.toString('latin1', 0, type === 'call' ? first : line.indexOf(TAB, first + 1));
}

/** 32 bytes; fewer when the line is not one of ours. */
export function fingerprintOfLine(line: Buffer): Buffer {
  return Buffer.from(line.toString('latin1', line.length - 1 - FINGERPRINT_DIGITS, line.length - 1), 'hex');
}

export type RowColumns = Readonly<Record<string, string | null>>;

/** The columns of a line by name, unescaped. */
export function columnsOfLine(type: EventType, line: Buffer): RowColumns {
  const columns: Record<string, string | null> = {};
  const values = line.toString('utf8', 0, line.length - 1).split('\t');
  for (const [index, name] of ROW_COLUMNS[type].entries()) {
    const value = values[index] ?? NULL;
    columns[name] = value === NULL ? null : unescape(value);
  }
  return columns;
}

const UNESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function unescape(column: string): string {
  if (!column.includes('\\')) return column;
  return column.replace(/\\(.)/g, (_, escaped: string) => UNESCAPES[escaped] ?? escaped);
}
