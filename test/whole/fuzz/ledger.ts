/** What the service has promised to keep, and whether it did. */
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { isAbsent } from '../../../src/events/blank.js';
import { parseUtcTime } from '../../../src/lib/time.js';
import { isJsonObject, type JsonObject } from '../../../src/lib/json-value.js';
import type { Answer } from './answers.js';
import { type Item, itemsOf } from './items.js';
import type { FuzzRequest } from './request.js';

/** So many contents are kept for comparison; of what comes later only the ids. */
const MAX_CONTENTS = 20_000;
const SINGLE = /^\/v1\/calls(?:\/[^/?]+\/(clicks|result))?(?:\?|$)/;
const REPLAY = /^\/v1\/admin\/dead-letters\/(?:[^/?]+\/)?replay(?:\?|$)/;

export class Ledger {
  /** Events of answers that were read. */
  acknowledged = 0;
  /** Events whose senders left before their answer. */
  inDoubt = 0;
  /** Dead letters that were set down once more. */
  replayed = 0;
  /** By `type call_id event_id`: all the contents that were acknowledged under these ids. */
  readonly #events = new Map<string, (JsonObject | 'anything')[]>();
  #contents = 0;

  /** Of an answer to an event; anything else says nothing here. Returns what is wrong with it. */
  note(
    request: Pick<FuzzRequest, 'method' | 'target' | 'headers' | 'body'>,
    { status, body }: Answer,
  ): string[] {
    if (request.method !== 'POST' || status < 200 || status > 207) return [];
    const answer: unknown = JSON.parse(body.toString());
    if (!isJsonObject(answer)) return ['an answer that is no object'];
    if (REPLAY.test(request.target))
      this.replayed += typeof answer['replayed'] === 'number' ? answer['replayed'] : 1;
    const single = SINGLE.exec(request.target);
    if (single !== null) return this.#noteSingle(request, single[1], answer);
    return /^\/v1\/events(?:\?|$)/.test(request.target) ? this.#noteBatch(request, answer) : [];
  }

  #noteSingle(
    { body }: Pick<FuzzRequest, 'body'>,
    activity: string | undefined,
    answer: JsonObject,
  ): string[] {
    this.acknowledged++;
    const type = activity === undefined ? 'call' : activity.replace('clicks', 'click');
    const sent = body === null || body.plain.length === 0 ? {} : readJson(body.plain);
    this.#add({ type, callId: answer['call_id'], eventId: answer['event_id'] ?? answer['call_id'] }, sent);
    return [];
  }

  #noteBatch(request: Pick<FuzzRequest, 'headers' | 'body'>, answer: JsonObject): string[] {
    const { accepted, rejected, ids } = answer;
    if (!Array.isArray(ids) || typeof accepted !== 'number') return ['an answer that is none to a batch'];
    this.acknowledged += accepted;
    const known: readonly unknown[] = ids;
    if (known.filter((id) => id !== null).length !== accepted || known.length !== accepted + Number(rejected))
      return ['ids that do not add up'];
    const items = itemsOf(request);
    if (items === null) return [];
    if (items.length !== known.length) return [`${known.length} ids for ${items.length} events`];
    items.forEach((item, index) => {
      const id = known[index];
      if (id === null || !isJsonObject(item)) return;
      this.#add(
        { type: item['type'], callId: item['type'] === 'call' ? id : item['call_id'], eventId: id },
        item,
      );
    });
    return [];
  }

  #add({ type, callId, eventId }: Record<'type' | 'callId' | 'eventId', unknown>, sent: Item): void {
    const key = keyOf(type, callId, eventId);
    const contents = this.#events.get(key) ?? [];
    this.#events.set(key, contents);
    const isKept = this.#contents < MAX_CONTENTS && isJsonObject(sent);
    contents.push(isKept ? sent : 'anything');
    if (isKept) this.#contents++;
  }

  /** What was acknowledged and is not there, or not as it was sent; at most some of each. */
  async compare(
    pool: pg.Pool,
  ): Promise<{ readonly compared: number; readonly rows: number; readonly complaints: string[] }> {
    const complaints: string[] = [];
    const missing = new Set(this.#events.keys());
    let compared = 0;
    let rows = 0;
    for (const [type, table] of [
      ['call', 'calls'],
      ['click', 'clicks'],
      ['result', 'results'],
    ] as const) {
      const found = await pool.query<{ row: JsonObject }>(`select row_to_json(t) as row from ${table} as t`);
      rows += found.rows.length;
      for (const { row } of found.rows) {
        const key = keyOf(type, row['call_id'], row['event_id'] ?? row['call_id']);
        missing.delete(key);
        const contents = this.#events.get(key) ?? [];
        if (contents.length === 0 || contents.includes('anything')) continue;
        compared++;
        // Which of several contents came first only the service knows.
        if (!contents.some((sent) => sent !== 'anything' && isAsSent(sent, row)))
          complaints.push(
            `stored otherwise than sent: ${JSON.stringify(row)}, sent ${JSON.stringify(contents[0])}`,
          );
      }
    }
    for (const key of missing) complaints.push(`acknowledged and not stored: ${key}`);
    return { compared, rows, complaints: complaints.slice(0, 20) };
  }
}

function keyOf(...parts: readonly unknown[]): string {
  return JSON.stringify(parts);
}

/** Every field that was sent says the same in the row. */
function isAsSent(sent: JsonObject, row: JsonObject): boolean {
  return Object.entries(sent).every(([name, value]) => {
    if (isAbsent(value) || name === 'type') return true;
    const stored = row[name];
    if (typeof value === 'string' && typeof stored === 'string' && /_(at|time)$/.test(name))
      return parseUtcTime(value) === parseUtcTime(stored);
    // JSON knows no -0.
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), stored);
  });
}

function readJson(bytes: Buffer): Item {
  try {
    return JSON.parse(bytes.toString().replace(/^\ufeff/, ''));
  } catch {
    return null;
  }
}
