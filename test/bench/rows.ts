import { readFileSync } from 'node:fs';
import { accept } from '../../src/events/accept.js';
import { type DecodedRecord, decodeRecord } from '../helpers/records.js';
import { utcTimeFromMs } from '../../src/lib/time.js';
import { root } from '../helpers/program.js';

const fixture = `${root}test/fixtures/events.ndjson`;

/** A real event of the fixture as an object, with what makes it one of its kind. */
export interface FixtureEvent {
  readonly type: 'call' | 'click' | 'result';
  readonly call_id: string;
  readonly event_id?: string;
}

/** Events to measure with: about `rows` of them, under ids that begin with `prefix`. */
export type Events = (prefix: string, rows: number) => Iterable<FixtureEvent>;

/** @param file of one event per line; default: the fixture */
export function fixtureEvents(file: string | URL = fixture): FixtureEvent[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as FixtureEvent);
}

/** Real calls over and over, each time under an id of its own. */
export function* freshCalls(prefix: string): Generator<FixtureEvent, never> {
  const calls = fixtureEvents().filter((event) => event.type === 'call');
  for (let n = 0; ; n++) {
    yield { ...pick(calls, n), call_id: `${prefix}-${n}` };
  }
}

/** The spool record that the door would make of the event. */
export function recordOf(event: object, receivedAt = utcTimeFromMs(Date.now())): Buffer {
  const verdict = accept({
    body: event,
    payload: Buffer.from(JSON.stringify(event)),
    receivedAt,
    source: null,
  });
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.errors));
  return verdict.record;
}

export function decoded(event: object): DecodedRecord {
  return decodeRecord(recordOf(event));
}

/** Clicks per call and results per call, as in a year of real alerts: 1,795 calls, 9,403 clicks, 1,844 results. */
const CLICKS_PER_CALL = 5;
/** A result comes when the match is over: so many calls later. */
const CALLS_UNTIL_RESULT = 100;

/**
 * A day at work: `calls` calls, each followed by its clicks, and later by its result, all of them real events of the
 * fixture under ids of their own.
 */
export function* freshMix(prefix: string, calls: number): Generator<FixtureEvent, void> {
  const events = fixtureEvents();
  const clicks = events.filter((event) => event.type === 'click');
  const results = events.filter((event) => event.type === 'result');
  const source = freshCalls(prefix);
  for (let n = 0; n < calls + CALLS_UNTIL_RESULT; n++) {
    if (n < calls) {
      const call = source.next().value;
      yield call;
      for (let k = 0; k < CLICKS_PER_CALL; k++) {
        const ids = {
          call_id: call.call_id,
          event_id: `${call.call_id}-click-${k}`,
          user_id: `u${n % 97}-${k}`,
        };
        yield { ...pick(clicks, n + k), ...ids };
      }
    }
    const settled = n - CALLS_UNTIL_RESULT;
    if (settled >= 0) {
      const call_id = `${prefix}-${settled}`;
      yield { ...pick(results, settled), call_id, event_id: `${call_id}-result` };
    }
  }
}

/** How many events `freshMix` makes for each call. */
const EVENTS_PER_CALL = 1 + CLICKS_PER_CALL + 1;

/** Calls only. */
export const callEvents: Events = function* (prefix, rows) {
  const source = freshCalls(prefix);
  for (let n = 0; n < rows; n++) yield source.next().value;
};

/** Calls, clicks and results as they come. */
export const mixedEvents: Events = (prefix, rows) => freshMix(prefix, Math.ceil(rows / EVENTS_PER_CALL));

function pick<T>(list: readonly T[], n: number): T {
  const item = list[n % list.length];
  if (item === undefined) throw new Error('the fixture holds none of these');
  return item;
}
