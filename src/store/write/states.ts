import type pg from 'pg';
import { CLOSING_FIELDS, SETTLEMENT_FIELDS } from '../../events/result.js';
import { columnsOfLine, type RowColumns } from '../../events/row-text.js';
import type { Identity } from './identities.js';
import { prepared } from '../transaction.js';

/** What the clicks and results of one batch change in the state of a call. */
interface Change {
  clicks: number;
  /** Of clicks without a user, each of which counts as one of its own. */
  anonymousClicked: number;
  anonymousBet: number;
  firstClickedAt: string | null;
  lastClickedAt: string | null;
  settlement: Part | null;
  closing: Part | null;
}

/** What the latest result says of one of the two parts. */
interface Part {
  /** Greater for what counts more: the later `settled_at`, at equal times the greater event id, byte by byte. */
  readonly rank: string;
  readonly result: RowColumns;
}

interface User {
  readonly call_id: string;
  readonly user_id: string;
  bet: boolean;
}

/**
 * Users and states in one statement, in key order: two transactions that meet on the same calls wait for each other and
 * never deadlock. Users are distinct by insertion; `xmax = 0` tells a row that was inserted from one that was updated
 * (there, a click turned into a bet).
 */
const UPDATE = `
  with touched_users as (
    insert into call_users as known (call_id, user_id, bet)
    select call_id, user_id, bet
    from json_to_recordset($1::json) as input (call_id text, user_id text, bet boolean)
    order by call_id collate "C", user_id collate "C"
    on conflict (call_id, user_id) do update set bet = true where excluded.bet and not known.bet
    returning call_id, bet, xmax = 0 as is_new
  ),
  user_totals as (
    select call_id, count(*) filter (where is_new) as clicked, count(*) filter (where bet) as bet
    from touched_users
    group by call_id
  )
  insert into call_states as known (
    call_id, clicks, users_clicked, users_bet, first_clicked_at, last_clicked_at,
    settled_at, settlement_event_id, outcome, profit_actual,
    closing_settled_at, closing_event_id, closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed,
    closed_at)
  select
    call_id, clicks, anonymous_clicked + coalesce(user_totals.clicked, 0),
    anonymous_bet + coalesce(user_totals.bet, 0), first_clicked_at, last_clicked_at,
    settled_at, settlement_event_id, outcome, profit_actual,
    closing_settled_at, closing_event_id, closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed,
    closed_at
  from json_to_recordset($2::json) as input (
    call_id text, clicks integer, anonymous_clicked integer, anonymous_bet integer, first_clicked_at timestamptz,
    last_clicked_at timestamptz, settled_at timestamptz, settlement_event_id text, outcome text,
    profit_actual numeric, closing_settled_at timestamptz, closing_event_id text, closing_line_a numeric,
    closing_line_b numeric, clv_a numeric, clv_b numeric, line_movement_speed text, closed_at timestamptz)
  left join user_totals using (call_id)
  order by call_id collate "C"
  on conflict (call_id) do update set
    clicks = known.clicks + excluded.clicks,
    users_clicked = known.users_clicked + excluded.users_clicked,
    users_bet = known.users_bet + excluded.users_bet,
    first_clicked_at = least(known.first_clicked_at, excluded.first_clicked_at),
    last_clicked_at = greatest(known.last_clicked_at, excluded.last_clicked_at),
    ${replacedWhenLater('settled_at', 'settlement_event_id', SETTLEMENT_FIELDS)},
    ${replacedWhenLater('closing_settled_at', 'closing_event_id', CLOSING_FIELDS)}`;

/** A part of a result is replaced as a whole by the event with the later time; at equal times by the greater event id. */
function replacedWhenLater(time: string, eventId: string, columns: readonly string[]): string {
  const isLater = `known.${time} is null or (excluded.${time}, excluded.${eventId}) > (known.${time}, known.${eventId})`;
  return [time, eventId, ...columns]
    .map((column) => `${column} = case when ${isLater} then excluded.${column} else known.${column} end`)
    .join(',\n    ');
}

