import { Gauge, type Registry } from 'prom-client';
import type { UpkeepFacts } from './facts.js';

const DAY_S = 86_400;

/** Cleanups, backups and verifications, by whichever replica ran them. */
export class UpkeepMetrics {
  readonly #lastSuccess: Gauge<'task'>;
  readonly #lastDuration: Gauge<'task'>;
  readonly #succeeded: Gauge<'task'>;
  readonly #lastGood: Gauge;
  readonly #lastVerified: Gauge;
  readonly #interval: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#lastSuccess = new Gauge({
      name: 'call_logger_upkeep_last_success_timestamp_seconds',
      help: 'When the last successful run of the task ended.',
      labelNames: ['task'],
      registers,
    });
    this.#lastDuration = new Gauge({
      name: 'call_logger_upkeep_last_duration_seconds',
      help: 'How long the last run of the task took, whatever came of it.',
      labelNames: ['task'],
      registers,
    });
    this.#succeeded = new Gauge({
      name: 'call_logger_upkeep_last_run_success',
      help: '1 when the last run of the task succeeded, 0 when it failed, its process died, or it refuted a backup.',
      labelNames: ['task'],
      registers,
    });
    this.#lastGood = new Gauge({
      name: 'call_logger_backup_last_good_timestamp_seconds',
      help: 'When the last good backup was finished; 0 when there is none.',
      registers,
    });
    this.#lastVerified = new Gauge({
      name: 'call_logger_backup_last_verified_timestamp_seconds',
      help: 'When a backup was last proved by restoring it; 0 when none was.',
      registers,
    });
    this.#interval = new Gauge({
      name: 'call_logger_backup_interval_seconds',
      help: 'BACKUP_INTERVAL_DAYS; 0: no backups are made by themselves.',
      registers,
    });
  }

  /** @param facts null: not known yet, which is not the same as never */
  set(facts: UpkeepFacts | null, backupIntervalDays: number): void {
    this.#interval.set(backupIntervalDays * DAY_S);
    for (const gauge of [this.#lastSuccess, this.#lastDuration, this.#succeeded]) gauge.reset();
    if (facts === null) {
      this.#lastGood.remove();
      this.#lastVerified.remove();
      return;
    }
    this.#lastGood.set((facts.backup.lastGoodMs ?? 0) / 1000);
    this.#lastVerified.set((facts.backup.lastVerifiedMs ?? 0) / 1000);
    for (const { task, lastSuccessMs, succeeded, durationS } of facts.lastRuns) {
      if (lastSuccessMs !== null) this.#lastSuccess.set({ task }, lastSuccessMs / 1000);
      if (durationS !== null) this.#lastDuration.set({ task }, durationS);
      this.#succeeded.set({ task }, succeeded ? 1 : 0);
    }
  }
}
