/**
 * The record of an accepted event, as the spool keeps it.
 *
 *     byte 0        version, 2
 *     byte 1        type: 1 call, 2 click, 3 result
 *     bytes 2–5     length of the meta, unsigned, big endian
 *     bytes 6–9     length of the row
 *     then          meta: JSON { received_at, source, replays }; `replays` is absent when it is 0. A reader leaves members
 *                   that it does not know alone, so later versions may add some without a new version byte.
 *     then          the row, as row-text.ts writes it: ids, defaults and fingerprint are in there
 *     then          the payload, exactly as received: a JSON object, or nothing
 *
 * Version 1 had no row. It is still read: a spool may hold such records when a new version of the service opens it.
 */
import { quoteJson } from '../lib/json-value.js';
import type { UtcTime } from '../lib/time.js';
import { EVENT_TYPES } from './identity.js';
import type { EventType } from './identity.js';
import { readVersion1 } from './record-v1.js';
import { CorruptRecordError, RowSource } from './row-source.js';
import { fingerprintOfLine, keyOf, rowText } from './row-text.js';
import type { StoredEvent } from './rows.js';

export { CorruptRecordError };

const VERSION = 2;
const META_LENGTH_AT = 2;
const ROW_LENGTH_AT = META_LENGTH_AT + 4;
const META_AT = ROW_LENGTH_AT + 4;

export interface RecordContent {
  readonly event: StoredEvent;
  /** 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** Name of the sender's key; null without keys. */
  readonly source: string | null;
  readonly payload: Uint8Array;
  /** How often the event was replayed as a dead letter; 0 when absent. */
  readonly replays?: number;
}

/** What a record knows of its event's way here. */
export interface Provenance {
  readonly receivedAt: UtcTime;
  /** Name of the sender's key; null without keys. */
  readonly source: string | null;
  /** How often the event was replayed as a dead letter. */
  readonly replays: number;
}

/** What a column of PostgreSQL's type integer holds. */
export const MAX_REPLAYS = 2 ** 31 - 1;
const NEWLINE = 0x0a;

export function encodeRecord({ event, fingerprint, source, payload, replays = 0 }: RecordContent): Buffer {
  // By hand, in a third of the time that JSON.stringify takes for the object.
  const meta =
    `{"received_at":"${event.row.received_at}","source":${source === null ? 'null' : quoteJson(source)}` +
    (replays === 0 ? '}' : `,"replays":${replays}}`);
  const metaBytes = Buffer.byteLength(meta);
  const text = meta + rowText(event, fingerprint);
  const textBytes = Buffer.byteLength(text);
  const record = Buffer.allocUnsafe(META_AT + textBytes + payload.length);
  record[0] = VERSION;
  record[1] = EVENT_TYPES.indexOf(event.type) + 1;
  record.writeUInt32BE(metaBytes, META_LENGTH_AT);
  record.writeUInt32BE(textBytes - metaBytes, ROW_LENGTH_AT);
  record.write(text, META_AT);
  record.set(payload, META_AT + textBytes);
  return record;
}

/** A record that has been read; the buffers share memory with its bytes. */
export class EventRecord {
  /** Of the events of its type, this one: see keyOf. */
  readonly key: string;

  constructor(
    readonly type: EventType,
    private readonly meta: Buffer,
    /** The row as a line of COPY, see row-text.ts. */
    readonly row: Buffer,
    /** As received. */
    readonly payload: Buffer,
  ) {
    this.key = keyOf(type, row);
  }

  /** 32 bytes. */
  get fingerprint(): Buffer {
    return fingerprintOfLine(this.row);
  }

  get callId(): string {
    return this.#ids[0] ?? '';
  }

  /** The call's own id for a call. */
  get eventId(): string {
    return this.#ids.at(-1) ?? '';
  }

  get #ids(): readonly string[] {
    return Buffer.from(this.key, 'latin1').toString().split('\t');
  }

  /** @throws CorruptRecordError; for a record that encodeRecord made, never */
  get provenance(): Provenance {
    const meta = RowSource.parse('meta', this.meta.toString());
    const receivedAt = meta.required('received_at', meta.time('received_at'));
    const replays = meta.number('replays') ?? 0;
    if (!Number.isInteger(replays) || replays < 0 || replays > MAX_REPLAYS)
      throw new CorruptRecordError(`${replays} is no number of replays`);
    return { receivedAt, source: meta.text('source'), replays };
  }
}

/**
 * Reads a record as far as carrying it into the store needs: what encodeRecord wrote is not judged again.
 *
 * @throws CorruptRecordError when the bytes are no record.
 */
export function readRecord(bytes: Buffer): EventRecord {
  if (bytes.length < META_AT) throw new CorruptRecordError(`${bytes.length} bytes are no record`);
  const type = EVENT_TYPES[bytes.readUInt8(1) - 1];
  if (type === undefined) throw new CorruptRecordError(`unknown event type ${bytes.readUInt8(1)}`);
  if (bytes[0] === 1) return fromVersion1(type, bytes);
  if (bytes[0] !== VERSION) throw new CorruptRecordError(`unknown record version ${bytes.readUInt8(0)}`);
  const rowAt = META_AT + bytes.readUInt32BE(META_LENGTH_AT);
  const payloadAt = rowAt + bytes.readUInt32BE(ROW_LENGTH_AT);
  if (payloadAt > bytes.length) throw new CorruptRecordError('the record ends within its row');
  if (payloadAt === rowAt || bytes[payloadAt - 1] !== NEWLINE)
    throw new CorruptRecordError('the row of the record is no line');
  return new EventRecord(
    type,
    bytes.subarray(META_AT, rowAt),
    bytes.subarray(rowAt, payloadAt),
    bytes.subarray(payloadAt),
  );
}

function fromVersion1(type: EventType, bytes: Buffer): EventRecord {
  const { event, fingerprint, meta, payload } = readVersion1(type, bytes);
  return new EventRecord(type, meta, Buffer.from(rowText(event, fingerprint)), payload);
}
