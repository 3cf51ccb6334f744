import { sql } from 'drizzle-orm';
import { check, index, json, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { instant } from './columns.js';

/** The audit of upkeep: one row per run of a task, written when it begins and again when it ends. */
export const upkeepRuns = pgTable(
  'upkeep_runs',
  {
    run_id: uuid('run_id').primaryKey(),
    task: text('task').notNull(),
    trigger: text('trigger').notNull(),
    /** A run whose process died stays `running` until the next run of its task finds it and calls it `interrupted`. */
    state: text('state').notNull(),
    started_at: instant('started_at').notNull(),
    finished_at: instant('finished_at'),
    /** What the run was about and what it did, by its task. */
    detail: json('detail').$type<Readonly<Record<string, unknown>>>().notNull(),
    error: text('error'),
  },
  (t) => [
    index('upkeep_runs_task_started_at_index').on(t.task, t.started_at),
    check('upkeep_runs_task_check', sql`task in ('cleanup', 'backup', 'verify', 'restore')`),
    check('upkeep_runs_trigger_check', sql`trigger in ('manual', 'schedule')`),
    check(
      'upkeep_runs_state_check',
      sql`state in ('running', 'complete', 'failed', 'stopped', 'interrupted')`,
    ),
  ],
);
