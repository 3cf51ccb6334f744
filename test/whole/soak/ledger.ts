import type { GoodItem, Item } from './requests.js';
import type { PlannedEvent, Scene } from './scene.js';

export type Status = 'stored' | 'duplicate' | 'dead_letter';

/** What senders know about one event. */
export interface Tally {
  /** By variant: how often it was acknowledged. */
  readonly acknowledged: number[];
  /** By variant: how often it was sent and not answered, and so may be there or not. */
  readonly unknown: number[];
  /** How often an answer said that it has just been stored. */
  toldStored: number;
}

/** What was acknowledged, event by event: the other side of the account. */
export class Ledger {
  readonly #tallies = new Map<string, Tally>();
  /** Told beside the stream: probes, and events that are to be damaged on purpose. */
  readonly extras: Scene[] = [];
  /** Call ids of extras of which a byte was turned over on the disk after they had been acknowledged. */
  readonly damaged = new Set<string>();
  /** Events in requests that were answered, each as often as it was acknowledged. */
  acknowledged = 0;
  /** Events in requests that got no answer. */
  unknown = 0;
  /** Events in requests that the service refused for want of room, or because it was stopping. */
  refused = 0;

  /** @param statuses of `items`, where the answer tells */
  acknowledge(items: readonly Item[], statuses: readonly (Status | null)[] | null): void {
    for (const [index, item] of items.entries()) {
      if (item.event === null) continue;
      const tally = this.#tallyOf(item);
      tally.acknowledged[item.variant] = (tally.acknowledged[item.variant] ?? 0) + 1;
      if (statuses?.[index] === 'stored') tally.toldStored++;
      this.acknowledged++;
    }
  }

  leaveUnknown(items: readonly Item[]): void {
    for (const item of items) {
      if (item.event === null) continue;
      const tally = this.#tallyOf(item);
      tally.unknown[item.variant] = (tally.unknown[item.variant] ?? 0) + 1;
      this.unknown++;
    }
  }

  /** Undefined for what was never sent, or only in requests that were refused. */
  find({ type, eventId }: Pick<PlannedEvent, 'type' | 'eventId'>): Tally | undefined {
    return this.#tallies.get(`${type} ${eventId}`);
  }

  #tallyOf({ event: { type, eventId } }: GoodItem): Tally {
    const key = `${type} ${eventId}`;
    const known = this.#tallies.get(key) ?? { acknowledged: [], unknown: [], toldStored: 0 };
    this.#tallies.set(key, known);
    return known;
  }
}
