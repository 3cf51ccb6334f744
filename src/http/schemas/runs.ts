import { type Static, type TSchema, Type } from 'typebox';
import { pageOf, pageQuery, TextOrNull, Time, TimeOrNull } from './page.js';

const TASKS = ['cleanup', 'backup', 'verify', 'restore'] as const;
export type Task = (typeof TASKS)[number];

export const RunsQuery = Type.Object(
  {
    task: Type.Optional(
      Type.Unsafe<Task>({
        type: 'string',
        enum: [...TASKS],
        description: 'Runs of this task only.',
        examples: ['backup'],
      }),
    ),
    ...pageQuery,
  },
  { additionalProperties: false },
);
export type RunsQuery = Static<typeof RunsQuery>;

export const Run = Type.Object(
  {
    run_id: Type.String({ description: 'Of this run.', examples: ['019aa1f2-6c3e-7000-8a3b-2f1d9f7f0b6e'] }),
    task: Type.Enum(TASKS, { type: 'string', description: 'What ran.' }),
    trigger: Type.Enum(['manual', 'schedule'], { type: 'string', description: 'Who had it run.' }),
    state: Type.Enum(['running', 'complete', 'failed', 'stopped', 'interrupted'], {
      type: 'string',
      description:
        'stopped: ended early because the service stopped. interrupted: its process died. A verification that found the backup bad is complete, and its detail says so.',
    }),
    started_at: Time('When it began.'),
    finished_at: TimeOrNull('When it ended; null while it runs, or when nobody knows.'),
    detail: Type.Unsafe<Readonly<Record<string, unknown>>>({
      type: 'object',
      additionalProperties: true,
      description: 'What it was about and what it did.',
    }),
    error: TextOrNull('Why it failed; null when it did not.'),
  },
  {
    $id: 'Run',
    description: 'One run of a task of upkeep.',
    examples: [
      {
        run_id: '019aa1f2-6c3e-7000-8a3b-2f1d9f7f0b6e',
        task: 'backup',
        trigger: 'schedule',
        state: 'complete',
        started_at: '2026-11-20T18:15:00.000000Z',
        finished_at: '2026-11-20T18:15:02.310000Z',
        detail: { backup_id: '20261120T181500Z-5f0c9a1e', bytes: 6_291_456 },
        error: null,
      },
    ],
  },
);
export type Run = Static<typeof Run>;

export const RUN_SCHEMAS: readonly TSchema[] = [Run, pageOf('RunList', 'runs', 'Run')];
