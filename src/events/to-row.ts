/** From what was sent to what is stored: every default of the three events is applied here and nowhere else. */
import { addDecimals } from '../lib/decimal.js';
import type { UtcTime } from '../lib/time.js';
import { CALL_TYPES, ODDS_FORMATS } from './call.js';
import { CLICK_ACTIONS } from './click.js';
import type { EventIdentity } from './identity.js';
import { CLOSING_FIELDS, LINE_MOVEMENT_SPEEDS, OUTCOMES, SETTLEMENT_FIELDS } from './result.js';
import type { RowSource } from './row-source.js';
import type { CallRow, ClickRow, ResultRow, StoredEvent } from './rows.js';

/** What is known of an event beside its payload. */
export interface Delivery extends EventIdentity {
  readonly receivedAt: UtcTime;
  /** Name of the sender's key; null without keys. */
  readonly source: string | null;
}

/** @throws CorruptRecordError when the fields are not those of an accepted event. */
export function storedEvent(sent: RowSource, delivery: Delivery): StoredEvent {
  switch (delivery.type) {
    case 'call':
      return { type: 'call', row: callRow(sent, delivery) };
    case 'click':
      return { type: 'click', row: clickRow(sent, delivery) };
    case 'result':
      return { type: 'result', row: resultRow(sent, delivery) };
  }
}

function callRow(sent: RowSource, delivery: Delivery): CallRow {
  const stakeA = sent.number('stake_a');
  const stakeB = sent.number('stake_b');
  const users = sent.texts('notified_user_ids');
  return {
    call_id: delivery.callId,
    call_type: sent.required('call_type', sent.choice('call_type', CALL_TYPES)),
    sport: sent.text('sport'),
    league: sent.text('league'),
    team_a: sent.text('team_a'),
    team_b: sent.text('team_b'),
    match_date: sent.date('match_date'),
    commence_time: sent.time('commence_time'),
    book_a: sent.required('book_a', sent.text('book_a')),
    book_b: sent.text('book_b'),
    market: sent.text('market'),
    odds_a: sent.required('odds_a', sent.number('odds_a')),
    odds_b: sent.number('odds_b'),
    odds_format: sent.choice('odds_format', ODDS_FORMATS) ?? 'american',
    roi_percent: sent.required('roi_percent', sent.number('roi_percent')),
    stake_a: stakeA,
    stake_b: stakeB,
    total_stake: sent.number('total_stake') ?? sumOfStakes(stakeA, stakeB),
    profit_expected: sent.number('profit_expected'),
    sent_at: sent.time('sent_at') ?? delivery.receivedAt,
    expires_at: sent.time('expires_at'),
    users_notified: sent.number('users_notified') ?? users?.length ?? 0,
    notified_user_ids: users,
    source: sent.text('source') ?? delivery.source,
    raw: sent.json('raw'),
    received_at: delivery.receivedAt,
  };
}

function clickRow(sent: RowSource, delivery: Delivery): ClickRow {
  return {
    call_id: delivery.callId,
    event_id: delivery.eventId,
    user_id: sent.text('user_id'),
    action: sent.choice('action', CLICK_ACTIONS) ?? 'bet',
    clicked_at: sent.time('clicked_at') ?? delivery.receivedAt,
    received_at: delivery.receivedAt,
  };
}

function resultRow(sent: RowSource, delivery: Delivery): ResultRow {
  const parts = {
    outcome: sent.choice('outcome', OUTCOMES),
    profit_actual: sent.number('profit_actual'),
    closing_line_a: sent.number('closing_line_a'),
    closing_line_b: sent.number('closing_line_b'),
    clv_a: sent.number('clv_a'),
    clv_b: sent.number('clv_b'),
    line_movement_speed: sent.choice('line_movement_speed', LINE_MOVEMENT_SPEEDS),
    closed_at: sent.time('closed_at'),
  };
  return {
    call_id: delivery.callId,
    event_id: delivery.eventId,
    has_settlement: SETTLEMENT_FIELDS.some((field) => parts[field] !== null),
    has_closing: CLOSING_FIELDS.some((field) => parts[field] !== null),
    ...parts,
    settled_at: sent.time('settled_at') ?? delivery.receivedAt,
    received_at: delivery.receivedAt,
  };
}

/** Of the stakes that are there; null when none is. */
function sumOfStakes(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return addDecimals(a, b);
}
