/** Rules across fields and against the clock (class 422). They are judged once every field is right by itself. */
import { addMs } from '../lib/time.js';
import type { UtcTime } from '../lib/time.js';
import type { Call } from './call.js';
import type { EventType } from './identity.js';
import { decimalOdds } from './odds.js';
import type { ProblemList } from './problem-list.js';

/** How far ahead of ours a sender's clock may be, and then some: 24 hours. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/** The times of an event by field, in UTC. */
export type SentTimes = ReadonlyMap<string, UtcTime>;

export function addCallProblems(call: Call, times: SentTimes, problems: ProblemList): void {
  if (call.call_type !== 'good_ev') {
    for (const name of ['book_b', 'odds_b'] as const) {
      if (call[name] === undefined || call[name] === null) {
        const message = `${name} is required when call_type is "${call.call_type}"; only good_ev goes without`;
        problems.add(`/${name}`, 'required_for_call_type', message);
      }
    }
  }
  const format = call.odds_format ?? 'american';
  for (const name of ['odds_a', 'odds_b'] as const) {
    const odds = call[name];
    if (odds === undefined || odds === null || decimalOdds(odds, format) !== null) continue;
    const rule = format === 'decimal' ? 'decimal odds must be > 1' : 'American odds must be ≤ -100 or ≥ 100';
    const hint = format === 'american' && odds > 1 ? '; for decimal odds send "odds_format": "decimal"' : '';
    problems.add(`/${name}`, 'invalid_odds', `${name}: ${rule}, got ${odds}${hint}`);
  }
  const sentAt = times.get('sent_at');
  const expiresAt = times.get('expires_at');
  if (sentAt !== undefined && expiresAt !== undefined && expiresAt < sentAt) {
    const message = `expires_at (${expiresAt}) must not be before sent_at (${sentAt})`;
    problems.add('/expires_at', 'expires_before_sent', message);
  }
  const users = call.notified_user_ids?.length;
  const { users_notified: notified } = call;
  if (users !== undefined && notified !== undefined && notified !== null && users !== notified) {
    const message = `users_notified is ${notified} but notified_user_ids has ${users} entries; leave one out or make them agree`;
    problems.add('/users_notified', 'count_mismatch', message);
  }
}

/** When the sender says that the event happened; what else it dates may well lie ahead. */
export const OCCURRED_AT = { call: 'sent_at', click: 'clicked_at', result: 'settled_at' } as const;

export function addClockProblems(
  type: EventType,
  times: SentTimes,
  receivedAt: UtcTime,
  problems: ProblemList,
): void {
  const field = OCCURRED_AT[type];
  const time = times.get(field);
  // Nearly every time is in the past, and comparing text is cheaper than adding.
  if (time === undefined || time <= receivedAt || time <= addMs(receivedAt, MAX_AHEAD_MS)) return;
  const message = `${field} (${time}) must be at most 24 hours after the event was received (${receivedAt})`;
  problems.add(`/${field}`, 'in_the_future', message);
}
