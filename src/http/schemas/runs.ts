import { type Static, type TSchema, Type } from 'typebox';
import { pageOf, pageQuery, TextOrNull, Time, TimeOrNull } from './page.js';

export const Task = Type.Union([
  Type.Literal('cleanup'),
  Type.Literal('backup'),
  Type.Literal('verify'),
  Type.Literal('restore'),
]);
export type Task = Static<typeof Task>;

export const RunsQuery = Type.Object(
  {
    task: Type.Optional(
      Type.Unsafe<Task>({
        type: 'string',
        enum: ['cleanup', 'backup', 'verify', 'restore'],
        description: 'Runs of this task only.',
      }),
    ),
    ...pageQuery,
  },
  { additionalProperties: false },
);
export type RunsQuery = Static<typeof RunsQuery>;

export const Run = Type.Object(
  {
    run_id: Type.String({ examples: ['019aa1f2-6c3e-7000-8a3b-2f1d9f7f0b6e'] }),
    task: Task,
    trigger: Type.Union([Type.Literal('manual'), Type.Literal('schedule')]),
    state: Type.Union(
      [
        Type.Literal('running'),
        Type.Literal('complete'),
        Type.Literal('failed'),
        Type.Literal('stopped'),
        Type.Literal('interrupted'),
      ],
      {
        description:
          'stopped: ended early because the service stopped. interrupted: its process died. A verification that found the backup bad is complete, and its detail says so.',
      },
    ),
    started_at: Time('When it began.'),
    finished_at: TimeOrNull('When it ended; null while it runs, or when nobody knows.'),
    detail: Type.Unsafe<Readonly<Record<string, unknown>>>({
      type: 'object',
      additionalProperties: true,
      description: 'What it was about and what it did.',
    }),
    error: TextOrNull('Why it failed; null when it did not.'),
  },
  { $id: 'Run' },
);
export type Run = Static<typeof Run>;

export const RUN_SCHEMAS: readonly TSchema[] = [Run, pageOf('RunList', 'runs', 'Run')];
