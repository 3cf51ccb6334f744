/** How the events of a body get into a batch, without keeping the event loop from others. */
import { jsonPointer } from '../../../lib/json-pointer.js';
import type { JsonBody, NdjsonBody } from '../../body/reading.js';
import { Turn } from '../../body/turns.js';
import { Problem } from '../../errors.js';
import type { Judgement } from '../../judging/judgement.js';
import type { Judging } from '../../judging/judging.js';
import type { Batch } from './batch.js';

/** One event, an array of them, or `{ "events": [...] }`. */
export async function fillFromJson(
  batch: Batch,
  body: JsonBody,
  idempotencyKey: string | undefined,
): Promise<void> {
  const value = body.parse();
  const events = eventsOf(value);
  if (events === null) {
    batch.add({
      body: value,
      payload: body.bytes,
      ...(idempotencyKey === undefined ? undefined : { idempotencyKey }),
    });
    return;
  }
  refuseIdempotencyKey(idempotencyKey);
  const turn = new Turn();
  for (const event of events) {
    batch.addPart({ body: event });
    if (turn.isOver()) await turn.next();
  }
}

/** One event per line; blank lines do not count. A line that is not JSON is the fault of this line alone. */
export async function fillFromNdjson(
  batch: Batch,
  body: NdjsonBody,
  judging: Judging,
  idempotencyKey: string | undefined,
): Promise<void> {
  refuseIdempotencyKey(idempotencyKey);
  const lines = judging.lines(batch.delivery);
  const take = async (judgements: Promise<readonly Judgement[]>): Promise<void> => {
    for (const judgement of await judgements) batch.take(judgement);
  };
  try {
    // A chunk is read while the one before it is judged.
    let judged = Promise.resolve();
    await body.read((chunk) => {
      const before = judged;
      judged = take(lines.push(chunk));
      // Whoever waits for the next hears of it.
      judged.catch(() => undefined);
      return before;
    });
    await judged;
    await take(lines.end());
  } finally {
    lines.close();
  }
}

/** @returns null for a single event */
function eventsOf(value: unknown): readonly unknown[] | null {
  if (isArray(value)) return value;
  if (typeof value !== 'object' || value === null)
    throw notEvents('', 'wrong_type', 'expected an event, an array of events or {"events": [...]}');
  if (!Object.hasOwn(value, 'events') || !('events' in value)) return null;
  if (!isArray(value.events)) throw notEvents('/events', 'wrong_type', 'expected an array');
  const other = Object.keys(value).find((name) => name !== 'events');
  if (other !== undefined)
    throw notEvents(jsonPointer(other), 'unknown_field', 'beside events there may be nothing');
  return value.events;
}

export function notEvents(pointer: string, code: string, message: string): Problem {
  return new Problem('invalid_body', {
    detail: `${pointer || 'The body'}: ${message}.`,
    errors: [{ pointer, code, message }],
  });
}

export function refuseIdempotencyKey(key: string | undefined): void {
  if (key === undefined) return;
  const message = 'stands for the id of a single event; give the events of a batch an id each';
  throw new Problem('invalid_request', {
    detail: `Idempotency-Key ${message}.`,
    errors: [{ pointer: 'header:idempotency-key', code: 'not_allowed', message }],
  });
}

/** Array.isArray without its `any`. */
export function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
