import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { DiskFacts } from './facts.js';

/** Gauges that are named like counters, which Prometheus warns of; the same without the suffix has them by type. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** The process, and the machine as far as it matters. */
export class ProcessMetrics {
  readonly #ready: Gauge;
  readonly #diskFree: Gauge;
  readonly #diskSize: Gauge;
  readonly #diskReserve: Gauge;

  constructor(registry: Registry, version: string) {
    const registers = [registry];
    new Gauge({
      name: 'call_logger_build_info',
      help: '1; the labels say what runs.',
      labelNames: ['version', 'node_version'],
      registers,
    }).set({ version, node_version: process.versions.node }, 1);
    this.#ready = new Gauge({
      name: 'call_logger_ready',
      help: '1 when events can be taken durably, as in /readyz.',
      registers,
    });
    this.#diskFree = new Gauge({
      name: 'call_logger_disk_free_bytes',
      help: 'Free on the disk of the spool.',
      registers,
    });
    this.#diskSize = new Gauge({
      name: 'call_logger_disk_size_bytes',
      help: 'Size of the disk of the spool.',
      registers,
    });
    this.#diskReserve = new Gauge({
      name: 'call_logger_disk_reserve_bytes',
      help: 'DISK_RESERVE_BYTES: with less than that free, senders get 503.',
      registers,
    });
    collectDefaultMetrics({ register: registry });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
  }

  /** @param disk null: it did not tell */
  set(ready: boolean, disk: DiskFacts | null, diskReserveBytes: number): void {
    this.#ready.set(ready ? 1 : 0);
    this.#diskReserve.set(diskReserveBytes);
    if (disk === null) {
      this.#diskFree.remove();
      this.#diskSize.remove();
      return;
    }
    this.#diskFree.set(disk.freeBytes);
    this.#diskSize.set(disk.sizeBytes);
  }
}
