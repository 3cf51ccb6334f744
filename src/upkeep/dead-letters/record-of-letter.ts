import { isUtf8 } from 'node:buffer';
import { withoutBlanks } from '../../events/blank-fields.js';
import type { EventIdentity } from '../../events/identity.js';
import { isEventType } from '../../events/identity.js';
import { KINDS } from '../../events/kinds.js';
import { ProblemList } from '../../events/problem-list.js';
import { encodeRecord, MAX_REPLAYS } from '../../events/record.js';
import { CorruptRecordError, RowSource } from '../../events/row-source.js';
import type { StoredEvent } from '../../events/rows.js';
import { fingerprintOf, readSent } from '../../events/sent.js';
import { type Delivery, storedEvent } from '../../events/to-row.js';
import { isJsonObject, type JsonObject } from '../../lib/json-value.js';
import type { UtcTime } from '../../lib/time.js';

/** What a letter has to say for its event to be sent on its way again. */
export interface LetterContent {
  readonly event_type: string | null;
  readonly call_id: string | null;
  readonly event_id: string | null;
  readonly source: string | null;
  readonly received_at: UtcTime | null;
  readonly replays: number;
  readonly payload: Buffer;
}

/** What is left of the event is not enough to make a record of it again. */
export class NotReplayableError extends Error {
  override readonly name = 'NotReplayableError';
  readonly code = 'NOT_REPLAYABLE';
}

/**
 * The record that the event had on the spool, but for one more replay: same type, ids, time, source, payload and
 * fingerprint. The ids are the letter's, wherever they once came from (body, path, header, our own making). The event
 * was accepted once and is not judged again: rules that have become stricter since do not make it unacceptable.
 * @throws NotReplayableError
 */
export function recordOfLetter(letter: LetterContent): Buffer {
  const { event_type: type, call_id: callId, received_at: receivedAt, source, replays, payload } = letter;
  const eventId = type === 'call' ? callId : letter.event_id;
  if (!isEventType(type) || callId === null || eventId === null || receivedAt === null)
    throw new NotReplayableError('it holds no event that could be read');
  if (replays >= MAX_REPLAYS) throw new NotReplayableError('it was replayed too often');
  const identity: EventIdentity = { type, callId, eventId };
  const problems = new ProblemList();
  const body = withoutBlanks(KINDS[type], bodyOf(payload));
  const { canonical } = readSent(KINDS[type], body, identity, problems);
  const problem = problems.verdict()?.errors[0];
  if (problem !== undefined)
    throw new NotReplayableError(`its payload was never accepted: ${problem.message}`);
  const event = eventOf(body, { ...identity, receivedAt, source });
  return encodeRecord({
    event,
    fingerprint: fingerprintOf(canonical),
    source,
    payload,
    replays: replays + 1,
  });
}

function eventOf(body: JsonObject, delivery: Delivery): StoredEvent {
  try {
    return storedEvent(new RowSource(delivery.type, body), delivery);
  } catch (error) {
    if (error instanceof CorruptRecordError) throw new NotReplayableError(error.message, { cause: error });
    throw error;
  }
}

/** An empty payload is the empty object. A byte order mark is no part of JSON, but of what some senders send. */
function bodyOf(payload: Buffer): JsonObject {
  if (payload.length === 0) return {};
  if (!isUtf8(payload)) throw new NotReplayableError('its payload is not UTF-8');
  let body: unknown;
  try {
    body = JSON.parse(payload.toString().replace(/^\ufeff/, ''));
  } catch (error) {
    throw new NotReplayableError('its payload is no JSON', { cause: error });
  }
  if (!isJsonObject(body)) throw new NotReplayableError('its payload is no JSON object');
  return body;
}
