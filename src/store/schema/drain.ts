import { sql } from 'drizzle-orm';
import { bigint, check, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, id, instant } from './columns.js';

/** One row per spool that ever drained into this database. */
export const spools = pgTable('spools', {
  spool_id: uuid('spool_id').primaryKey(),
  /**
   * Raised by every opening of the spool. A batch transaction holds the row FOR SHARE at the epoch it knows, so raising
   * it waits for every transaction of earlier openings that is still in doubt, and later ones find themselves fenced off.
   */
  epoch: bigint('epoch', { mode: 'number' }).notNull(),
  opened_at: instant('opened_at').notNull(),
  /** Outcomes of batches whose rows in drain_batches were folded into these sums. Never lowered. */
  stored: bigint('stored', { mode: 'number' }).notNull().default(0),
  duplicate: bigint('duplicate', { mode: 'number' }).notNull().default(0),
  dead_letter: bigint('dead_letter', { mode: 'number' }).notNull().default(0),
});

/**
 * Which records of a spool are in the store, and what became of each: inserted in the transaction that carries them, so
 * that a batch committed but not yet released from the spool is recognised after a crash. Insert-only; rows are folded
 * into `spools` once the spool has dropped the records.
 */
export const drainBatches = pgTable(
  'drain_batches',
  {
    spool_id: uuid('spool_id').notNull(),
    first_sequence: bigint('first_sequence', { mode: 'number' }).notNull(),
    last_sequence: bigint('last_sequence', { mode: 'number' }).notNull(),
    /** CRC-32 over the record checksums in order: tells our records from those of a copied or rolled-back spool. */
    checksum: bigint('checksum', { mode: 'number' }).notNull(),
    /** One letter per record in order: s(tored), d(uplicate), x (dead letter). */
    outcomes: text('outcomes').notNull(),
    stored: integer('stored').notNull(),
    duplicate: integer('duplicate').notNull(),
    dead_letter: integer('dead_letter').notNull(),
    committed_at: instant('committed_at')
      .notNull()
      .default(sql`now()`),
  },
  (t) => [primaryKey({ name: 'drain_batches_pkey', columns: [t.spool_id, t.first_sequence] })],
);

/** Events the store can never take, with the reason and the payload as received. */
export const deadLetters = pgTable(
  'dead_letters',
  {
    spool_id: uuid('spool_id').notNull(),
    sequence: bigint('sequence', { mode: 'number' }).notNull(),
    reason: text('reason').notNull(),
    /** For an operator: SQLSTATE and message of the database, or what the conflict was with. */
    detail: text('detail').notNull(),
    /** Null for a record that could not be read. */
    event_type: text('event_type'),
    call_id: id('call_id'),
    event_id: id('event_id'),
    source: text('source'),
    received_at: instant('received_at'),
    dead_lettered_at: instant('dead_lettered_at')
      .notNull()
      .default(sql`now()`),
    payload: bytea('payload').notNull(),
    /** How often this event was replayed before it came here; a replay of all leaves replayed ones alone. */
    replays: integer('replays').notNull().default(0),
  },
  (t) => [
    primaryKey({ name: 'dead_letters_pkey', columns: [t.spool_id, t.sequence] }),
    check('dead_letters_reason_check', sql`reason in ('conflict', 'corrupt', 'data_error', 'unstorable')`),
  ],
);
