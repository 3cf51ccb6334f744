import type pg from 'pg';
import { createPool } from '../../src/store/database.js';
import type { SilenceOptions } from '../../src/store/silence.js';
import type { Teardown } from './postgres.js';
import { type CommitProxy, createCommitProxy } from './proxy.js';

/** A pool without a time limit, by way of a proxy of its own; ended with the test. */
export async function patientPool(
  t: Teardown,
  url: string,
  silence: SilenceOptions,
  max = 3,
): Promise<{ readonly pool: pg.Pool; readonly proxy: CommitProxy }> {
  const proxy = await createCommitProxy(t, url);
  const options = { name: 'patient', max, statementTimeoutMs: 0, silence };
  const pool = createPool({ connectionString: proxy.url }, options, () => undefined);
  t.teardown(() => pool.end());
  return { pool, proxy };
}
