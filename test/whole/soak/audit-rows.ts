/** Holds every row of the store to what was sent, and the view to the model. */
import type pg from 'pg';
import { isDeepStrictEqual } from 'node:util';
import { modelOf, type ViewRow } from '../../drain/model.js';
import type { Body } from '../../helpers/events.js';
import type { Ledger, Tally } from './ledger.js';
import type { Problems } from './problems.js';
import type { PlannedEvent, Scene } from './scene.js';

export interface RowAudit {
  /** Events of which something was acknowledged. */
  readonly events: number;
  readonly lost: number;
  /** Of an event that was never sent, or with contents that nobody sent under its ids. */
  readonly invented: number;
  /** Told to be stored more than once, or counted more than once in the row of its call. */
  readonly duplicated: number;
  /** Rows of calls, clicks and results that belong to scenes. */
  readonly rows: number;
  /** How often events of old calls were sent: the cleanup may have taken as many rows, and no more. */
  readonly removable: number;
}

const SCENES_AT_ONCE = 500;

export class RowAuditor {
  #events = 0;
  #lost = 0;
  #invented = 0;
  #duplicated = 0;
  #rows = 0;
  #removable = 0;

  constructor(
    private readonly pool: pg.Pool,
    private readonly ledger: Ledger,
    private readonly problems: Problems,
  ) {}

  async audit(scenes: Iterable<Scene>): Promise<RowAudit> {
    let some: Scene[] = [];
    for (const scene of scenes) {
      some.push(scene);
      if (some.length < SCENES_AT_ONCE) continue;
      await this.#auditSome(some);
      some = [];
    }
    await this.#auditSome(some);
    return {
      events: this.#events,
      lost: this.#lost,
      invented: this.#invented,
      duplicated: this.#duplicated,
      rows: this.#rows,
      removable: this.#removable,
    };
  }

  async #auditSome(scenes: readonly Scene[]): Promise<void> {
    const callIds = scenes.map(({ callId }) => callId);
    const select = async (what: string): Promise<Map<string, ViewRow[]>> => {
      const { rows } = await this.pool.query<ViewRow>(`select * from ${what} where call_id = any ($1)`, [
        callIds,
      ]);
      return byCall(rows);
    };
    const call = await select('calls');
    const click = await select('clicks');
    const result = await select('results');
    const view = await select('arbitrage_calls');
    const letters = await select('dead_letters');
    for (const scene of scenes) {
      const { callId } = scene;
      const rows = { call: call.get(callId), click: click.get(callId), result: result.get(callId) };
      const stored = scene.events.flatMap((event) => {
        const ofEvent =
          rows[event.type]?.filter((row) => (row['event_id'] ?? callId) === event.eventId) ?? [];
        const ofLetters = (letters.get(callId) ?? []).filter(
          (letter) => letter['event_type'] === event.type && (letter['event_id'] ?? callId) === event.eventId,
        );
        return this.#auditEvent(scene, event, ofEvent[0], ofLetters);
      });
      this.#auditView(callId, stored, view.get(callId)?.[0]);
    }
  }

  /** What is stored of the event, if it is. */
  #auditEvent(
    scene: Scene,
    event: PlannedEvent,
    row: ViewRow | undefined,
    letters: readonly ViewRow[],
  ): Body[] {
    const name = `${event.type} ${event.eventId}`;
    const tally = this.ledger.find(event) ?? { acknowledged: [], unknown: [], toldStored: 0 };
    const acknowledged = sum(tally.acknowledged);
    if (acknowledged > 0) this.#events++;
    if (scene.isOld) this.#removable += acknowledged + sum(tally.unknown);
    if (tally.toldStored > 1 && !scene.isOld) {
      this.#duplicated++;
      this.problems.add('stored twice', name);
    }
    if (row === undefined) {
      if (acknowledged === 0 || this.ledger.damaged.has(event.eventId)) return [];
      if (scene.isOld) return [];
      this.#lost++;
      this.problems.add('lost', `${name}: ${JSON.stringify(tally)}`);
      return [];
    }
    this.#rows++;
    const variant = event.variants.findIndex((body, index) => isSent(tally, index) && holds(row, body));
    const body = event.variants[variant];
    if (body === undefined) {
      this.#invented++;
      this.problems.add('not what was sent', `${name}: ${JSON.stringify({ tally, row })}`);
      return [];
    }
    if (!scene.isOld) this.#auditLetters(name, tally, variant, letters);
    return [body];
  }

  /** Whatever was said otherwise than what is stored is a dead letter, each time. */
  #auditLetters(name: string, tally: Tally, stored: number, letters: readonly ViewRow[]): void {
    const otherwise = (counts: readonly number[]): number => sum(counts) - (counts[stored] ?? 0);
    const least = otherwise(tally.acknowledged);
    const most = least + otherwise(tally.unknown);
    const isConflict = letters.every(({ reason }) => reason === 'conflict');
    if (isConflict && letters.length >= least && letters.length <= most) return;
    const reasons = letters.map(({ reason }) => String(reason)).join();
    this.problems.add('dead letters', `${name}: expected ${least} to ${most} conflicts, got ${reasons}`);
  }

  #auditView(callId: string, stored: readonly Body[], row: ViewRow | undefined): void {
    const [expected] = modelOf(stored, String(row?.['received_at']), '');
    for (const column of new Set([...Object.keys(expected ?? {}), ...Object.keys(row ?? {})])) {
      const [found, wanted] = [row?.[column], expected?.[column]];
      if (isAlike(found, wanted)) continue;
      this.#duplicated += column === 'clicks' && Number(found) > Number(wanted) ? 1 : 0;
      this.problems.add(
        'view',
        `${callId} ${column}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
      );
    }
  }
}

function byCall(rows: readonly ViewRow[]): Map<string, ViewRow[]> {
  const groups = new Map<string, ViewRow[]>();
  for (const row of rows) {
    const callId = String(row['call_id']);
    const group = groups.get(callId);
    if (group === undefined) groups.set(callId, [row]);
    else group.push(row);
  }
  return groups;
}

function isSent({ acknowledged, unknown }: Tally, variant: number): boolean {
  return (acknowledged[variant] ?? 0) + (unknown[variant] ?? 0) > 0;
}

/** Whether the row says all that was sent, to the last digit; what else it says is for the view to answer for. */
function holds(row: ViewRow, body: Body): boolean {
  return Object.entries(body).every(
    ([name, value]) => name === 'type' || value === null || isDeepStrictEqual(row[name], asStored(value)),
  );
}

/** Times come back with all their digits. */
function asStored(value: unknown): unknown {
  const [, seconds, fraction = ''] =
    /^(\d{4}-\d\d-\d\dT[\d:]{8})(?:\.(\d+))?Z$/.exec(typeof value === 'string' ? value : '') ?? [];
  return seconds === undefined ? value : `${seconds}.${fraction.padEnd(6, '0')}Z`;
}

/** Numbers that are computed agree but for the last digits. */
function isAlike(found: unknown, wanted: unknown): boolean {
  if (typeof found === 'number' && typeof wanted === 'number')
    return Math.abs(found - wanted) <= 1e-12 * (100 + Math.abs(wanted));
  return isDeepStrictEqual(found, wanted);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
