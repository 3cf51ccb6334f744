import { Gauge, type Registry } from 'prom-client';
import { STORE_STATES, type StoreFacts } from './facts.js';
import { StateGauge } from './state-gauge.js';

/** PostgreSQL, and the connections to it. */
export class StoreMetrics {
  readonly #connections: Gauge<'pool' | 'state'>;
  readonly #limit: Gauge<'pool'>;
  readonly #waiting: Gauge<'pool'>;
  readonly #state: StateGauge<StoreFacts['state']>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#connections = new Gauge({
      name: 'call_logger_pool_connections',
      help: 'Open connections to PostgreSQL, by pool, in use and idle.',
      labelNames: ['pool', 'state'],
      registers,
    });
    this.#limit = new Gauge({
      name: 'call_logger_pool_connections_limit',
      help: 'Connections the pool may have.',
      labelNames: ['pool'],
      registers,
    });
    this.#waiting = new Gauge({
      name: 'call_logger_pool_waiting',
      help: 'Questions that wait for a connection of the pool.',
      labelNames: ['pool'],
      registers,
    });
    const name = 'call_logger_store_state';
    this.#state = new StateGauge(registry, name, '1 for the state PostgreSQL is in.', STORE_STATES);
  }

  set({ state, pools }: StoreFacts): void {
    this.#state.set(state);
    for (const gauge of [this.#connections, this.#limit, this.#waiting]) gauge.reset();
    for (const { name: pool, max, used, idle, waiting } of pools) {
      this.#connections.set({ pool, state: 'used' }, used);
      this.#connections.set({ pool, state: 'idle' }, idle);
      this.#limit.set({ pool }, max);
      this.#waiting.set({ pool }, waiting);
    }
  }
}
