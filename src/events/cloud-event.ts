/**
 * CloudEvents 1.0: an event in an envelope, which says for every kind of event alike what it is and where it is from.
 *
 *     id           the event's own id: call_id of a call, event_id of a click or result
 *     type         which event: call, click or result, by itself or after a dot (com.example.call)
 *     source       source of a call that states none; clicks and results have no such field
 *     time         sent_at, clicked_at or settled_at of an event that states none
 *     data         the event
 *
 * What is taken from the envelope counts as sent, so the same event with and without one is a duplicate. Subject,
 * dataschema and extensions are there for those who carry the event, and are not kept.
 */
import { isJsonObject } from '../lib/json-value.js';
import type { JsonObject } from '../lib/json-value.js';
import { parseUtcTime } from '../lib/time.js';
import type { Rejection } from './accept.js';
import { isAbsent } from './blank.js';
import { describe, quoted } from './describe.js';
import { ID_RULE, isEventType, isId } from './identity.js';
import type { EventType } from './identity.js';
import { ProblemList } from './problem-list.js';
import type { ProblemCode } from './problems.js';
import { OCCURRED_AT } from './rules.js';

/** Attributes without which there is no CloudEvent. */
export const REQUIRED_ATTRIBUTES = ['specversion', 'id', 'source', 'type'] as const;

/** Where the parts of the envelope stand in what was received, for the pointers of mistakes. */
export interface EnvelopePlaces {
  attribute(name: string): string;
  /** Pointer to `data`; pointers into it begin with this. */
  readonly data: string;
}

export interface OpenedCloudEvent {
  readonly ok: true;
  readonly type: EventType;
  readonly id: string;
  /** `data` and what the envelope adds to it; the id stays outside, so that one in `data` has to agree with it. */
  readonly body: JsonObject;
  /** Where a field of `body` stands in what was received. */
  readonly locate: (pointer: string) => string;
}

/**
 * Takes the event out of its envelope. Whether it is a right event is for accept to say.
 *
 * @param attributes the context attributes by name; null and blank text are absent, others than those above do not matter
 */
export function openCloudEvent(
  attributes: JsonObject,
  data: unknown,
  places: EnvelopePlaces,
): OpenedCloudEvent | Rejection {
  const envelope = new Envelope(attributes, places);
  envelope.checkVersion();
  const id = envelope.id();
  const source = envelope.required('source');
  const type = envelope.type();
  const body = envelope.data(data);

  const added = new Map<string, string>();
  const add = (field: string, attribute: string, value: string | undefined): boolean => {
    if (value === undefined || !isAbsent(body[field])) return false;
    body[field] = value;
    added.set(`/${field}`, places.attribute(attribute));
    return true;
  };
  if (type === 'call') add('source', 'source', source);
  const time = envelope.text('time');
  if (add(OCCURRED_AT[type], 'time', time)) envelope.checkTime(time);

  const locate = (pointer: string): string => added.get(pointer) ?? `${places.data}${pointer}`;
  return envelope.problems.verdict() ?? { ok: true, type, id, body, locate };
}

/** Reads what the envelope says. With problems found, the values it has given mean nothing. */
class Envelope {
  readonly problems = new ProblemList();

  constructor(
    private readonly attributes: JsonObject,
    private readonly places: EnvelopePlaces,
  ) {}

  text(name: string): string | undefined {
    const value = this.attributes[name];
    if (isAbsent(value)) return undefined;
    if (typeof value === 'string') return value;
    this.#refuse(name, 'wrong_type', `${name} must be a string, got ${describe(value)}`);
    return undefined;
  }

  required(name: (typeof REQUIRED_ATTRIBUTES)[number]): string {
    const value = this.text(name) ?? '';
    if (value === '' && !this.#isWrong(name))
      this.#refuse(name, 'required', `${name} is required and must not be empty`);
    return value;
  }

  checkVersion(): void {
    const version = this.required('specversion');
    if (version === '1.0' || this.#isWrong('specversion')) return;
    this.#refuse('specversion', 'not_allowed', `specversion must be "1.0", got ${quoted(version)}`);
  }

  id(): string {
    const id = this.required('id');
    if (!isId(id) && !this.#isWrong('id'))
      this.#refuse('id', 'invalid_id', `id must be ${ID_RULE}, got ${quoted(id)}`);
    return id;
  }

  type(): EventType {
    const stated = this.required('type');
    const type = stated.slice(stated.lastIndexOf('.') + 1);
    if (isEventType(type)) return type;
    if (!this.#isWrong('type')) {
      const rule =
        'type must be "call", "click" or "result", or end in one after a dot, like "com.example.call"';
      this.#refuse('type', 'not_allowed', `${rule}, got ${quoted(stated)}`);
    }
    return 'call';
  }

  checkTime(time: string | undefined): void {
    if (time === undefined || parseUtcTime(time) !== undefined) return;
    const rule = 'time must be an RFC 3339 time with offset and at most microseconds';
    this.#refuse('time', 'invalid_time', `${rule}, got ${quoted(time)}`);
  }

  data(data: unknown): Record<string, unknown> {
    this.#checkContentType();
    if ((this.attributes['data_base64'] ?? null) !== null) {
      this.#refuse(
        'data_base64',
        'not_allowed',
        'data_base64 holds bytes; the event has to be JSON, in data',
      );
    } else if (data === undefined || data === null) {
      this.problems.add(this.places.data, 'required', 'data is required: the event, as a JSON object');
    } else if (!isJsonObject(data)) {
      const message = `data must be the event as a JSON object, got ${describe(data)}`;
      this.problems.add(this.places.data, 'not_an_object', message);
    } else {
      return { ...data };
    }
    return {};
  }

  #checkContentType(): void {
    const contentType = this.text('datacontenttype');
    if (contentType === undefined || /^[^;]*[/+]json\s*(;|$)/i.test(contentType)) return;
    const message = `datacontenttype must be application/json, got ${quoted(contentType)}`;
    this.#refuse('datacontenttype', 'not_allowed', message);
  }

  #refuse(name: string, code: ProblemCode, message: string): void {
    this.problems.add(this.places.attribute(name), code, message);
  }

  #isWrong(name: string): boolean {
    return this.problems.has(this.places.attribute(name));
  }
}
