import { Backoff, type BackoffOptions } from '../lib/backoff.js';
import type { SpoolRecord } from '../spool/types.js';
import { classify, type ClassifiedError, inWords } from '../store/errors.js';
import { type Batch, verdictOf, writeBatch, WriteError } from '../store/write/batch.js';
import type { Wariness } from '../store/write/events.js';
import type { DeadLetterReason, Outcome } from '../store/write/outcome.js';
import { committedOutcomes, FencedError } from '../store/write/progress.js';
import type pg from 'pg';
import { toBatch } from './carriage.js';
import type { DrainObserver } from './observer.js';

/*
 * How a batch gets into the store, whatever happens on the way:
 *
 *             ┌──────────────────────── transient: wait ◄──────────────────────┐
 *             ▼                                                                 │
 *   records ─► attempt ── committed ───────────────────────────────────────────┼─► settled
 *             │   │                                                             │      ▲
 *             │   └─ COMMIT lost ─► in doubt ── ask until the database answers ─┼──────┘ it had committed
 *             │                                   it had not ───────────────────┘
 *             ├─ refused for its data, or failed 10 times while others commit, or 10 times for no known reason
 *             ▼
 *           more than one record: two halves, each delivered like a batch of its own
 *           one record: a dead letter (data_error, unstorable), delivered like a batch of its own; unstorable only
 *                       when others have been committed meanwhile, and never for an error that speaks of the
 *                       database's state
 *
 * Only a definite rollback halves: while a COMMIT is in doubt the range stays as it is, because a batch is recognised
 * in the store by its range. A batch that meets a FencedError is given up; the drain begins anew and finds its
 * records on the spool.
 */

/** Failures of its own statements that a batch may have before its contents are suspected. */
const SUSPECT_AFTER_FAILURES = 10;

export interface DeliveryContext {
  readonly pool: pg.Pool;
  readonly spoolId: string;
  readonly epoch: number;
  readonly wariness: Wariness;
  /** Waits between the attempts at one batch. */
  readonly retry: BackoffOptions;
  /** Aborted: waits end, nothing new is attempted, what is in the database's hands is finished. */
  readonly signal: AbortSignal;
  /** Called in the tick in which the outcomes became known. */
  readonly settle: (records: readonly SpoolRecord[], outcomes: readonly Outcome[]) => void;
  /** Hears of every failed attempt. */
  readonly failed: (error: unknown) => void;
  readonly observer: DrainObserver;
  /** A batch in trouble goes on trying, and lets another one take its turn. */
  readonly stepAside: () => void;
  /** Batches committed so far, by everyone who drains this spool: grows while the database takes other batches. */
  readonly commits: () => number;
}

/**
 * Delivers the records; resolves when each is settled, or without that when the signal is aborted.
 * @throws FencedError
 */
export async function deliver(records: readonly SpoolRecord[], context: DeliveryContext): Promise<void> {
  const batch = toBatch(records, context);
  const failure = await attempt(batch, records, context);
  if (failure === null || context.signal.aborted) return;
  const [only] = records;
  if (records.length > 1 || only === undefined) {
    const middle = records.length >> 1;
    const halves = [records.slice(0, middle), records.slice(middle)];
    if (failure.reason === 'unstorable') return deliverAll(halves, context);
    for (const half of halves) await deliver(half, context);
    return;
  }
  await attempt(condemn(batch, failure), records, context);
}

/** All at once, so that the one with the bad event, which may try for long, holds none of the others back. */
async function deliverAll(
  parts: readonly (readonly SpoolRecord[])[],
  context: DeliveryContext,
): Promise<void> {
  const deliveries = await Promise.allSettled(parts.map((part) => deliver(part, context)));
  for (const delivery of deliveries) if (delivery.status === 'rejected') throw delivery.reason;
}

interface Refusal {
  readonly reason: Extract<DeadLetterReason, 'data_error' | 'unstorable'>;
  readonly error: ClassifiedError;
}

/** Null when the records are settled or the signal was aborted; otherwise why the batch is to be taken apart. */
async function attempt(
  batch: Batch,
  records: readonly SpoolRecord[],
  context: DeliveryContext,
): Promise<Refusal | null> {
  const backoff = new Backoff(context.retry);
  let commitsSeen = context.commits();
  let failures = 0;
  let failuresAmongCommits = 0;
  let inDoubt = false;
  while (!context.signal.aborted) {
    try {
      const outcomes = inDoubt
        ? await committedOutcomes(context.pool, batch)
        : await timed(() => writeBatch(context.pool, batch, context.wariness), context.observer);
      if (outcomes !== null) {
        context.settle(records, outcomes);
        tellDeadLetters(batch, outcomes, context.observer);
        return null;
      }
      inDoubt = false;
      continue;
    } catch (thrown) {
      const failure = thrown instanceof WriteError ? thrown : new WriteError(thrown, false, false);
      if (failure.cause instanceof FencedError) throw failure.cause;
      const error = classify(failure.cause);
      context.failed(failure.cause);
      if (!failure.rolledBack) inDoubt = true;
      else if (failure.begun && !isCondemned(batch)) {
        if (error.kind === 'data') return { reason: 'data_error', error };
        if (context.commits() > commitsSeen) failuresAmongCommits++;
        if (++failures >= SUSPECT_AFTER_FAILURES) context.stepAside();
        // Taking a batch apart does no harm; condemning an event needs the proof that others go through.
        const suspicion = records.length > 1 && error.kind === 'unknown' ? failures : failuresAmongCommits;
        const canBeTakenApart = records.length > 1 || error.kind === 'unknown';
        if (canBeTakenApart && suspicion >= SUSPECT_AFTER_FAILURES) return { reason: 'unstorable', error };
      }
      commitsSeen = context.commits();
    }
    await backoff.wait(context.signal);
  }
  return null;
}

async function timed<T>(write: () => Promise<T>, observer: DrainObserver): Promise<T> {
  const startedAt = performance.now();
  const tell = (result: 'committed' | 'failed'): void => {
    observer.attempted((performance.now() - startedAt) / 1000, result);
  };
  try {
    const written = await write();
    tell('committed');
    return written;
  } catch (error) {
    tell('failed');
    throw error;
  }
}

function tellDeadLetters({ records }: Batch, outcomes: readonly Outcome[], observer: DrainObserver): void {
  for (const [position, record] of records.entries())
    if (outcomes[position] === 'dead_letter') observer.deadLettered(verdictOf(record).reason);
}

/** A dead letter holds nothing the database could refuse for its contents, so it is only ever retried. */
function condemn(batch: Batch, { reason, error }: Refusal): Batch {
  const detail = inWords(error);
  return { ...batch, records: batch.records.map((record) => ({ ...record, condemned: { reason, detail } })) };
}

function isCondemned(batch: Batch): boolean {
  return batch.records.every((record) => record.condemned !== null);
}
