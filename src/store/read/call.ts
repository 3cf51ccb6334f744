import { desc, eq, type InferSelectModel, type InferSelectViewModel } from 'drizzle-orm';
import type pg from 'pg';
import { orm } from '../database.js';
import { arbitrageCalls, results } from '../schema/index.js';
import { inTransaction } from '../transaction.js';

type ResultHistory = Omit<
  InferSelectModel<typeof results>,
  'call_id' | 'fingerprint' | 'has_settlement' | 'has_closing'
>;

/** A correction now and then is what there is; a thousand are no history any more, and too many for one answer. */
const RESULTS_OF_A_CALL = 1_000;

/** The row of the view, with the latest thousand results received for the call, in order of `settled_at`. */
export type CallWithHistory = InferSelectViewModel<typeof arbitrageCalls> & {
  readonly results: ResultHistory[];
};

/** One call by its id, with its history as of the same moment; null when it is not stored. */
export async function readCall(pool: pg.Pool, callId: string): Promise<CallWithHistory | null> {
  return inTransaction(
    pool,
    async (client) => {
      const db = orm(client);
      const [call] = await db.select().from(arbitrageCalls).where(eq(arbitrageCalls.call_id, callId));
      if (call === undefined) return null;
      const history = await db
        .select({
          event_id: results.event_id,
          outcome: results.outcome,
          profit_actual: results.profit_actual,
          closing_line_a: results.closing_line_a,
          closing_line_b: results.closing_line_b,
          clv_a: results.clv_a,
          clv_b: results.clv_b,
          line_movement_speed: results.line_movement_speed,
          closed_at: results.closed_at,
          settled_at: results.settled_at,
          received_at: results.received_at,
        })
        .from(results)
        .where(eq(results.call_id, callId))
        .orderBy(desc(results.settled_at), desc(results.event_id))
        .limit(RESULTS_OF_A_CALL);
      return { ...call, results: history.reverse() };
    },
    undefined,
    'isolation level repeatable read, read only',
  );
}
