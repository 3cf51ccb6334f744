import { sql } from 'drizzle-orm';
import { check, date, index, integer, json, numeric, pgTable, text } from 'drizzle-orm/pg-core';
import { bytea, id, instant } from './columns.js';

/** One alert as it was sent, with the defaults of its fields. Never updated: a second version of a call is a conflict. */
export const calls = pgTable(
  'calls',
  {
    call_id: id('call_id').primaryKey(),
    call_type: text('call_type').notNull(),
    sport: text('sport'),
    league: text('league'),
    team_a: text('team_a'),
    team_b: text('team_b'),
    match_date: date('match_date', { mode: 'string' }),
    commence_time: instant('commence_time'),
    book_a: text('book_a').notNull(),
    book_b: text('book_b'),
    market: text('market'),
    odds_a: numeric('odds_a', { mode: 'number' }).notNull(),
    odds_b: numeric('odds_b', { mode: 'number' }),
    odds_format: text('odds_format').notNull(),
    roi_percent: numeric('roi_percent', { mode: 'number' }).notNull(),
    stake_a: numeric('stake_a', { mode: 'number' }),
    stake_b: numeric('stake_b', { mode: 'number' }),
    total_stake: numeric('total_stake', { mode: 'number' }),
    profit_expected: numeric('profit_expected', { mode: 'number' }),
    sent_at: instant('sent_at').notNull(),
    expires_at: instant('expires_at'),
    users_notified: integer('users_notified').notNull(),
    notified_user_ids: text('notified_user_ids').array(),
    source: text('source'),
    /** `json`, not `jsonb`: it keeps any double and the order of names, and is not taken apart when it is stored. */
    raw: json('raw').$type<Readonly<Record<string, unknown>>>(),
    received_at: instant('received_at').notNull(),
    fingerprint: bytea('fingerprint').notNull(),
  },
  (t) => [
    index('calls_call_type_index').on(t.call_type),
    index('calls_sport_index').on(t.sport),
    index('calls_sent_at_index').on(t.sent_at),
    index('calls_roi_percent_index').on(t.roi_percent),
    /** For the cleanup: imported history is old by `sent_at`, and young by this. */
    index('calls_received_at_index').on(t.received_at),
    index('calls_call_type_sport_sent_at_index').on(t.call_type, t.sport, t.sent_at),
    check('calls_call_type_check', sql`call_type in ('arbitrage', 'middle', 'good_ev')`),
    check('calls_odds_format_check', sql`odds_format in ('american', 'decimal')`),
    check('calls_users_notified_check', sql`users_notified >= 0`),
  ],
);
