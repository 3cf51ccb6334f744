import type { Readable } from 'node:stream';
import type pg from 'pg';
import { sleep } from '../lib/backoff.js';
import { settlesWithin } from '../lib/deadline.js';
import { type UtcTime, utcTimeFromMs } from '../lib/time.js';
import type { Logger } from '../observe/logger.js';
import type { ConnectionTarget } from '../store/database.js';
import { classify, isUnavailable } from '../store/errors.js';
import { StoreUnavailableError } from '../store/refusals.js';
import { BackupCatalogue } from './backup/catalogue.js';
import { BackupFileError, CannotVerifyError, NoSuchBackupError } from './backup/errors.js';
import type { Verification } from './backup/verify-backup.js';
import { type ListedBackup, listBackups } from './backup-list.js';
import { deleteDeadLetter } from './dead-letters/delete.js';
import { type DeadLettersPage, type DeadLettersQuestion, listDeadLetters } from './dead-letters/read.js';
import {
  type Append,
  type ReplayedLetters,
  replayDeadLetter,
  replayDeadLetters,
} from './dead-letters/replay.js';
import {
  BackupGoneError,
  BackupInUseError,
  NoRetentionError,
  reasonOf,
  TaskBusyError,
  UpkeepStoppedError,
} from './errors.js';
import { markAbandoned } from './exclusive.js';
import { type Jobs, jobsOf, type Plan } from './jobs.js';
import {
  NOTHING_KNOWN,
  type Overview,
  readOverview,
  type ScheduleStatus,
  scheduleStatus,
} from './overview.js';
import { listRuns, markBackupRemoved, type Run, type RunsQuestion } from './runs.js';
import { type Clock, type Job, repeat } from './schedule.js';
import {
  backup,
  cleanup,
  type CleanupOutcome,
  countCleanup,
  type Keeping,
  sweepLeftovers,
  verify,
} from './tasks.js';

export interface UpkeepOptions extends Plan {
  readonly backupDirectory: string;
  readonly backupKeep: number;
  /** So much of the disk of the backups stays free. */
  readonly diskReserveBytes: number;
  readonly verifyDatabaseUrl: string | undefined;
  readonly serviceVersion: string;
  /** Sets records down on the spool: the way of replayed dead letters. */
  readonly append: Append;
  readonly log: Logger;
  readonly clock?: Clock;
}

const SYSTEM_CLOCK: Clock = { now: () => Date.now(), sleep };

/** Keeps the store clean and safe: by itself when it is time, and whenever it is asked to. */
export class Upkeep {
  readonly #catalogue: BackupCatalogue;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  /** What `stop` waits for. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Ids of backups that are being verified on request. */
  readonly #verifying = new Set<string>();
  #isCounting = false;
  #keeping: Keeping | undefined;
  #jobs: Jobs | undefined;
  #overview: Overview | null = null;

