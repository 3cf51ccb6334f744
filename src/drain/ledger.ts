import { Deferred } from '../lib/deferred.js';
import type { Spool, SpoolRecord } from '../spool/types.js';
import { countOutcomes, type Outcome, type OutcomeCounts } from '../store/write/outcome.js';
import type { Recovered } from './recovery.js';
import { Watchers } from './watchers.js';

/**
 * Keeps the account of the spool: what is settled leaves the spool, enters the totals and is told to whoever watches
 * it, all in one tick, so that accepted = stored + duplicate + dead letter + still spooled holds whenever it is read.
 */
export class Ledger {
  readonly #watchers = new Watchers();
  #totals: OutcomeCounts | null = null;
  #changed = new Deferred<void>();
  #commits = 0;

  constructor(private readonly spool: Spool) {}

  /** Outcomes of everything ever drained from this spool; null until the database has told what it holds. */
  get totals(): Readonly<OutcomeCounts> | null {
    return this.#totals;
  }

  /** Batches committed by this process. */
  get commits(): number {
    return this.#commits;
  }

  /** Resolves the next time something is settled, or nothing will be any more. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Takes over the totals of the database, and releases what it turned out to hold already. */
  recovered({ totals, committed }: Pick<Recovered, 'totals' | 'committed'>): void {
    this.#totals = { ...totals };
    for (const { sequences, outcomes } of committed) this.#settle(sequences, outcomes);
    this.#announce();
  }

  /** A batch has been committed. */
  committed(records: readonly SpoolRecord[], outcomes: readonly Outcome[]): void {
    const totals = this.#totals;
    if (totals === null) throw new Error('a batch was committed before the database was asked what it holds');
    const { stored, duplicate, deadLetter } = countOutcomes(outcomes);
    totals.stored += stored;
    totals.duplicate += duplicate;
    totals.deadLetter += deadLetter;
    this.#commits++;
    this.#settle(
      records.map((record) => record.sequence),
      outcomes,
    );
    this.#announce();
  }

  /**
   * What becomes of records, see Watchers.watch. To be called in the tick in which their append resolves: a batch needs
   * the database, and thus later ticks, so no outcome is missed.
   */
  watch(first: number, count: number, withinMs: number): Promise<readonly Outcome[] | null> {
    return this.#watchers.watch(first, count, withinMs);
  }

  close(): void {
    this.#watchers.close();
    this.#announce();
  }

  #settle(sequences: readonly number[], outcomes: readonly Outcome[]): void {
    const [first, last] = [sequences[0], sequences.at(-1)];
    if (first === undefined || last === undefined) return;
    this.spool.release(first, last);
    for (const [index, sequence] of sequences.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined) this.#watchers.settle(sequence, outcome);
    }
  }

  #announce(): void {
    const changed = this.#changed;
    this.#changed = new Deferred<void>();
    changed.resolve();
  }
}
