import { sql } from 'drizzle-orm';
import { boolean, check, numeric, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, id, instant } from './columns.js';

/** Every result event, append-only: the history of corrections is data. */
export const results = pgTable(
  'results',
  {
    call_id: id('call_id').notNull(),
    event_id: id('event_id').notNull(),
    settled_at: instant('settled_at').notNull(),
    /** The event states the settlement part: outcome and profit_actual. */
    has_settlement: boolean('has_settlement').notNull(),
    /** The event states the closing part: lines, CLV, movement, closed_at. */
    has_closing: boolean('has_closing').notNull(),
    outcome: text('outcome'),
    profit_actual: numeric('profit_actual', { mode: 'number' }),
    closing_line_a: numeric('closing_line_a', { mode: 'number' }),
    closing_line_b: numeric('closing_line_b', { mode: 'number' }),
    clv_a: numeric('clv_a', { mode: 'number' }),
    clv_b: numeric('clv_b', { mode: 'number' }),
    line_movement_speed: text('line_movement_speed'),
    closed_at: instant('closed_at'),
    received_at: instant('received_at').notNull(),
    fingerprint: bytea('fingerprint').notNull(),
  },
  (t) => [
    primaryKey({ name: 'results_pkey', columns: [t.call_id, t.event_id] }),
    check('results_outcome_check', sql`outcome in ('a_won', 'b_won', 'both_won', 'push', 'void', 'unknown')`),
    check('results_line_movement_speed_check', sql`line_movement_speed in ('fast', 'normal', 'slow')`),
  ],
);
