import { toError } from '../../lib/errors.js';
import type { BatchAnswer } from './answer.js';
import type { Batch } from './batches.js';
import type { Tally } from './tally.js';

export interface RunOptions {
  readonly batches: AsyncGenerator<Batch, void>;
  /** Rejects when going on makes no sense; null: it was stopped before an answer. */
  readonly post: (body: Buffer, events: number) => Promise<BatchAnswer | null>;
  readonly tally: Tally;
  /** Requests under way at once. */
  readonly concurrency: number;
  /** From outside, and by the first failure: what is under way is finished, nothing new is begun. */
  readonly stop: AbortController;
  readonly onAnswered: (batch: Batch) => void;
}

/**
 * Posts every batch, several at a time, in no order among them.
 *
 * @returns the failure that ended it early, else null; whether it was stopped is for `stop` to say
 */
export async function run({
  batches,
  post,
  tally,
  concurrency,
  stop,
  onAnswered,
}: RunOptions): Promise<Error | null> {
  const failures: Error[] = [];
  const isOver = (): boolean => stop.signal.aborted;

  const carry = async (): Promise<void> => {
    while (!isOver()) {
      const next = await batches.next();
      // A batch that was cut when the stop came is as good as not read.
      if (next.done === true || isOver()) return;
      const batch = next.value;
      tally.sent(batch);
      if (batch.items.length > 0) {
        const answer = await post(batch.body, batch.items.length);
        if (answer === null) return;
        tally.answered(batch, answer);
      }
      onAnswered(batch);
    }
  };
  const carryOrStop = async (): Promise<void> => {
    try {
      await carry();
    } catch (error) {
      failures.push(toError(error));
      stop.abort();
    }
  };

  await Promise.all(Array.from({ length: concurrency }, carryOrStop));
  return failures[0] ?? null;
}
