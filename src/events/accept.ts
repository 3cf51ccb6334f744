/**
 * The judgement on one event: body in, spool record or a list of mistakes out. Pure but for the id it makes when
 * there is none. Never throws, and its work is bounded by the size of the body, whatever is in there.
 */
import { isJsonObject } from '../lib/json-value.js';
import type { JsonObject } from '../lib/json-value.js';
import type { UtcTime } from '../lib/time.js';
import { addBlankProblems, withoutBlanks } from './blank-fields.js';
import { isAbsent } from './blank.js';
import { describe } from './describe.js';
import { identify } from './identify.js';
import { isEventType } from './identity.js';
import type { EventType } from './identity.js';
import { KINDS } from './kinds.js';
import type { Kind } from './kinds.js';
import { ProblemList } from './problem-list.js';
import { PROBLEMS } from './problems.js';
import type { FieldError, ProblemCode } from './problems.js';
import { encodeRecord } from './record.js';
import { CLOSING_FIELDS, SETTLEMENT_FIELDS } from './result.js';
import { JudgedSource } from './row-source.js';
import { addCallProblems, addClockProblems } from './rules.js';
import type { SentTimes } from './rules.js';
import { fingerprintOf, readSent } from './sent.js';
import { addShapeErrors } from './shape-errors.js';
import { storedEvent } from './to-row.js';

export interface AcceptInput {
  /** What the payload says, parsed as JSON. Undefined, for an empty payload, is the empty object. */
  readonly body: unknown;
  /** The bytes of this event as received: a JSON text that parses to `body`, or nothing. */
  readonly payload: Uint8Array;
  readonly receivedAt: UtcTime;
  /** Name of the sender's key; null without keys. */
  readonly source: string | null;
  /** Implied by the path; absent where the event states it itself. */
  readonly type?: EventType;
  /** The `call_id` of the path, decoded. */
  readonly pathCallId?: string;
  /** Stands in for an absent id of the event itself. */
  readonly idempotencyKey?: string;
  /** The `id` of the CloudEvent that the event came in; stands in for an absent id too. */
  readonly cloudEventId?: string;
}

export type Verdict =
  | {
      readonly ok: true;
      readonly type: EventType;
      readonly callId: string;
      readonly eventId: string;
      readonly record: Buffer;
    }
  | Rejection;

export interface Rejection {
  readonly ok: false;
  readonly status: 400 | 422;
  readonly errors: readonly FieldError[];
}

export function accept(input: AcceptInput): Verdict {
  const body = input.body === undefined ? {} : input.body;
  if (!isJsonObject(body))
    return reject('', 'not_an_object', `an event must be a JSON object, got ${describe(body)}`);
  const given = body['type'];
  // Where something else tells the type, it is an optional field.
  const stated = given === null || (input.type !== undefined && isAbsent(given)) ? undefined : given;
  const type = input.type ?? stated;
  if (!isEventType(type) || (stated !== undefined && stated !== type)) {
    const rule =
      input.type === undefined
        ? 'type must be "call" or "click" or "result"'
        : `type must be "${input.type}" here`;
    if (stated === undefined) return reject('/type', 'required', rule);
    return reject(
      '/type',
      typeof stated === 'string' ? 'not_allowed' : 'wrong_type',
      `${rule}, got ${describe(stated)}`,
    );
  }
  switch (type) {
    case 'call':
      return judge(KINDS.call, body, input, addCallProblems);
    case 'click':
      return judge(KINDS.click, body, input);
    case 'result':
      return judge(KINDS.result, body, input);
  }
}

function judge<Body>(
  kind: Kind<Body>,
  sent: JsonObject,
  input: AcceptInput,
  addProblems?: (event: Body, times: SentTimes, problems: ProblemList) => void,
): Verdict {
  const problems = new ProblemList();
  const { type } = kind;
  const body = withoutBlanks(kind, sent);
  const event: unknown = body;
  const hasShape = kind.check(event);
  if (!hasShape) addShapeErrors(kind, body, problems);
  if (type === 'call') addBlankProblems(sent, problems);
  if (type === 'result') addEmptyProblem(body, problems);
  const identity = identify(kind, body, input, problems);
  const { canonical, times } = readSent(kind, body, identity, problems);
  if (hasShape && !problems.hasBadField) {
    addProblems?.(event, times, problems);
    addClockProblems(type, times, input.receivedAt, problems);
  }
  const rejection = problems.verdict();
  if (rejection !== null) return rejection;

  const { receivedAt, source, payload } = input;
  const stored = storedEvent(new JudgedSource(type, body, times), { ...identity, receivedAt, source });
  const record = encodeRecord({ event: stored, fingerprint: fingerprintOf(canonical), source, payload });
  return { ok: true, ...identity, record };
}

function addEmptyProblem(body: JsonObject, problems: ProblemList): void {
  const isThere = (field: string) => body[field] !== undefined && body[field] !== null;
  if (SETTLEMENT_FIELDS.some(isThere) || CLOSING_FIELDS.some(isThere)) return;
  const fields = [...SETTLEMENT_FIELDS, ...CLOSING_FIELDS].join(', ');
  problems.add('', 'empty_result', `a result must state at least one of ${fields}`);
}

function reject(pointer: string, code: ProblemCode, message: string): Rejection {
  return { ok: false, status: PROBLEMS[code][0], errors: [{ pointer, code, message }] };
}
