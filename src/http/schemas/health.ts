import { type Static, type TSchema, Type } from 'typebox';

export const Live = Type.Object(
  { status: Type.Literal('ok'), version: Type.String({ examples: ['0.1.0'] }) },
  { $id: 'Live' },
);

const state = (description: string, ...examples: string[]) => Type.String({ description, examples });

export const Readiness = Type.Object(
  {
    ready: Type.Boolean({ description: 'Whether events can be taken durably.' }),
    checks: Type.Object(
      {
        spool: state('Decides: events are set down here.', 'open', 'full', 'failed', 'closed'),
        store: state('Does not decide: without it events wait on the spool.', 'up', 'down'),
        drain: state('Does not decide.', 'running', 'retrying', 'paused'),
      },
      { additionalProperties: true },
    ),
  },
  { $id: 'Readiness' },
);
export type Readiness = Static<typeof Readiness>;

export const HEALTH_SCHEMAS: readonly TSchema[] = [Live, Readiness];
