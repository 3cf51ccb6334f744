/** Events to start from in the tests of this folder. */
import { accept } from '../../src/events/accept.js';
import type { AcceptInput, Verdict } from '../../src/events/accept.js';
import { type DecodedRecord, decodeRecord } from '../helpers/records.js';

export type Body = Record<string, unknown>;

export const NOW = '2025-10-22T06:00:00.000000Z';

export const CALL = {
  type: 'call',
  call_id: 'c-1',
  call_type: 'arbitrage',
  book_a: 'Caesars',
  odds_a: 110,
  book_b: 'BetMGM',
  odds_b: -105,
  roi_percent: 1.1,
} as const;
export const CLICK = { type: 'click', call_id: 'c-1', event_id: 'k-1' } as const;
export const RESULT = { type: 'result', call_id: 'c-1', event_id: 'r-1', outcome: 'a_won' } as const;

export type Beside = Omit<Partial<AcceptInput>, 'body'>;

/** Judges a value as if it had been sent as JSON. */
export function send(body: unknown, beside: Beside = {}): Verdict {
  const payload = Buffer.from(body === undefined ? '' : JSON.stringify(body));
  return accept({ body, payload, receivedAt: NOW, source: null, ...beside });
}

/** Judges a JSON text. */
export function sendText(text: string, beside: Beside = {}): Verdict {
  return accept({
    body: JSON.parse(text),
    payload: Buffer.from(text),
    receivedAt: NOW,
    source: null,
    ...beside,
  });
}

/** The record of an event that must be accepted. */
export function store(body: unknown, beside: Beside = {}): DecodedRecord {
  const verdict = send(body, beside);
  if (!verdict.ok) throw new Error(JSON.stringify(verdict));
  return decodeRecord(verdict.record);
}

/** The mistakes of an event as `status pointer code`, in order; none when it is accepted. */
export function mistakes(verdict: Verdict): string[] {
  return verdict.ok ? [] : verdict.errors.map(({ pointer, code }) => `${verdict.status} ${pointer} ${code}`);
}
