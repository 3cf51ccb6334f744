import { accept, type Verdict } from '../../events/accept.js';
import type { EventType } from '../../events/identity.js';
import type { UtcTime } from '../../lib/time.js';
import { readJson } from '../body/json.js';

/** Of whoever sends the events. */
export interface Delivery {
  readonly receivedAt: UtcTime;
  /** Name of the sender's key; null without keys. */
  readonly source: string | null;
}

/** One event, as it came. */
export interface Question extends Delivery {
  /** JSON; empty for the empty object. */
  readonly bytes: Buffer;
  /** Implied by the path; absent where the event states it itself. */
  readonly type?: EventType | undefined;
  readonly pathCallId?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** The bytes could not even be read. */
export interface Fault {
  readonly code: 'malformed_utf8' | 'malformed_json' | 'line_too_long';
  readonly message: string;
}

export type Judgement = Verdict | { readonly ok: false; readonly fault: Fault };

/** Reads an event and judges it. Never throws, and its work is bounded by the size of the bytes. */
export function judge({ bytes, receivedAt, source, ...rest }: Question): Judgement {
  const reading = bytes.length === 0 ? { value: undefined } : readJson(bytes);
  if ('fault' in reading) return { ok: false, fault: reading.fault };
  const { type, pathCallId, idempotencyKey } = rest;
  return accept({
    body: reading.value,
    payload: bytes,
    receivedAt,
    source,
    ...(type === undefined ? undefined : { type }),
    ...(pathCallId === undefined ? undefined : { pathCallId }),
    ...(idempotencyKey === undefined ? undefined : { idempotencyKey }),
  });
}
