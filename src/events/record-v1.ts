/**
 * Records as version 1 wrote them:
 *
 *     byte 0        version, 1
 *     byte 1        type
 *     bytes 2–33    fingerprint
 *     bytes 34–37   length of the meta, unsigned, big endian
 *     then          meta: JSON { call_id, event_id, received_at, source, replays }
 *     then          the payload, exactly as received: a JSON object, or nothing
 *
 * Defaults are applied when such a record is read.
 */
import type { EventType } from './identity.js';
import { CorruptRecordError, RowSource } from './row-source.js';
import type { StoredEvent } from './rows.js';
import { storedEvent } from './to-row.js';

const FINGERPRINT_AT = 2;
const META_LENGTH_AT = FINGERPRINT_AT + 32;
const META_AT = META_LENGTH_AT + 4;

export interface Version1Record {
  readonly event: StoredEvent;
  /** 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly meta: Buffer;
  readonly payload: Buffer;
}

/** @throws CorruptRecordError when the bytes are no record of an accepted event of this type. */
export function readVersion1(type: EventType, bytes: Buffer): Version1Record {
  if (bytes.length < META_AT) throw new CorruptRecordError(`${bytes.length} bytes are no record`);
  const payloadAt = META_AT + bytes.readUInt32BE(META_LENGTH_AT);
  if (payloadAt > bytes.length) throw new CorruptRecordError('the record ends within its meta');
  const meta = bytes.subarray(META_AT, payloadAt);
  const payload = bytes.subarray(payloadAt);
  const known = RowSource.parse('meta', meta.toString());
  const event = storedEvent(
    payload.length === 0 ? new RowSource(type, {}) : RowSource.parse(type, payload.toString()),
    {
      type,
      callId: known.required('call_id', known.text('call_id')),
      eventId: known.required('event_id', known.text('event_id')),
      source: known.text('source'),
      receivedAt: known.required('received_at', known.time('received_at')),
    },
  );
  return { event, fingerprint: bytes.toString('hex', FINGERPRINT_AT, META_LENGTH_AT), meta, payload };
}
