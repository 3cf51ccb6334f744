/** A database that events get into by the way all events take. */
import assert from 'node:assert/strict';
import type pg from 'pg';
import { drainPool, IN_TIME_MS, openHouse } from '../../helpers/drain.js';
import { type Body, recordsOf } from '../../helpers/events.js';
import { createMigratedDatabase, type Teardown } from '../../helpers/postgres.js';

export interface StoredEvents {
  readonly pool: pg.Pool;
  readonly store: (bodies: readonly Body[]) => Promise<void>;
}

export async function openStored(t: Teardown): Promise<StoredEvents> {
  const db = await createMigratedDatabase(t);
  const house = await openHouse(t, db.url);
  return {
    pool: drainPool(t, db.url),
    store: async (bodies) => {
      const { first, count } = await house.spool.append(recordsOf(bodies));
      const outcomes = await house.drain.outcomes(first, count, IN_TIME_MS);
      assert.deepEqual(outcomes, new Array<string>(count).fill('stored'));
    },
  };
}
