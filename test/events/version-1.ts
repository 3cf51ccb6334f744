import { EVENT_TYPES, type EventIdentity } from '../../src/events/identity.js';

interface Content extends EventIdentity {
  /** 32 bytes. */
  readonly fingerprint: Buffer;
  readonly receivedAt: string;
  readonly source: string | null;
  readonly payload: Buffer;
}

/** A record as version 1 of the service wrote it. */
export function version1Record({
  type,
  callId,
  eventId,
  fingerprint,
  receivedAt,
  source,
  payload,
}: Content): Buffer {
  const meta = Buffer.from(
    JSON.stringify({ call_id: callId, event_id: eventId, received_at: receivedAt, source }),
  );
  const lengths = Buffer.alloc(4);
  lengths.writeUInt32BE(meta.length);
  return Buffer.concat([Buffer.of(1, EVENT_TYPES.indexOf(type) + 1), fingerprint, lengths, meta, payload]);
}
