import { type SQL, sql } from 'drizzle-orm';
import type pg from 'pg';
import { quoted } from '../../../events/describe.js';
import { isTimeZoneName } from '../../../lib/time-zone.js';
import { orm } from '../../database.js';
import { classify } from '../../errors.js';
import { inTransaction } from '../../transaction.js';
import { UnknownTimeZoneError } from '../errors.js';
import type { CallFilters } from '../filters.js';
import { FOR_LARGE_READS } from '../large-reads.js';
import type { Dimension } from './dimensions.js';
import type { Measure } from './measures.js';
import { type AnswerRow, statisticsStatement } from './statement.js';

export interface StatisticsQuestion {
  /** One to three, all different. */
  readonly groupBy: readonly Dimension[];
  readonly measures: readonly Measure[];
  readonly filters: CallFilters;
  /** IANA name; hours, weekdays, days and months are told in it. */
  readonly timeZone: string;
  /** Groups of fewer calls are left out. */
  readonly minCalls: number;
  readonly sort: { readonly by: Dimension | Measure; readonly descending: boolean };
  readonly limit: number;
}

export type Values<Name extends string> = Readonly<Partial<Record<Name, string | number | null>>>;

export interface Statistics {
  readonly groups: readonly Values<Dimension | Measure>[];
  /** How many groups there are, those beyond the limit included. */
  readonly groupsFound: number;
  /** Over all calls of the filters, each once, whatever the groups. */
  readonly total: Values<Measure>;
}

/**
 * @param signal ends the query when nobody waits for it any more
 * @throws UnknownTimeZoneError
 */
export async function readStatistics(
  pool: pg.Pool,
  question: StatisticsQuestion,
  signal?: AbortSignal,
): Promise<Statistics> {
  const { groupBy, measures, timeZone } = question;
  if (!isTimeZoneName(timeZone)) throw unknownZone(timeZone);
  const [total, ...groups] = await inTransaction(
    pool,
    async (client) => {
      const db = orm(client);
      await db.execute(settings(timeZone)).catch((error: unknown) => {
        throw classify(error).code === INVALID_PARAMETER_VALUE ? unknownZone(timeZone) : error;
      });
      const { rows } = await db.execute<AnswerRow>(statisticsStatement(question));
      return rows;
    },
    signal,
  );
  if (total === undefined) throw new Error('the statistics came without their total');
  return {
    groups: groups.map((row) => picked(row, [...groupBy, ...measures])),
    groupsFound: total.groups_found,
    total: picked(total, measures),
  };
}

/** SQLSTATE; of the values below only the time zone can be a wrong one. */
const INVALID_PARAMETER_VALUE = '22023';

/** For the transaction. */
function settings(timeZone: string): SQL {
  return sql`
    select
      set_config('transaction_read_only', 'on', true),
      ${sql.raw(FOR_LARGE_READS)},
      now() at time zone ${timeZone}::text`;
}

function unknownZone(timeZone: string): UnknownTimeZoneError {
  return new UnknownTimeZoneError(
    `${quoted(timeZone)} is not a time zone: it has to be a name such as Europe/Paris, or UTC`,
  );
}

function picked<Name extends Dimension | Measure>(row: AnswerRow, names: readonly Name[]): Values<Name> {
  const values: Partial<Record<Name, string | number | null>> = {};
  for (const name of names) values[name] = row[name] ?? null;
  return values;
}