/** Brings the state of the calls that these clicks and results belong to up to date; all were inserted just now. */
export async function updateStates(
  client: pg.ClientBase,
  clicks: readonly Identity[],
  results: readonly Identity[],
): Promise<void> {
  if (clicks.length + results.length === 0) return;
  const changes = new Changes();
  for (const { offered } of clicks) changes.addClick(columnsOfLine('click', offered.row));
  for (const { key, offered } of results) changes.addResult(key, columnsOfLine('result', offered.row));
  await prepared(client, 'update_states', UPDATE, [
    JSON.stringify(changes.users()),
    JSON.stringify(changes.states()),
  ]);
}

class Changes {
  readonly #calls = new Map<string, Change>();
  readonly #users = new Map<string, User>();

  addClick(click: RowColumns): void {
    const { call_id: callId = null, user_id: userId = null, clicked_at: clickedAt = null } = click;
    const isBet = click['action'] === 'bet';
    const change = this.#of(callId);
    change.clicks++;
    change.firstClickedAt = earlier(change.firstClickedAt, clickedAt);
    change.lastClickedAt = later(change.lastClickedAt, clickedAt);
    if (userId === null) {
      change.anonymousClicked++;
      if (isBet) change.anonymousBet++;
    } else this.#addUser(callId ?? '', userId, isBet);
  }

  /** @param key see EventRecord.key */
  addResult(key: string, result: RowColumns): void {
    const change = this.#of(result['call_id']);
    const rank = `${result['settled_at'] ?? ''}\t${key}`;
    const isLater = (part: Part | null): boolean => part === null || rank > part.rank;
    if (result['has_settlement'] === 'true' && isLater(change.settlement))
      change.settlement = { rank, result };
    if (result['has_closing'] === 'true' && isLater(change.closing)) change.closing = { rank, result };
  }

  users(): readonly User[] {
    return [...this.#users.values()];
  }

  states(): readonly object[] {
    return Array.from(this.#calls, ([call_id, change]) => {
      const settlement = change.settlement?.result;
      const closing = change.closing?.result;
      return {
        call_id,
        clicks: change.clicks,
        anonymous_clicked: change.anonymousClicked,
        anonymous_bet: change.anonymousBet,
        first_clicked_at: change.firstClickedAt,
        last_clicked_at: change.lastClickedAt,
        settled_at: settlement?.['settled_at'],
        settlement_event_id: settlement?.['event_id'],
        ...fieldsOf(settlement, SETTLEMENT_FIELDS),
        closing_settled_at: closing?.['settled_at'],
        closing_event_id: closing?.['event_id'],
        ...fieldsOf(closing, CLOSING_FIELDS),
      };
    });
  }

  #addUser(callId: string, userId: string, isBet: boolean): void {
    // Ids hold no tab.
    const key = `${callId}\t${userId}`;
    const known = this.#users.get(key);
    if (known === undefined) this.#users.set(key, { call_id: callId, user_id: userId, bet: isBet });
    else known.bet ||= isBet;
  }

  #of(callId: string | null | undefined): Change {
    const known = this.#calls.get(callId ?? '');
    if (known !== undefined) return known;
    const none = { firstClickedAt: null, lastClickedAt: null, settlement: null, closing: null };
    const change: Change = { clicks: 0, anonymousClicked: 0, anonymousBet: 0, ...none };
    this.#calls.set(callId ?? '', change);
    return change;
  }
}

function fieldsOf(result: RowColumns | undefined, fields: readonly string[]): object {
  return Object.fromEntries(fields.map((field) => [field, result?.[field]]));
}

/* Times are of equal length in UTC, so their texts compare as they do. */

function earlier(a: string | null, b: string | null): string | null {
  return a === null || (b !== null && b < a) ? b : a;
}

function later(a: string | null, b: string | null): string | null {
  return a === null || (b !== null && b > a) ? b : a;
}
