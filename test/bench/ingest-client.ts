/** What the bench says to a running service. */
import type { FixtureEvent } from './rows.js';

/** A request body, and how many events it holds. */
export interface Body {
  readonly events: number;
  readonly ndjson: Buffer;
}

/** NDJSON bodies of at most so many events each. */
export function* ndjsonBodies(events: Iterable<FixtureEvent>, eventsPerBody: number): Generator<Body> {
  let lines: string[] = [];
  const body = (): Body => ({ events: lines.length, ndjson: Buffer.from(lines.join('\n')) });
  for (const event of events) {
    lines.push(JSON.stringify(event));
    if (lines.length < eventsPerBody) continue;
    yield body();
    lines = [];
  }
  if (lines.length > 0) yield body();
}

/** Connections that post batches at once: while one waits for its answer, the other keeps the door busy. */
const SENDERS = 2;

/** Posts the bodies in order. @returns how many events they held @throws Error for any answer but 202 */
export async function postAll(url: string, bodies: Iterable<Body>): Promise<number> {
  const queue = bodies[Symbol.iterator]();
  let posted = 0;
  const send = async (): Promise<void> => {
    for (let item = queue.next(); item.done !== true; item = queue.next()) {
      const { events, ndjson } = item.value;
      const response = await post(`${url}/v1/events`, 'application/x-ndjson', ndjson);
      if (response.status !== 202) throw new Error(`a batch was answered with ${response.status}`);
      posted += events;
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, send));
  return posted;
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

/** What became of the events of a spool, as far as the service knows: nothing before it has asked the database. */
export interface Counts {
  readonly stored: number;
  readonly duplicate: number;
  readonly dead_letter: number;
}

export async function countsOf(url: string): Promise<Counts> {
  const response = await fetch(`${url}/v1/admin/status`);
  // As in the service's description of the route.
  const { counts } = (await response.json()) as { counts: Record<keyof Counts, number | null> };
  const { stored, duplicate, dead_letter } = counts;
  return { stored: stored ?? 0, duplicate: duplicate ?? 0, dead_letter: dead_letter ?? 0 };
}

/**
 * How many events that were acknowledged from one look to the other did not become rows of their own: they are not there,
 * duplicate or dead letter. More rows than that are of requests that were under way when the load was cut off.
 */
export function countMissing(before: Counts, after: Counts, acknowledged: number): number {
  const grown = (name: keyof Counts): number => after[name] - before[name];
  return Math.max(0, acknowledged - grown('stored')) + grown('duplicate') + grown('dead_letter');
}

async function post(url: string, type: string, body: Buffer): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
  await response.arrayBuffer();
  return response;
}
