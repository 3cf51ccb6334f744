/** How the events of a body get into a batch, without keeping the event loop from others. */
import { jsonPointer } from '../../../lib/json-pointer.js';
import { readJson } from '../../body/json.js';
import { type Line, LineSplitter } from '../../body/lines.js';
import type { JsonBody, NdjsonBody } from '../../body/reading.js';
import { Turn } from '../../body/turns.js';
import { Problem } from '../../errors.js';
import { MAX_JSON_BYTES } from '../../limits.js';
import type { Batch } from './batch.js';

/** One event, an array of them, or `{ "events": [...] }`. */
export async function fillFromJson(
  batch: Batch,
  body: JsonBody,
  idempotencyKey: string | undefined,
): Promise<void> {
  const events = eventsOf(body.value);
  if (events === null) {
    batch.add({
      body: body.value,
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
  idempotencyKey: string | undefined,
): Promise<void> {
  refuseIdempotencyKey(idempotencyKey);
  const turn = new Turn();
  const splitter = new LineSplitter(MAX_JSON_BYTES);
  const addAll = async (lines: Iterable<Line>): Promise<void> => {
    for (const line of lines) {
      addLine(batch, line);
      if (turn.isOver()) await turn.next();
    }
  };
  await body.read((chunk) => addAll(splitter.push(chunk)));
  await addAll(splitter.end());
}

function addLine(batch: Batch, line: Line): void {
  if (line === null) {
    const message = `a line may have at most ${MAX_JSON_BYTES / 1024 / 1024} MiB`;
    batch.reject([{ pointer: '', code: 'line_too_long', message }]);
    return;
  }
  if (isBlank(line)) return;
  const reading = readJson(line);
  if ('fault' in reading) batch.reject([{ pointer: '', ...reading.fault }]);
  else batch.add({ body: reading.value, payload: line });
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

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

/** Array.isArray without its `any`. */
export function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
