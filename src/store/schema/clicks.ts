import { sql } from 'drizzle-orm';
import { boolean, check, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, id, instant } from './columns.js';

/** Every click event, append-only. May come before its call. */
export const clicks = pgTable(
  'clicks',
  {
    call_id: id('call_id').notNull(),
    event_id: id('event_id').notNull(),
    user_id: id('user_id'),
    action: text('action').notNull(),
    clicked_at: instant('clicked_at').notNull(),
    received_at: instant('received_at').notNull(),
    fingerprint: bytea('fingerprint').notNull(),
  },
  (t) => [
    primaryKey({ name: 'clicks_pkey', columns: [t.call_id, t.event_id] }),
    check('clicks_action_check', sql`action in ('bet', 'click')`),
  ],
);

/** Who clicked on a call: one row per user, so that distinct users are counted by insertion and never by a scan. */
export const callUsers = pgTable(
  'call_users',
  {
    call_id: id('call_id').notNull(),
    user_id: id('user_id').notNull(),
    /** The user pressed "I BET" at least once. Only ever turns true. */
    bet: boolean('bet').notNull(),
  },
  (t) => [primaryKey({ name: 'call_users_pkey', columns: [t.call_id, t.user_id] })],
);
