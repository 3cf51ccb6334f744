/** What runs by itself: when it is due, and as what. */
import { byAge } from './backup/catalogue.js';
import { backupDueAt, cleanupDueAt, DAY_MS } from './due.js';
import { backupPast, cleanupPast, verifyPast } from './past.js';
import type { Job } from './schedule.js';
import { backup, cleanup, type Keeping, verify } from './tasks.js';

export interface Plan {
  /** Five fields, UTC. */
  readonly cleanupCron: string;
  /** 0: for ever. */
  readonly retentionDays: number;
  readonly deadLetterRetentionDays: number;
  /** 0: none are made. */
  readonly backupIntervalDays: number;
}

export interface Jobs {
  readonly cleanup: Job;
  readonly backup: Job;
  readonly verify: Job;
}

/** @param startedMs when this process began to look after things */
export function jobsOf(keeping: Keeping, plan: Plan, startedMs: number): Jobs {
  const { now } = keeping;
  // A clock that was put back must not make everything wait until it has caught up.
  const since = (): number => Math.min(startedMs, now());
  const isDue = (job: () => Job) => async (): Promise<boolean> =>
    ((await job().dueAt()) ?? Infinity) <= now();

  const jobs: Jobs = {
    cleanup: {
      name: 'cleanup',
      dueAt: async () =>
        plan.retentionDays === 0 && plan.deadLetterRetentionDays === 0
          ? null
          : cleanupDueAt(await cleanupPast(keeping), plan.cleanupCron, since()),
      run: async () => {
        await cleanup(keeping, {
          trigger: 'schedule',
          isDue: isDue(() => jobs.cleanup),
          daysToKeep: plan.retentionDays,
          deadLetterDays: plan.deadLetterRetentionDays,
        });
      },
    },
    backup: {
      name: 'backup',
      dueAt: async () => backupDueAt(await backupPast(keeping), plan.backupIntervalDays, since()),
      run: async () => {
        await backup(keeping, { trigger: 'schedule', isDue: isDue(() => jobs.backup), prune: true });
      },
    },
    verify: {
      name: 'verify',
      dueAt: async () => (await nextToVerify(keeping))?.dueMs ?? null,
      run: async () => {
        const next = await nextToVerify(keeping);
        if (next === null) return;
        const { id } = next;
        await verify(keeping, { id, trigger: 'schedule', isDue: isDue(() => jobs.verify) });
      },
    },
  };
  return jobs;
}

/** The newest backup of the schedule, unless it was judged already. One that could not be judged is tried every day. */
async function nextToVerify({
  pool,
  catalogue,
  now,
}: Keeping): Promise<{ id: string; dueMs: number } | null> {
  const backups = byAge(await catalogue.list(), now());
  const newest = backups.find((backup) => backup.state === 'complete' && backup.trigger === 'schedule');
  if (newest === undefined || newest.state === 'failed' || newest.verified_at !== null) return null;
  const { id } = newest;
  const last = await verifyPast(pool, id);
  if (last === null || last.state === 'stopped') return { id, dueMs: 0 };
  return last.state === 'complete' ? null : { id, dueMs: last.endedMs + DAY_MS };
}
