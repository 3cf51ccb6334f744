/** Holds the accounts of the services to the rows of the store and to what senders were told. */
import type pg from 'pg';
import type { Counts } from '../audit.js';
import type { RowAudit } from './audit-rows.js';
import type { Ledger } from './ledger.js';
import type { Problems } from './problems.js';

interface StoreCounts {
  readonly rows: number;
  readonly letters: number;
  readonly corrupt: number;
  /** Dead letters that nothing in a run explains. */
  readonly strange: number;
  readonly spools: number;
  /** By cleanups that came to their end. */
  readonly deleted: number;
  /** Cleanups that did not. */
  readonly unfinished: number;
}

const COUNT = `
  select
    (select count(*) from calls) + (select count(*) from clicks) + (select count(*) from results) as rows,
    (select count(*) from dead_letters) as letters,
    (select count(*) from dead_letters where reason = 'corrupt') as corrupt,
    (select count(*) from dead_letters where reason not in ('corrupt', 'conflict')) as strange,
    (select count(*) from spools) as spools,
    (select coalesce(sum((detail -> 'deleted' ->> 'calls')::int + (detail -> 'deleted' ->> 'clicks')::int
       + (detail -> 'deleted' ->> 'results')::int), 0) from upkeep_runs where task = 'cleanup' and state = 'complete') as deleted,
    (select count(*) from upkeep_runs where task = 'cleanup' and state <> 'complete') as unfinished`;

/** @param accounts of all services, with nothing left on any spool */
export async function auditAccounts(
  pool: pg.Pool,
  accounts: readonly Counts[],
  rowAudit: RowAudit,
  ledger: Ledger,
  problems: Problems,
): Promise<void> {
  const { rows } = await pool.query<StoreCounts>(COUNT);
  const [store] = rows;
  if (store === undefined) throw new Error('counting gave no row');
  const total = (name: keyof Counts): number =>
    accounts.reduce((sum, account) => sum + (account[name] ?? NaN), 0);
  const told = JSON.stringify({ store, accounts, rowAudit, acknowledged: ledger.acknowledged });
  const demand = (isSo: boolean, what: string): void => {
    if (!isSo) problems.add('accounts', `${what}: ${told}`);
  };
  demand(total('spooled') === 0, 'something is still spooled');
  demand(
    total('accepted') >= ledger.acknowledged && total('accepted') <= ledger.acknowledged + ledger.unknown,
    'accepted is not what was acknowledged, and perhaps what was not answered',
  );
  demand(total('dead_letter') === store.letters, 'dead letters are not counted right');
  demand(store.corrupt === ledger.damaged.size, 'damaged records are not dead letters');
  demand(store.strange === 0, 'dead letters without a cause');
  demand(store.rows === rowAudit.rows, 'there are rows of events that nobody planned');
  const deleted = total('stored') - store.rows;
  // A cleanup that did not come to its end has deleted more than it could tell.
  const most = store.unfinished === 0 ? store.deleted : rowAudit.removable;
  demand(deleted >= store.deleted && deleted <= most, 'stored is not the rows, and those that were deleted');
  demand(store.spools === accounts.length, 'a spool took a new identity');
}
