import type { FastifyRequest } from 'fastify';
import { ID_RULE, isId } from '../../../events/identity.js';
import type { DoorObserver, Intake, Outcome } from '../../deps.js';
import type { Judging } from '../../judging/judging.js';
import { toProblem } from '../../errors.js';
import { WAIT_STORED_MS } from '../../limits.js';
import type { WaitQuery } from '../../schemas/ingest.js';
import { textHeader, wrongHeader } from './headers.js';

/** What the routes for events work with. */
export interface IngestDeps {
  readonly judging: Judging;
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
  const key = textHeader(request, 'Idempotency-Key');
  if (key === undefined) return undefined;
  if (key === null || !isId(key)) throw wrongHeader('Idempotency-Key', 'invalid_id', `must be ${ID_RULE}`);
  return key;
}
