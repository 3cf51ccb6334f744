/** What the service answers to a batch, and what follows from it. */
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { printable } from './printable.js';

const Count = Type.Integer({ minimum: 0 });

/** The part of the service's answer the import relies on; there may be more. */
const BatchAnswer = Type.Object({
  accepted: Count,
  rejected: Count,
  /** Of rejected ones null. */
  ids: Type.Array(Type.Union([Type.String(), Type.Null()])),
  errors: Type.Array(
    Type.Object({
      index: Count,
      errors: Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() })),
    }),
  ),
  statuses: Type.Optional(
    Type.Array(Type.Union([Type.Enum(['stored', 'duplicate', 'dead_letter']), Type.Null()])),
  ),
});
export type BatchAnswer = Static<typeof BatchAnswer>;

const Problem = Type.Object({ title: Type.String(), detail: Type.Optional(Type.String()) });

const batchAnswer = Compile(BatchAnswer);
const problem = Compile(Problem);

/** An answer off the wire. */
export interface Reply {
  readonly status: number;
  /** The header as it came. */
  readonly retryAfter: string | null;
  readonly text: string;
}

/** How one try ended: with an answer, or so that another try may help. */
export type Attempt =
  | { readonly answer: BatchAnswer }
  | {
      /** For people: why it has to be tried again. */
      readonly again: string;
      /** What the service asked for; null: it did not say. */
      readonly afterMs: number | null;
    };

/** The service will not take this however often it is sent. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/**
 * @param sent how many events were sent
 * @throws RefusedError when sending the same again cannot help
 */
export function judgeBatch(reply: Reply, sent: number): Attempt {
  const { status } = reply;
  if (isTemporary(status)) return { again: told(reply), afterMs: retryAfterMs(reply.retryAfter, Date.now()) };
  if (status === 200 || status === 202 || status === 207 || status === 422) {
    const value = parseJson(reply.text);
    if (batchAnswer.Check(value)) return { answer: counted(value, sent) };
  }
  const hint = HINTS[status] ?? (status < 400 ? 'is this a call-logger?' : undefined);
  throw new RefusedError(`the service answered ${told(reply)}${hint === undefined ? '' : ` (${hint})`}`);
}

/** Whether the same request may get another answer later. */
function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * @param header value of Retry-After: seconds, or a date
 * @returns milliseconds from now, 0 when that is over; null when there is none or it makes no sense
 */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  // Every form of an HTTP date names a day and a month; Date.parse alone would take "-1" for a year.
  const ms = /[a-z]{3}.*\d:\d\d/i.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(ms) ? null : Math.max(0, ms - nowMs);
}

/** The status, and what the service said with it. */
function told(reply: Reply): string {
  const body = parseJson(reply.text);
  if (!problem.Check(body)) return String(reply.status);
  return printable(`${reply.status} ${body.title}${body.detail === undefined ? '' : `: ${body.detail}`}`);
}

/** Parses without throwing; undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: 'see --key-file and CALL_LOGGER_KEY; the key is the secret alone, without its name',
  403: 'a key has to be an ingest or admin key',
  404: 'does --url name the service?',
  413: 'try a smaller --batch',
};

/** Every event sent has to be in the answer once: the line numbers told are worth nothing otherwise. */
function counted(answer: BatchAnswer, sent: number): BatchAnswer {
  const indexes = new Set(answer.errors.map(({ index }) => index));
  if (
    answer.accepted + answer.rejected !== sent ||
    indexes.size !== answer.rejected ||
    answer.ids.length !== sent ||
    answer.errors.some(({ index }) => index >= sent) ||
    (answer.statuses !== undefined && answer.statuses.length !== sent)
  ) {
    throw new RefusedError(
      `the service was sent ${sent} events and told of ${answer.accepted} accepted and ${answer.rejected} rejected ones`,
    );
  }
  return answer;
}
