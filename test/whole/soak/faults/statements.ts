/** PostgreSQL is there, and what is asked of it fails. */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { errorCode } from '../../../../src/lib/errors.js';
import { SERVICES } from '../database-server.js';
import type { Stage } from '../stage.js';
import type { Fault } from './fault.js';

export const makeReadOnly: Fault = {
  holdS: [0.2, 8],
  act: async ({ postgres }, { holdMs }) => {
    await postgres.administer(async (client) => {
      await client.query('alter system set default_transaction_read_only = on');
      await client.query('select pg_reload_conf()');
      await delay(holdMs);
      await client.query('set default_transaction_read_only = off');
      await client.query('alter system reset default_transaction_read_only');
      await client.query('select pg_reload_conf()');
    });
    return `for ${holdMs} ms`;
  },
};

/** While a lock makes every batch wait, so that each is met by it, however small it is. */
export const cancelStatements: Fault = {
  holdS: [2, 2],
  act: async ({ postgres }, { holdMs }) => {
    const cancelled = await postgres.administer(async (holder) => {
      await holder.query('begin');
      await holder.query('lock table calls, clicks in share mode');
      const count = await postgres.administer((client) => cancelFor(client, holdMs));
      await holder.query('rollback');
      return count;
    });
    return `${cancelled} cancelled`;
  },
};

async function cancelFor(client: pg.Client, ms: number): Promise<number> {
  let count = 0;
  const over = performance.now() + ms;
  while (performance.now() < over) {
    const { rowCount } = await client.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where application_name like $1 and state = 'active'`,
      [SERVICES],
    );
    count += rowCount ?? 0;
  }
  return count;
}

const TABLES = ['spools', 'calls', 'clicks', 'results', 'call_states', 'drain_batches'] as const;

export const lockTable: Fault = {
  holdS: [0.2, 10],
  act: async ({ postgres }, { choice, holdMs }) => {
    const table = TABLES[Math.floor(choice * TABLES.length)] ?? 'calls';
    await postgres.administer(async (client) => {
      await client.query('begin');
      await client.query(`lock table ${table} in access exclusive mode`);
      await delay(holdMs);
      await client.query('rollback');
    });
    return `${table} for ${holdMs} ms`;
  },
};

/** A session that takes the last table of a batch first, and its first row then. */
export const deadlock: Fault = {
  holdS: [1, 5],
  act: async (stage, { holdMs }) => {
    const before = await deadlocksOf(stage);
    await stage.postgres.administer(async (client) => {
      const over = performance.now() + holdMs;
      while (performance.now() < over) {
        await client.query('begin');
        try {
          await client.query('lock table drain_batches in share mode');
          await delay(50);
          await client.query('select 1 from spools for update');
        } catch (error) {
          if (errorCode(error) !== DEADLOCK) throw error;
        }
        await client.query('rollback');
        await delay(50);
      }
    });
    return `${(await deadlocksOf(stage)) - before} seen by PostgreSQL`;
  },
};

/** SQLSTATE of the one of those in a deadlock that is made to give up. */
const DEADLOCK = '40P01';

async function deadlocksOf({ postgres }: Stage): Promise<number> {
  const { rows } = await postgres.administer((client) =>
    client.query<{ deadlocks: string }>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    ),
  );
  return Number(rows[0]?.deadlocks);
}
