import { integer, numeric, pgTable, text } from 'drizzle-orm/pg-core';
import { id, instant } from './columns.js';

/**
 * What became of a call so far, kept up to date in the transaction that stores each click and result, so that reads
 * never aggregate the history. A row may stand before its call does. It can always be derived anew from `clicks`
 * and `results`.
 */
export const callStates = pgTable('call_states', {
  call_id: id('call_id').primaryKey(),
  clicks: integer('clicks').notNull(),
  /** Distinct users with any click; each click without a user counts one. */
  users_clicked: integer('users_clicked').notNull(),
  users_bet: integer('users_bet').notNull(),
  first_clicked_at: instant('first_clicked_at'),
  last_clicked_at: instant('last_clicked_at'),

  // The settlement in force: of the result with the greatest (settled_at, event_id) among those that carry one.
  settled_at: instant('settled_at'),
  settlement_event_id: id('settlement_event_id'),
  outcome: text('outcome'),
  profit_actual: numeric('profit_actual', { mode: 'number' }),

  // The closing in force, chosen in the same way among the results that carry one.
  closing_settled_at: instant('closing_settled_at'),
  closing_event_id: id('closing_event_id'),
  closing_line_a: numeric('closing_line_a', { mode: 'number' }),
  closing_line_b: numeric('closing_line_b', { mode: 'number' }),
  clv_a: numeric('clv_a', { mode: 'number' }),
  clv_b: numeric('clv_b', { mode: 'number' }),
  line_movement_speed: text('line_movement_speed'),
  closed_at: instant('closed_at'),
});
