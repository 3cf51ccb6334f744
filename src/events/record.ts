/**
 * The record of an accepted event, as the spool keeps it.
 *
 *     byte 0        version, 1
 *     byte 1        type: 1 call, 2 click, 3 result
 *     bytes 2–33    fingerprint
 *     bytes 34–37   length of the meta, unsigned, big endian
 *     then          meta: JSON { call_id, event_id, received_at, source, replays }, where the ids are those of body,
 *                   path, header or our own making; `replays` is absent when it is 0. A reader leaves members that it
 *                   does not know alone, so later versions may add some without a new version byte.
 *     then          the payload, exactly as received: a JSON object, or nothing
 *
 * Defaults are applied when the record is read, so the payload stays the only copy of what was sent.
 */
import { quoteJson } from '../lib/json-value.js';
import type { UtcTime } from '../lib/time.js';
import { EVENT_TYPES } from './identity.js';
import type { EventIdentity } from './identity.js';
import { CorruptRecordError, RowSource } from './row-source.js';
import type { StoredEvent } from './rows.js';
import { storedEvent } from './to-row.js';

export { CorruptRecordError };

const VERSION = 1;
const FINGERPRINT_AT = 2;
const FINGERPRINT_BYTES = 32;
const META_LENGTH_AT = FINGERPRINT_AT + FINGERPRINT_BYTES;
const META_AT = META_LENGTH_AT + 4;

export interface RecordContent extends EventIdentity {
  /** 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly receivedAt: UtcTime;
  /** Name of the sender's key; null without keys. */
  readonly source: string | null;
  readonly payload: Uint8Array;
  /** How often the event was replayed as a dead letter; 0 when absent. */
  readonly replays?: number;
}

export interface DecodedRecord {
  readonly event: StoredEvent;
  /** 32 bytes. */
  readonly fingerprint: Buffer;
  /** As received. */
  readonly payload: Buffer;
  readonly receivedAt: UtcTime;
  /** Name of the sender's key; null without keys. */
  readonly source: string | null;
  /** How often the event was replayed as a dead letter. */
  readonly replays: number;
}

/** What a column of PostgreSQL's type integer holds. */
const MAX_REPLAYS = 2 ** 31 - 1;

export function encodeRecord(content: RecordContent): Buffer {
  const { callId, eventId, receivedAt, source, replays = 0 } = content;
  // By hand, in a third of the time that JSON.stringify takes for the object.
  const meta =
    `{"call_id":${quoteJson(callId)},"event_id":${quoteJson(eventId)}` +
    `,"received_at":"${receivedAt}","source":${source === null ? 'null' : quoteJson(source)}` +
    (replays === 0 ? '}' : `,"replays":${replays}}`);
  const metaBytes = Buffer.byteLength(meta);
  const record = Buffer.allocUnsafe(META_AT + metaBytes + content.payload.length);
  record[0] = VERSION;
  record[1] = EVENT_TYPES.indexOf(content.type) + 1;
  record.write(content.fingerprint, FINGERPRINT_AT, 'hex');
  record.writeUInt32BE(metaBytes, META_LENGTH_AT);
  record.write(meta, META_AT);
  record.set(content.payload, META_AT + metaBytes);
  return record;
}

/**
 * Reads a record and applies the defaults of its event. The buffers in the answer share memory with `bytes`.
 *
 * @throws CorruptRecordError when the bytes are no record that encodeRecord made of an accepted event.
 */
export function decodeRecord(bytes: Buffer): DecodedRecord {
  if (bytes.length < META_AT) throw new CorruptRecordError(`${bytes.length} bytes are no record`);
  if (bytes[0] !== VERSION) throw new CorruptRecordError(`unknown record version ${bytes.readUInt8(0)}`);
  const type = EVENT_TYPES[bytes.readUInt8(1) - 1];
  if (type === undefined) throw new CorruptRecordError(`unknown event type ${bytes.readUInt8(1)}`);
  const payloadAt = META_AT + bytes.readUInt32BE(META_LENGTH_AT);
  if (payloadAt > bytes.length) throw new CorruptRecordError('the record ends within its meta');
  const payload = bytes.subarray(payloadAt);

  const meta = RowSource.parse('meta', bytes.toString('utf8', META_AT, payloadAt));
  const receivedAt = meta.required('received_at', meta.time('received_at'));
  const source = meta.text('source');
  const replays = meta.number('replays') ?? 0;
  if (!Number.isInteger(replays) || replays < 0 || replays > MAX_REPLAYS)
    throw new CorruptRecordError(`${replays} is no number of replays`);
  const event = storedEvent(
    payload.length === 0 ? new RowSource(type, {}) : RowSource.parse(type, payload.toString()),
    {
      type,
      callId: meta.required('call_id', meta.text('call_id')),
      eventId: meta.required('event_id', meta.text('event_id')),
      source,
      receivedAt,
    },
  );
  const fingerprint = bytes.subarray(FINGERPRINT_AT, META_LENGTH_AT);
  return { event, fingerprint, payload, receivedAt, source, replays };
}
