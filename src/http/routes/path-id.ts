import { ID_RULE, isId } from '../../events/identity.js';
import { Problem } from '../errors.js';

/** @throws Problem `invalid_request` when no call can have this id */
export function checkPathId(callId: string): string {
  if (isId(callId)) return callId;
  const message = `must be ${ID_RULE}`;
  throw new Problem('invalid_request', {
    detail: `The call_id in the path ${message}.`,
    errors: [{ pointer: 'path:call_id', code: 'invalid_id', message }],
  });
}
