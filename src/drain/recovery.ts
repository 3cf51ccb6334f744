import type pg from 'pg';
import type { Spool, SpoolReader, SpoolRecord } from '../spool/types.js';
import type { Outcome, OutcomeCounts } from '../store/write/outcome.js';
import { type CommittedBatch, openSpoolEpoch } from '../store/write/spools.js';
import { checksumOf } from './carriage.js';

/*
 * What was released from the spool is not written down on disk: the database knows it, because each batch's transaction
 * says which records it carried. So before anything is drained the spool is opened in the database (which waits for
 * transactions still in doubt), and what is stored already is released.
 *
 * That works only when spool and database speak of the same records. They do not when either was put back from a copy,
 * when the spool drained into another database before, or when two services have copies of one spool. Every such case
 * shows in one of three ways, and then the spool takes a new identity: all it holds is drained afresh, which changes
 * nothing for events that are stored already, and loses none.
 *   - the database knows sequences that this opening of the spool has yet to give out
 *   - the records of a batch are not those on the spool
 *   - accepted ≠ stored + duplicate + dead letter + still spooled
 */

export interface Recovered {
  readonly epoch: number;
  readonly totals: OutcomeCounts;
  /** Stored by earlier batches, and to be released from the spool now. */
  readonly committed: readonly CommittedRecords[];
  /** Why the spool took a new identity, if it did. */
  readonly renewed: string | null;
}

export interface CommittedRecords {
  readonly sequences: readonly number[];
  readonly outcomes: readonly Outcome[];
}

/**
 * Opens the spool in the database and finds out what is stored already.
 * @param isFirst true until this process has drained anything: what was accepted since the opening cannot be stored then
 */
export async function recover(spool: Spool, pool: pg.Pool, isFirst: boolean): Promise<Recovered> {
  let renewed: string | null = null;
  for (;;) {
    const { epoch, totals, batches } = await openSpoolEpoch(pool, spool.id, spool.firstHeld);
    const matched = await match(spool, batches, isFirst);
    const mismatch = typeof matched === 'string' ? matched : imbalance(spool, totals, matched);
    if (mismatch === null && typeof matched !== 'string')
      return { epoch, totals, committed: matched, renewed };
    if (renewed !== null)
      throw new Error(`the spool does not match the database even under a new id: ${renewed}`);
    renewed = mismatch;
    await spool.renew();
  }
}

/** The records on the spool that are stored; or a sentence that says why spool and database do not belong together. */
async function match(
  spool: Spool,
  batches: readonly CommittedBatch[],
  isFirst: boolean,
): Promise<CommittedRecords[] | string> {
  const matched: CommittedRecords[] = [];
  const ranges = new RangeReader(spool.reader((batches[0]?.first ?? 1) - 1));
  for (const { first, last, checksum, outcomes } of batches) {
    if (isFirst && last >= spool.openedAt) {
      return `the database holds sequence ${last}, which this spool has not given out yet`;
    }
    const records = await ranges.between(first, last);
    if (records.length === 0) continue;
    if (records.length !== outcomes.length || checksumOf(records) !== checksum) {
      return `records ${first} to ${last} are not those that were stored under these sequences`;
    }
    matched.push({ sequences: records.map((record) => record.sequence), outcomes });
  }
  return matched;
}

const READ_LIMITS = { maxRecords: 10_000, maxBytes: 4 * 1024 * 1024 };

/** Finds ranges that ascend in one pass: a segment may hold thousands of small batches, and is read once for all of them. */
class RangeReader {
  /** Read and not yet passed, from #at on. */
  #ahead: readonly SpoolRecord[] = [];
  #at = 0;

  constructor(private readonly reader: SpoolReader) {}

  /** The records from `first` to `last` that are on the spool; each range has to begin after the end of the one before. */
  async between(first: number, last: number): Promise<SpoolRecord[]> {
    const found: SpoolRecord[] = [];
    for (let record = await this.#peek(); record !== undefined; record = await this.#peek()) {
      if (record.sequence > last) break;
      if (record.sequence >= first) found.push(record);
      this.#at++;
    }
    return found;
  }

  async #peek(): Promise<SpoolRecord | undefined> {
    if (this.#at >= this.#ahead.length) {
      this.#ahead = await this.reader.next(READ_LIMITS);
      this.#at = 0;
    }
    return this.#ahead[this.#at];
  }
}

/** Both counts of the spool are read in one tick, so that what is accepted meanwhile is on neither side or on both. */
function imbalance(
  spool: Spool,
  totals: OutcomeCounts,
  committed: readonly CommittedRecords[],
): string | null {
  const { accepted, spooled } = spool.stats();
  const settled = totals.stored + totals.duplicate + totals.deadLetter;
  const left = spooled - committed.reduce((sum, { sequences }) => sum + sequences.length, 0);
  return accepted === settled + left
    ? null
    : `${accepted} records were accepted, ${settled} are settled in this database and ${left} are still spooled`;
}
