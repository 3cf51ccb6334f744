import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { EVENTS, SYNC_SECONDS } from './buckets.js';
import { SPOOL_STATES, type SpoolFacts } from './facts.js';
import { StateGauge } from './state-gauge.js';

/** The spool, and the disk under it. */
export class SpoolMetrics {
  readonly #syncs: Histogram;
  readonly #syncEvents: Histogram;
  readonly #faults: Counter<'kind'>;
  readonly #accepted: Counter;
  readonly #events: Gauge;
  readonly #bytes: Gauge;
  readonly #limit: Gauge;
  readonly #oldest: Gauge;
  readonly #state: StateGauge<SpoolFacts['state']>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#syncs = new Histogram({
      name: 'call_logger_spool_sync_duration_seconds',
      help: 'Time to write a group of appends and sync it to disk, which is what a 202 waits for.',
      buckets: SYNC_SECONDS,
      registers,
    });
    this.#syncEvents = new Histogram({
      name: 'call_logger_spool_sync_events',
      help: 'Events that share one sync.',
      buckets: EVENTS,
      registers,
    });
    this.#faults = new Counter({
      name: 'call_logger_spool_faults_total',
      help: 'What the spool reported since the start, by kind: a torn tail, damage, a full or failing disk.',
      labelNames: ['kind'],
      registers,
    });
    this.#accepted = new Counter({
      name: 'call_logger_events_accepted_total',
      help: 'Events synced to the spool, replayed dead letters included, counted across restarts.',
      registers,
    });
    this.#events = new Gauge({
      name: 'call_logger_spool_events',
      help: 'Events on the spool, waiting for PostgreSQL.',
      registers,
    });
    this.#bytes = new Gauge({
      name: 'call_logger_spool_bytes',
      help: 'Size of the files of the spool.',
      registers,
    });
    this.#limit = new Gauge({
      name: 'call_logger_spool_limit_bytes',
      help: 'SPOOL_MAX_BYTES: when the spool reaches it, senders get 503.',
      registers,
    });
    this.#oldest = new Gauge({
      name: 'call_logger_spool_oldest_age_seconds',
      help: 'Age of the oldest event on the spool; 0 when it is empty.',
      registers,
    });
    const name = 'call_logger_spool_state';
    this.#state = new StateGauge(registry, name, '1 for the state the spool is in.', SPOOL_STATES);
  }

  readonly committed = ({ records, seconds }: { records: number; seconds: number }): void => {
    this.#syncs.observe(seconds);
    this.#syncEvents.observe(records);
  };

  readonly faulted = (kind: string): void => {
    this.#faults.inc({ kind });
  };

  set({ state, accepted, spooled, bytes, limitBytes, oldestAgeS }: SpoolFacts): void {
    this.#state.set(state);
    this.#accepted.reset();
    this.#accepted.inc(accepted);
    this.#events.set(spooled);
    this.#bytes.set(bytes);
    this.#limit.set(limitBytes);
    this.#oldest.set(oldestAgeS ?? 0);
  }
}
