import { type Static, type TSchema, Type } from 'typebox';

export const Live = Type.Object(
  {
    status: Type.Literal('ok'),
    version: Type.String({ description: 'Of the service.', examples: ['0.1.0'] }),
  },
  { $id: 'Live', description: 'That the process runs.' },
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
  {
    $id: 'Readiness',
    description: 'Whether events can be taken durably, and the state of what that takes.',
    examples: [{ ready: true, checks: { spool: 'open', store: 'up', drain: 'running' } }],
  },
);
export type Readiness = Static<typeof Readiness>;

export const HEALTH_SCHEMAS: readonly TSchema[] = [Live, Readiness];
