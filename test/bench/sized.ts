import { randomBytes } from 'node:crypto';
import { callEvents, type Events, type FixtureEvent } from './rows.js';

/** What a call can go without, in the order in which it goes. */
const DISPENSABLE = [
  'commence_time',
  'match_date',
  'stake_b',
  'stake_a',
  'profit_expected',
  'source',
  'league',
  'market',
  'team_b',
  'team_a',
];

/** The call with about so many bytes as JSON: fields taken from it, or noise that does not compress put under `raw`. */
export function sized(call: FixtureEvent, bytes: number): FixtureEvent {
  const fields: Record<string, unknown> = { ...call };
  const size = (): number => Buffer.byteLength(JSON.stringify(fields));
  for (const name of DISPENSABLE) {
    if (size() <= bytes) break;
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- of an object made above for this
    delete fields[name];
  }
  fields['raw'] = { padding: '' };
  const missing = bytes - size();
  if (missing >= 0) fields['raw'] = { padding: randomBytes(missing).toString('base64').slice(0, missing) };
  else delete fields['raw'];
  return { ...fields, type: call.type, call_id: call.call_id };
}

/** Calls only, of about so many bytes each. */
export function sizedCalls(bytes: number): Events {
  return function* (prefix, rows) {
    for (const call of callEvents(prefix, rows)) yield sized(call, bytes);
  };
}
