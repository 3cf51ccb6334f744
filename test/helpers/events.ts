/** Events as senders send them, for tests that need records on a spool. */
import { accept } from '../../src/events/accept.js';
import type { UtcTime } from '../../src/lib/time.js';

export type Body = Readonly<Record<string, unknown>>;

export const RECEIVED_AT: UtcTime = '2025-10-22T06:00:00.000000Z';

export function callOf(callId: string, changes: Body = {}): Body {
  return {
    type: 'call',
    call_id: callId,
    call_type: 'arbitrage',
    book_a: 'Caesars',
    odds_a: 110,
    book_b: 'BetMGM',
    odds_b: -105,
    roi_percent: 1.1,
    sent_at: '2025-10-22T05:00:00Z',
    ...changes,
  };
}

export function clickOf(callId: string, eventId: string, changes: Body = {}): Body {
  return {
    type: 'click',
    call_id: callId,
    event_id: eventId,
    clicked_at: '2025-10-22T05:01:00Z',
    ...changes,
  };
}

export function resultOf(callId: string, eventId: string, changes: Body = { outcome: 'a_won' }): Body {
  return {
    type: 'result',
    call_id: callId,
    event_id: eventId,
    settled_at: '2025-10-22T05:30:00Z',
    ...changes,
  };
}

/** So many clicks of different users on one call, with the event ids k0, k1, … */
export function clicksOf(callId: string, count: number, prefix = 'k'): Body[] {
  return Array.from({ length: count }, (_, index) =>
    clickOf(callId, `${prefix}${index}`, { user_id: `u${index}` }),
  );
}

/** The spool record of an event that the door must accept. */
export function recordOf(body: Body, payload: Uint8Array = Buffer.from(JSON.stringify(body))): Buffer {
  const verdict = accept({ body, payload, receivedAt: RECEIVED_AT, source: 'tester' });
  if (!verdict.ok) throw new Error(`${JSON.stringify(body)} is refused: ${JSON.stringify(verdict.errors)}`);
  return verdict.record;
}

export function recordsOf(bodies: readonly Body[]): Buffer[] {
  return bodies.map((body) => recordOf(body));
}
