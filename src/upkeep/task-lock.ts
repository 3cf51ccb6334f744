import type pg from 'pg';
import { sleep } from '../lib/backoff.js';
import { settlesWithin } from '../lib/deadline.js';
import { begin, NO_TIME_LIMITS } from '../store/transaction.js';
import { LockLostError } from './errors.js';
import type { Task } from './runs.js';

/** Advisory locks with two keys live apart from those with one, such as that of the migrations. */
export const LOCK_CLASS = 603_318_642;
export const LOCKS: Readonly<Record<Task, number>> = { cleanup: 1, backup: 2, verify: 3, restore: 4 };

export interface LockTimes {
  /** How often PostgreSQL is asked something over the connection while the work goes on. */
  readonly askEveryMs: number;
  /** Without an answer for so long the lock counts as lost. */
  readonly lostAfterMs: number;
}

/**
 * Together less than the minute after which PostgreSQL gives up a connection that it hears nothing of (transaction.ts),
 * and somebody else may have the lock.
 */
const TIMES: LockTimes = { askEveryMs: 10_000, lostAfterMs: 40_000 };
/** At the end; a connection that does not answer by then is closed, which gives the lock back too. */
const ANSWER_WITHIN_MS = 2_000;

/**
 * An advisory lock: of each task there may be one on a database, in whatever process. A transaction holds it that does
 * nothing else, because behind a pooler a session would keep it for ever. It is free again as soon as the process is dead,
 * and it is lost with the connection.
 */
export class TaskLock {
  readonly #lost = new AbortController();
  #isAnswering = true;

  private constructor(
    private readonly client: pg.PoolClient,
    private readonly task: Task,
    private readonly times: LockTimes,
  ) {
    client.once('error', this.#lose);
    client.once('end', this.#lose);
  }

  /** Null while somebody else has it. */
  static async take(pool: pg.Pool, task: Task, times = TIMES): Promise<TaskLock | null> {
    const client = await pool.connect();
    const lock = new TaskLock(client, task, times);
    try {
      await begin(client);
      // It idles for as long as the work takes.
      await client.query(NO_TIME_LIMITS);
      const { rows } = await client.query<{ taken: boolean }>(
        'select pg_try_advisory_xact_lock($1, $2) as taken',
        [LOCK_CLASS, LOCKS[task]],
      );
      if (rows[0]?.taken === true) return lock;
    } catch (error) {
      lock.#giveBack(false);
      throw error;
    }
    await lock.release();
    return null;
  }

  /** Aborted, with a LockLostError, when the connection breaks: another run may begin. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Does the work, and asks PostgreSQL something now and then, so that a connection which falls silent is noticed meanwhile. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const over = new AbortController();
    const asking = this.#stayAwake(over.signal);
    try {
      return await work();
    } finally {
      over.abort();
      this.#isAnswering = await settlesWithin(asking, ANSWER_WITHIN_MS);
    }
  }

  async release(): Promise<void> {
    const isGood = this.#isAnswering && !this.lost.aborted;
    this.#giveBack(isGood && (await this.#end()));
  }

  async #stayAwake(over: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.times.askEveryMs, over);
      if (over.aborted) return;
      // One that breaks is told by its event.
      const answered = this.client.query('select').catch(() => undefined);
      if (await settlesWithin(answered, this.times.lostAfterMs)) continue;
      this.#lose(Object.assign(new Error('no answer came over it'), { code: 'ETIMEDOUT' }));
      return;
    }
  }

  async #end(): Promise<boolean> {
    const ended = this.client.query('rollback').then(
      () => true,
      () => false,
    );
    return (await settlesWithin(ended, ANSWER_WITHIN_MS)) && ended;
  }

  #giveBack(isClean: boolean): void {
    this.client.off('error', this.#lose);
    this.client.off('end', this.#lose);
    this.client.release(!isClean);
  }

  readonly #lose = (error?: Error): void => {
    this.#lost.abort(new LockLostError(this.task, error));
  };
}