  constructor(private readonly options: UpkeepOptions) {
    this.#catalogue = new BackupCatalogue(options.backupDirectory);
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /** Begins to look after the store. Later calls do nothing. */
  start(pool: pg.Pool, target: ConnectionTarget): void {
    const { signal } = this.#stopping;
    if (this.#keeping !== undefined || signal.aborted) return;
    const { log, backupKeep, diskReserveBytes, verifyDatabaseUrl, serviceVersion } = this.options;
    const now = (): number => this.#clock.now();
    const keeping: Keeping = {
      ...{ pool, target, log, now, signal, verifyDatabaseUrl, serviceVersion },
      ...{ catalogue: this.#catalogue, backupKeep, diskReserveBytes },
    };
    const jobs = jobsOf(keeping, this.options, now());
    this.#keeping = keeping;
    this.#jobs = jobs;
    let isSwept = false;
    const looking: Job = {
      name: 'overview',
      dueAt: async () => 0,
      run: async () => {
        if (!isSwept) await sweepLeftovers(keeping);
        isSwept = true;
        await markAbandoned(keeping);
        await this.#look();
      },
    };
    for (const job of [jobs.cleanup, jobs.backup, jobs.verify, looking])
      void this.#track(repeat(job, this.#clock, log, signal));
  }

  /** Nothing new is begun, and what runs ends at its next safe point; `stop` waits for it. */
  dismiss(): void {
    this.#stopping.abort(new UpkeepStoppedError());
  }

  async stop(withinMs: number): Promise<void> {
    this.dismiss();
    await settlesWithin(Promise.allSettled(this.#underWay), withinMs);
  }

  /** At most a minute old, but for the ages. */
  schedule(): ScheduleStatus {
    return scheduleStatus(this.#overview ?? NOTHING_KNOWN, this.options, this.#clock.now());
  }

  /** What the schedule is told from; null until the store was asked for the first time. */
  get overview(): Overview | null {
    return this.#overview;
  }

  /** @throws NoRetentionError, TaskBusyError, UpkeepStoppedError, StoreUnavailableError */
  async cleanUp({ daysToKeep, dryRun }: CleanupQuestion): Promise<CleanupAnswer> {
    const days = daysToKeep ?? this.options.retentionDays;
    if (days === 0) throw new NoRetentionError();
    const startedAt = performance.now();
    const { cutoff, deleted, postponed, stopped } = await this.#task((keeping) =>
      dryRun
        ? this.#count(keeping, days)
        : cleanup(keeping, { daysToKeep: days, deadLetterDays: 0, trigger: 'manual' }),
    );
    if (stopped) throw new UpkeepStoppedError();
    const duration_ms = Math.round(performance.now() - startedAt);
    return { cutoff, dry_run: dryRun, deleted, postponed, duration_ms };
  }

  /** A dry run reads all there is, so one at a time is enough. */
  async #count(keeping: Keeping, days: number): Promise<CleanupOutcome> {
    if (this.#isCounting) throw new TaskBusyError('dry run');
    this.#isCounting = true;
    try {
      return await countCleanup(keeping, days);
    } finally {
      this.#isCounting = false;
    }
  }

  /**
   * Resolves once the backup is under way; `finished` when it is complete.
   * @throws TaskBusyError, UpkeepStoppedError, StoreUnavailableError
   */
  startBackup(): Promise<{ readonly id: string; readonly finished: Promise<ListedBackup> }> {
    return new Promise((resolve, reject) => {
      const finished: Promise<ListedBackup> = this.#task((keeping) =>
        backup(keeping, {
          trigger: 'manual',
          prune: true,
          onStart: (id) => {
            resolve({ id, finished });
          },
        }),
      );
      // A failure before it was under way; afterwards nobody listens here any more.
      finished.catch(reject);
    });
  }

  backups(): Promise<ListedBackup[]> {
    return listBackups(this.#catalogue, this.#keeping?.pool);
  }

  async backup(id: string): Promise<ListedBackup | null> {
    return (await this.backups()).find((known) => known.id === id) ?? null;
  }

  /** Null when there is no complete one with this id. */
  async openBackup(id: string): Promise<OpenBackup | null> {
    const found = await this.#catalogue.get(id);
    if (found?.state !== 'complete') return null;
    const { bytes, sha256, file } = found;
    return {
      ...{ bytes, sha256, fileName: `call-logger-${file}` },
      read: ({ first, last }) => this.#read(id, first, last),
    };
  }

  /** @throws BackupGoneError */
  async #read(id: string, start: number, end: number): Promise<Readable> {
    try {
      return (await this.#catalogue.open(id, { start, end })).stream;
    } catch (error) {
      // In the middle of its removal it is one that cannot be used.
      const isGone = error instanceof NoSuchBackupError || error instanceof BackupFileError;
      throw isGone ? new BackupGoneError(error) : error;
    }
  }

  /**
   * False when there is nothing of it. Any may go, also the last one: who says so means it.
   * @throws BackupInUseError, UpkeepStoppedError, StoreUnavailableError
   */
  async removeBackup(id: string): Promise<boolean> {
    const found = await this.#catalogue.get(id);
    if (found === undefined) return false;
    const known = found.state === 'complete' ? found : await this.backup(id);
    if (known?.state === 'running') return false;
    if (this.#verifying.has(id)) throw new BackupInUseError();
    // First, so that a backup which is gone is never taken for the last good one.
    await this.#run(({ pool, now }) => markBackupRemoved(pool, id, utcTimeFromMs(now())));
    try {
      await this.#catalogue.remove(id);
      return true;
    } catch (error) {
      // Somebody else was quicker.
      if (error instanceof NoSuchBackupError) return false;
      throw error;
    }
  }

  /**
   * Null when there is nothing of it.
   * @throws TaskBusyError, CannotVerifyError, UpkeepStoppedError, StoreUnavailableError
   */
  async verifyBackup(id: string): Promise<Verification | null> {
    if ((await this.#catalogue.get(id)) === undefined) return null;
    return this.#task(async (keeping) => {
      this.#verifying.add(id);
      try {
        return await verify(keeping, { id, trigger: 'manual' });
      } catch (error) {
        if (error instanceof NoSuchBackupError) return null;
        throw error;
      } finally {
        this.#verifying.delete(id);
      }
    });
  }

  deadLetters(question: DeadLettersQuestion): Promise<DeadLettersPage> {
    return this.#run(({ pool }) => listDeadLetters(pool, question));
  }

  /** @throws NotReplayableError, what the spool throws, UpkeepStoppedError, StoreUnavailableError */
  replayDeadLetter(id: string): Promise<boolean> {
    return this.#run(({ pool }) => replayDeadLetter(pool, this.options.append, id));
  }

  async replayDeadLetters(): Promise<ReplayedLetters> {
    return this.#run(({ pool, signal }) => replayDeadLetters(pool, this.options.append, signal));
  }

  removeDeadLetter(id: string): Promise<boolean> {
    return this.#run(({ pool }) => deleteDeadLetter(pool, id));
  }

  runs(question: RunsQuestion): Promise<Run[]> {
    return this.#run(({ pool }) => listRuns(pool, question));
  }

  /** A run, after which the overview is another one. */
  async #task<T>(work: (keeping: Keeping) => Promise<T>): Promise<T> {
    try {
      return await this.#run(work);
    } finally {
      // What cannot be read now is read within a minute.
      this.#track(this.#look()).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    if (this.#keeping === undefined || this.#jobs === undefined) return;
    this.#overview = await readOverview(this.#keeping, this.#jobs);
  }

  async #run<T>(work: (keeping: Keeping) => Promise<T>): Promise<T> {
    const { signal } = this.#stopping;
    signal.throwIfAborted();
    if (this.#keeping === undefined) throw new StoreUnavailableError();
    try {
      return await this.#track(work(this.#keeping));
    } catch (error) {
      signal.throwIfAborted();
      // Whatever it comes from: it is not the store that is away.
      if (error instanceof CannotVerifyError) throw error;
      if (isUnavailable(classify(error))) throw new StoreUnavailableError(new Error(reasonOf(error)));
      throw error;
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = work.catch(() => undefined).then(() => this.#underWay.delete(settled));
    this.#underWay.add(settled);
    return work;
  }
}

export interface CleanupQuestion {
  /** Undefined: as configured. */
  readonly daysToKeep: number | undefined;
  readonly dryRun: boolean;
}

/** Named as in answers. */
export interface CleanupAnswer {
  readonly cutoff: UtcTime;
  readonly dry_run: boolean;
  readonly deleted: { readonly calls: number; readonly clicks: number; readonly results: number };
  /** Calls left to the next run. */
  readonly postponed: number;
  readonly duration_ms: number;
}

export interface OpenBackup {
  readonly fileName: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Both ends included. */
  readonly read: (range: { readonly first: number; readonly last: number }) => Promise<Readable>;
}
