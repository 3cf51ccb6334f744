import { Registry } from 'prom-client';
import { DoorMetrics } from './metrics/door.js';
import { DrainMetrics } from './metrics/drain.js';
import type { DiskFacts, Facts } from './metrics/facts.js';
import { ProcessMetrics } from './metrics/process.js';
import { SpoolMetrics } from './metrics/spool.js';
import { StoreMetrics } from './metrics/store.js';
import { UpkeepMetrics } from './metrics/upkeep.js';

export type { DiskFacts, Facts };

export interface MetricsSources {
  readonly facts: () => Facts;
  /** Of the disk under the spool; null when it does not tell. */
  readonly disk: () => Promise<DiskFacts | null>;
}

/**
 * All metrics of the service. The rooms know nothing of it: what happens they tell to the observers `door`, `spool` and
 * `drain`, which fit what they ask for by their shape, and what holds they are asked at each scrape.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly door: DoorMetrics;
  readonly spool = new SpoolMetrics(this.#registry);
  readonly drain = new DrainMetrics(this.#registry);
  readonly #store = new StoreMetrics(this.#registry);
  readonly #upkeep = new UpkeepMetrics(this.#registry);
  readonly #process: ProcessMetrics;

  /** @param senders names of the keys that may send events; '' stands for having no keys */
  constructor(version: string, senders: readonly string[]) {
    this.door = new DoorMetrics(this.#registry, senders);
    this.#process = new ProcessMetrics(this.#registry, version);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In the text format of Prometheus. */
  async text(sources: MetricsSources): Promise<string> {
    const disk = await sources.disk();
    // From here on nothing else gets its turn until every number is taken, so that the account balances on the page.
    const { ready, spool, drain, store, upkeep, backupIntervalDays, diskReserveBytes } = sources.facts();
    this.#process.set(ready, disk, diskReserveBytes);
    this.spool.set(spool);
    this.drain.set(drain);
    this.#store.set(store);
    this.#upkeep.set(upkeep, backupIntervalDays);
    return this.#registry.metrics();
  }
}
