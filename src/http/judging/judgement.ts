import { accept, type AcceptInput, type Verdict } from '../../events/accept.js';
import { type NotJson, readJson } from '../body/json.js';

/** Of whoever sends the events. */
export type Delivery = Pick<AcceptInput, 'receivedAt' | 'source'>;

/** One event, as it came. */
export interface Question extends Omit<AcceptInput, 'body' | 'payload'> {
  /** JSON; empty for the empty object. */
  readonly bytes: Buffer;
}

/** The bytes could not even be read. */
export type Fault = NotJson | { readonly code: 'line_too_long'; readonly message: string };

export type Judgement = Verdict | { readonly ok: false; readonly fault: Fault };

/** Reads an event and judges it. Never throws, and its work is bounded by the size of the bytes. */
export function judge({ bytes, ...question }: Question): Judgement {
  const reading = bytes.length === 0 ? { value: undefined } : readJson(bytes);
  if ('fault' in reading) return { ok: false, fault: reading.fault };
  return accept({ ...question, body: reading.value, payload: bytes });
}
