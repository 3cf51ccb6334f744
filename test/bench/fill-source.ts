/** The events that a fill multiplies, put into a schema of their own by the service's own path. */
import { readRecord } from '../../src/events/record.js';
import { parseUtcTime } from '../../src/lib/time.js';
import { uuidV7 } from '../../src/lib/uuid.js';
import { createPool } from '../../src/store/database.js';
import { writeBatch } from '../../src/store/write/batch.js';
import { Wariness } from '../../src/store/write/events.js';
import { openSpoolEpoch } from '../../src/store/write/spools.js';
import { withClient } from './databases.js';
import { type FixtureEvent, recordOf } from './rows.js';

export const SOURCE_SCHEMA = 'fill_source';

const BATCH_EVENTS = 500;
/** What a batch touches. */
const tables = [
  'calls',
  'clicks',
  'results',
  'call_users',
  'call_states',
  'dead_letters',
  'spools',
  'drain_batches',
];

/**
 * Writes the events into tables like the database's own, each received at the time that it tells of. So the rows to be
 * multiplied, states included, are what the service makes of such events.
 * @throws Error when one of them is not stored
 */
export async function loadSource(databaseUrl: string, events: readonly TimedEvent[]): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query(`drop schema if exists ${SOURCE_SCHEMA} cascade`);
    await client.query(`create schema ${SOURCE_SCHEMA}`);
    for (const table of tables)
      await client.query(`create table ${SOURCE_SCHEMA}.${table} (like public.${table} including all)`);
  });
  const target = { connectionString: databaseUrl, options: `-c search_path=${SOURCE_SCHEMA}` };
  const pool = createPool(target, { name: 'fill', max: 1, statementTimeoutMs: 0 }, () => undefined);
  try {
    const spoolId = uuidV7();
    const { epoch } = await openSpoolEpoch(pool, spoolId, 1);
    for (let at = 0; at < events.length; at += BATCH_EVENTS) {
      const records = events.slice(at, at + BATCH_EVENTS).map((event, i) => {
        const record = readRecord(recordOf(event, timeOf(event)));
        return { sequence: at + i + 1, record, payload: record.payload, condemned: null };
      });
      const range = { spoolId, epoch, first: at + 1, last: at + records.length, checksum: 0 };
      const outcomes = await writeBatch(pool, { ...range, records }, new Wariness());
      const refused = outcomes.findIndex((outcome) => outcome !== 'stored');
      if (refused >= 0) throw new Error(`not stored: ${JSON.stringify(events[at + refused])}`);
    }
  } finally {
    await pool.end();
  }
}

export async function dropSource(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query(`drop schema ${SOURCE_SCHEMA} cascade`);
  });
}

export interface TimedEvent extends FixtureEvent {
  readonly sent_at?: string;
  readonly clicked_at?: string;
  readonly settled_at?: string;
}

/** Per call, as many at least. */
export interface Ratios {
  readonly clicks: number;
  readonly results: number;
}

/**
 * The events of calls that are among them, with repetitions until there are so many clicks and results per call: a
 * click comes again a minute later, a result a day later, under ids of their own. None is left out where there are more.
 */
export function enriched(events: readonly TimedEvent[], perCall: Ratios): TimedEvent[] {
  const calls = events.filter(({ type }) => type === 'call');
  const known = new Set(calls.map(({ call_id }) => call_id));
  const of = (type: string): TimedEvent[] =>
    events.filter((event) => event.type === type && known.has(event.call_id));
  const clicks = repeated(of('click'), calls.length * perCall.clicks, (event, times) => ({
    clicked_at: later(event.clicked_at, times * 60_000),
  }));
  const results = repeated(of('result'), calls.length * perCall.results, (event, times) => ({
    settled_at: later(event.settled_at, times * 86_400_000),
  }));
  return [...calls, ...clicks, ...results];
}

function repeated(
  events: readonly TimedEvent[],
  atLeast: number,
  change: (event: TimedEvent, times: number) => Partial<TimedEvent>,
): TimedEvent[] {
  const missing = Math.max(0, Math.ceil(atLeast) - events.length);
  const all = [...events];
  for (let i = 0; i < missing; i++) {
    const times = Math.floor(i / events.length) + 1;
    // Of the last time around, here and there one rather than the first ones.
    const inRound = Math.min(events.length, missing - (times - 1) * events.length);
    const event = events[Math.floor(((i % events.length) * events.length) / inRound)];
    if (event === undefined) break;
    all.push({ ...event, ...change(event, times), event_id: `${event.event_id ?? uuidV7()}-${times}` });
  }
  return all;
}

function later(time: string | undefined, ms: number): string {
  return new Date(Date.parse(timeText(time)) + ms).toISOString();
}

function timeOf({ clicked_at, settled_at, sent_at }: TimedEvent): string {
  const time = timeText(clicked_at ?? settled_at ?? sent_at);
  const utc = parseUtcTime(time);
  if (utc === undefined) throw new Error(`"${time}" is no time`);
  return utc;
}

function timeText(time: string | undefined): string {
  if (time === undefined) throw new Error('an event to be multiplied has to tell its time');
  return time;
}
