import type { DeadLetterReason } from '../store/write/outcome.js';
import type { CutCause } from './batcher.js';

/** Hears what the drain does, for the metrics. Never throws, and nothing waits for it. */
export interface DrainObserver {
  /** A batch was cut from the spool. */
  readonly cut: (events: number, cause: CutCause) => void;
  /** An attempt to write a batch took so long, from asking for a connection to the end of its transaction. */
  readonly attempted: (seconds: number, result: 'committed' | 'failed') => void;
  /** Something failed for an error of this class, and is tried again. */
  readonly failed: (errorClass: string) => void;
  /** A record became a dead letter. */
  readonly deadLettered: (reason: DeadLetterReason) => void;
}

export const UNOBSERVED: DrainObserver = {
  cut: () => undefined,
  attempted: () => undefined,
  failed: () => undefined,
  deadLettered: () => undefined,
};
