import { isUtf8 } from 'node:buffer';
import type { FastifyRequest } from 'fastify';
import { ID_RULE, isId } from '../../../events/identity.js';
import type { DoorObserver, Intake, Outcome } from '../../deps.js';
import { Problem, toProblem } from '../../errors.js';
import { WAIT_STORED_MS } from '../../limits.js';
import type { WaitQuery } from '../../schemas/ingest.js';

/** What the routes for events work with. */
export interface IngestDeps {
  readonly intake: Intake;
  readonly observer: DoorObserver;
}

/**
 * Sets the records down, all or none, and gives the body's bytes back to the budget before any waiting for the store.
 *
 * @returns one outcome per record, or null when nobody asked or the store took too long
 */
export async function append(
  { intake, observer }: IngestDeps,
  request: FastifyRequest<{ Querystring: WaitQuery }>,
  records: readonly Uint8Array[],
): Promise<readonly Outcome[] | null> {
  try {
    if (request.query.wait !== 'stored') {
      await intake.append(records);
      return null;
    }
    const { outcomes } = await intake.appendWatched(records, WAIT_STORED_MS);
    request.bodyLease?.release();
    return await outcomes;
  } catch (error) {
    observer.eventsUnacknowledged(toProblem(error).code, records.length);
    throw error;
  }
}

/** @throws Problem when the header is there twice or holds no id */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const value = request.headers['idempotency-key'];
  if (typeof value !== 'string') return undefined;
  // Two of these headers read as one, joined by a comma, which an id may hold.
  const { rawHeaders } = request.raw;
  const count = rawHeaders.filter(
    (name, i) => i % 2 === 0 && name.toLowerCase() === 'idempotency-key',
  ).length;
  if (count > 1) throw wrongKey('duplicate_header', 'may be there only once');
  // Header values arrive as one character per byte, whatever they were.
  const bytes = Buffer.from(value, 'latin1');
  const key = isUtf8(bytes) ? bytes.toString() : '';
  if (!isId(key)) throw wrongKey('invalid_id', `must be ${ID_RULE}`);
  return key;
}

function wrongKey(code: string, message: string): Problem {
  return new Problem('invalid_request', {
    detail: `Idempotency-Key ${message}.`,
    errors: [{ pointer: 'header:idempotency-key', code, message }],
  });
}
