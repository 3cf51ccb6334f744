/** How long the running service keeps calls. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { type UtcTime, utcTimeFromMs } from '../../lib/time.js';
import { type Attempt, type Reply, again, parseJson, told } from './answer.js';

const status = Compile(
  Type.Object({ schedule: Type.Object({ retention_days: Type.Integer({ minimum: 0 }) }) }),
);

export type Retention =
  | {
      /** 0: for ever. */
      readonly days: number;
      /** Calls sent before are deleted at the next cleanup; null when none are. */
      readonly keptSince: UtcTime | null;
    }
  | {
      /** For people: why nobody knows. */
      readonly unknown: string;
    };

const MS_PER_DAY = 86_400_000;

/** Reads the answer of the admin status. Only a service that is busy is asked again: the import does not hang on this. */
export function judgeStatus(reply: Reply, nowMs: number): Attempt<Retention> {
  if (reply.status === 503 || reply.status === 429) return again(reply);
  if (reply.status === 401 || reply.status === 403) {
    return { value: { unknown: `it needs an admin key (${reply.status})` } };
  }
  const body = reply.status === 200 ? parseJson(reply.text) : undefined;
  if (!status.Check(body)) return { value: { unknown: `the service answered ${told(reply)}` } };
  const days = body.schedule.retention_days;
  return { value: { days, keptSince: days === 0 ? null : utcTimeFromMs(nowMs - days * MS_PER_DAY) } };
}
