/**
 * What the view must hold, computed from the events in the plainest way, without any code of the service: its
 * documentation turned into arithmetic on lists.
 */
import type { Body } from '../helpers/events.js';

/** One row of `arbitrage_calls`. */
export type ViewRow = Record<string, unknown>;

/** Columns that are computed, and so agree but for the last digits. */
export const COMPUTED = [
  'odds_a_decimal',
  'odds_b_decimal',
  'roi_implied_percent',
  'conversion_percent',
  'clv_a',
  'clv_b',
] as const;

/** The rows for events that are each of an identity of their own, by call_id bytewise. */
export function modelOf(events: readonly Body[], receivedAt: string, source: string): ViewRow[] {
  return events
    .filter((event) => event['type'] === 'call')
    .sort((a, b) => bytewise(a['call_id'], b['call_id']))
    .map((call) => {
      const own = events.filter((event) => event['call_id'] === call['call_id']);
      const clicks = own.filter((event) => event['type'] === 'click');
      const results = own.filter((event) => event['type'] === 'result');
      return rowOf(call, clicks, results, receivedAt, source);
    });
}

function rowOf(
  call: Body,
  clicks: readonly Body[],
  results: readonly Body[],
  receivedAt: string,
  source: string,
): ViewRow {
  const format = call['odds_format'] ?? 'american';
  const notified = call['notified_user_ids'];
  const count = call['users_notified'] ?? (Array.isArray(notified) ? notified.length : 0);
  const usersClicked = usersOf(clicks);
  const times = clicks.map((click) => time(click['clicked_at'])).sort();
  const settlement = inForce(results, ['outcome', 'profit_actual']);
  const closing = inForce(results, [
    'closing_line_a',
    'closing_line_b',
    'clv_a',
    'clv_b',
    'line_movement_speed',
    'closed_at',
  ]);
  const a = decimal(call['odds_a'], format);
  const b = decimal(call['odds_b'], format);
  const stakes = [call['stake_a'], call['stake_b']].filter((stake) => typeof stake === 'number');
  return {
    call_id: call['call_id'],
    call_type: call['call_type'],
    ...pick(call, ['sport', 'league', 'team_a', 'team_b', 'match_date']),
    commence_time: time(call['commence_time']),
    ...pick(call, ['book_a', 'book_b', 'market', 'odds_a', 'odds_b']),
    odds_format: format,
    odds_a_decimal: a,
    odds_b_decimal: b,
    roi_percent: call['roi_percent'],
    roi_implied_percent: a === null || b === null ? null : (1 / (1 / a + 1 / b) - 1) * 100,
    ...pick(call, ['stake_a', 'stake_b']),
    total_stake:
      call['total_stake'] ??
      (stakes.length > 0 ? stakes.reduce((sum: number, stake: number) => sum + stake, 0) : null),
    profit_expected: call['profit_expected'] ?? null,
    sent_at: time(call['sent_at']),
    expires_at: time(call['expires_at']),
    users_notified: count,
    notified_user_ids: notified ?? null,
    clicks: clicks.length,
    users_clicked: usersClicked,
    users_bet: usersOf(clicks.filter((click) => (click['action'] ?? 'bet') === 'bet')),
    conversion_percent: count === 0 ? null : (usersClicked * 100) / Number(count),
    first_clicked_at: times[0] ?? null,
    last_clicked_at: times.at(-1) ?? null,
    ...pick(settlement, ['outcome', 'profit_actual']),
    settled_at: time(settlement['settled_at']),
    ...pick(closing, ['closing_line_a', 'closing_line_b']),
    clv_a: clv(closing['clv_a'], a, decimal(closing['closing_line_a'], format)),
    clv_b: clv(closing['clv_b'], b, decimal(closing['closing_line_b'], format)),
    line_movement_speed: closing['line_movement_speed'] ?? null,
    closed_at: time(closing['closed_at']),
    source: call['source'] ?? source,
    raw: call['raw'] ?? null,
    received_at: receivedAt,
  };
}

/** Distinct users; a click without one counts for itself. */
function usersOf(clicks: readonly Body[]): number {
  const users = clicks.map((click) => click['user_id'] ?? null);
  return new Set(users.filter((user) => user !== null)).size + users.filter((user) => user === null).length;
}

/** Of the results that carry the part, the one with the latest `settled_at`, at equal times the greatest event id. */
function inForce(results: readonly Body[], part: readonly string[]): Body {
  const carrying = results.filter((result) => part.some((field) => (result[field] ?? null) !== null));
  carrying.sort((x, y) => {
    const [a, b] = [String(time(x['settled_at'])), String(time(y['settled_at']))];
    if (a !== b) return a < b ? -1 : 1;
    return bytewise(x['event_id'], y['event_id']);
  });
  return carrying.at(-1) ?? {};
}

function decimal(odds: unknown, format: unknown): number | null {
  if (typeof odds !== 'number') return null;
  if (format === 'decimal') return odds > 1 ? odds : null;
  if (odds >= 100) return odds / 100 + 1;
  if (odds <= -100) return 100 / Math.abs(odds) + 1;
  return null;
}

function clv(stated: unknown, taken: number | null, closing: number | null): unknown {
  if (typeof stated === 'number') return stated;
  return taken === null || closing === null ? null : (taken / closing - 1) * 100;
}

function pick(event: Body, fields: readonly string[]): ViewRow {
  return Object.fromEntries(fields.map((field) => [field, event[field] ?? null]));
}

/** A time in UTC as it comes back: always six digits after the point. */
function time(text: unknown): string | null {
  if (typeof text !== 'string') return null;
  const [seconds = '', fraction = ''] = text.replace('Z', '').split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}Z`;
}

export function bytewise(a: unknown, b: unknown): number {
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}
