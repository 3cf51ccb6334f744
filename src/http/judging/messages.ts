/**
 * What is said between the door and its judging thread. Bytes are handed over, never shared; everything else is copied,
 * so it is kept in lists rather than objects with names. Each message to the thread is answered by one, in order.
 */
import type { Delivery, Judgement } from './judgement.js';

type GivenBytes = Uint8Array<ArrayBuffer>;

/** `body` is a number of its own for each body. */
export type ToThread =
  | { readonly type: 'open'; readonly body: number; readonly delivery: Delivery }
  | { readonly type: 'push'; readonly body: number; readonly chunk: GivenBytes }
  | { readonly type: 'end'; readonly body: number };

/** `undefined` where there is nothing to say, as of a body that was never opened. */
export type FromThread = PackedJudgements | undefined;

export interface PackedJudgements {
  /** One after the other. */
  readonly records: GivenBytes;
  readonly items: readonly PackedJudgement[];
}

type Accepted = Extract<Judgement, { ok: true }>;
type PackedJudgement =
  | readonly [recordBytes: number, type: Accepted['type'], callId: string, eventId: string]
  | Exclude<Judgement, Accepted>;

export function packJudgements(judgements: readonly Judgement[]): PackedJudgements {
  return {
    records: joined(judgements.map((judgement) => (judgement.ok ? judgement.record : NO_BYTES))),
    items: judgements.map((judgement) =>
      judgement.ok
        ? [judgement.record.length, judgement.type, judgement.callId, judgement.eventId]
        : judgement,
    ),
  };
}

export function unpackJudgements({ records, items }: PackedJudgements): Judgement[] {
  const all = bufferOf(records);
  let at = 0;
  return items.map((item) => {
    if ('ok' in item) return item;
    const [length, type, callId, eventId] = item;
    at += length;
    return { ok: true, type, callId, eventId, record: all.subarray(at - length, at) };
  });
}

const NO_BYTES = Buffer.alloc(0);

/** In memory of its own, which can be given away. */
function joined(parts: readonly Uint8Array[]): GivenBytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function bufferOf(bytes: GivenBytes): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
