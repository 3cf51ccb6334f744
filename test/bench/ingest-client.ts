/** What the bench says to a running service. */
import type { FixtureEvent } from './rows.js';

/** Request bodies, and how many events they hold together. */
export interface Bodies {
  readonly events: number;
  readonly ndjson: readonly Buffer[];
}

/** NDJSON bodies of at most so many events each. */
export function ndjsonBodies(events: Iterable<FixtureEvent>, eventsPerBody: number): Bodies {
  const lines = Array.from(events, (event) => JSON.stringify(event));
  const ndjson: Buffer[] = [];
  for (let at = 0; at < lines.length; at += eventsPerBody) {
    ndjson.push(Buffer.from(lines.slice(at, at + eventsPerBody).join('\n')));
  }
  return { events: lines.length, ndjson };
}

/** Posts the bodies in order, `senders` of them at a time. @throws Error for any answer but 202 */
export async function postAll(url: string, { ndjson }: Bodies, senders: number): Promise<void> {
  let next = 0;
  const send = async (): Promise<void> => {
    for (let body = ndjson[next++]; body !== undefined; body = ndjson[next++]) {
      const response = await post(`${url}/v1/events`, 'application/x-ndjson', body);
      if (response.status !== 202) throw new Error(`a batch was answered with ${response.status}`);
    }
  };
  await Promise.all(Array.from({ length: senders }, send));
}

const FLUSH_TIMEOUT_S = 120;

/**
 * Waits until the service knows its database and all that it acknowledged is in there.
 * @throws Error when that takes two minutes
 */
export async function flush(url: string): Promise<void> {
  const body = Buffer.from(JSON.stringify({ timeout_s: FLUSH_TIMEOUT_S }));
  const { status } = await post(`${url}/v1/admin/flush`, 'application/json', body);
  if (status !== 200) throw new Error(`a flush was answered with ${status}`);
}

/**
 * How many of the events a service was sent are not rows of their own: acknowledged and not there, duplicate, dead
 * letter. To be asked after a flush. Those still on the spool came after it, when the load was already cut off.
 */
export async function notStored(url: string, acknowledged: number): Promise<number> {
  const response = await fetch(`${url}/v1/admin/status`);
  // As in the service's description of the route.
  const { counts } = (await response.json()) as { counts: Counts };
  return Math.max(0, acknowledged - counts.stored) + counts.duplicate + counts.dead_letter;
}

interface Counts {
  readonly stored: number;
  readonly duplicate: number;
  readonly dead_letter: number;
}

async function post(url: string, type: string, body: Buffer): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
  await response.arrayBuffer();
  return response;
}
