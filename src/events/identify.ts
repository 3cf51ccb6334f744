import type { JsonObject } from '../lib/json-value.js';
import { uuidV7 } from '../lib/uuid.js';
import { isBlank } from './blank.js';
import { quoted } from './describe.js';
import { ID_RULE, isId } from './identity.js';
import type { EventIdentity } from './identity.js';
import type { Kind } from './kinds.js';
import type { ProblemList } from './problem-list.js';

/** Ids that come beside the body. */
export interface GivenIds {
  readonly pathCallId?: string;
  readonly idempotencyKey?: string;
  readonly cloudEventId?: string;
}

interface GivenId {
  readonly where: string;
  readonly id: string | undefined;
}

/**
 * The identity of an event from wherever its ids are written; they must agree. An id of its own that is nowhere is
 * made. With problems found (here, or by the schema in the ids of the body) the identity means nothing.
 */
export function identify(
  kind: Kind<unknown>,
  body: JsonObject,
  given: GivenIds,
  problems: ProblemList,
): EventIdentity {
  const path = { where: 'call_id of the path', id: given.pathCallId };
  const key = { where: 'Idempotency-Key', id: given.idempotencyKey };
  const envelope = { where: 'id of the CloudEvent', id: given.cloudEventId };
  if (kind.ownId === 'call_id') {
    const id = agreedId('call_id', body, [path, key, envelope], problems) ?? uuidV7();
    return { type: kind.type, callId: id, eventId: id };
  }
  const callId = agreedId('call_id', body, [path], problems);
  if (callId === undefined && !problems.has('/call_id')) {
    problems.add('/call_id', 'required', `call_id is required: which call does this ${kind.type} belong to?`);
  }
  const eventId = agreedId('event_id', body, [key, envelope], problems) ?? uuidV7();
  return { type: kind.type, callId: callId ?? '', eventId };
}

function agreedId(
  field: 'call_id' | 'event_id',
  body: JsonObject,
  others: readonly GivenId[],
  problems: ProblemList,
): string | undefined {
  const stated = body[field];
  let agreed = typeof stated === 'string' ? stated : undefined;
  // The alphabet has been checked with the shape of the body.
  if (agreed !== undefined && isBlank(agreed) && !problems.has(`/${field}`))
    problems.add(`/${field}`, 'invalid_id', `${field} must be ${ID_RULE}, got ${quoted(agreed)}`);
  let agreedWhere = `${field} of the body`;
  for (const { where, id } of others) {
    if (id === undefined) continue;
    if (!isId(id)) {
      problems.add('', 'invalid_id', `${where} must be ${ID_RULE}, got ${quoted(id)}`);
    } else if (agreed === undefined) {
      [agreed, agreedWhere] = [id, where];
    } else if (agreed !== id) {
      const message = `${where} is ${quoted(id)} but ${agreedWhere} is ${quoted(agreed)}`;
      problems.add(`/${field}`, 'id_mismatch', message);
    }
  }
  return agreed;
}
