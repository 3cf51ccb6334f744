import type { BatchAnswer } from './answer.js';
import type { Batch } from './batches.js';
import { MAX_JSON_BYTES } from '../../http/limits.js';

export interface Rejection {
  readonly line: number;
  readonly errors: readonly { readonly pointer: string; readonly message: string }[];
}

/** How many rejections are kept to be shown. */
export const MAX_SHOWN = 20;

const TOO_LONG = [{ pointer: '', message: `a line may have at most ${MAX_JSON_BYTES / 1024 / 1024} MiB` }];

/** What became of the lines so far. Blank lines count nowhere. */
export class Tally {
  /** Lines that were sent, or are too long to be. lines = accepted + rejected + those without an answer. */
  lines = 0;
  accepted = 0;
  rejected = 0;
  /** What became of accepted ones, where the service told. */
  readonly outcomes = { stored: 0, duplicate: 0, dead_letter: 0 };
  /** Accepted ones without an id of their own: the service makes one up, a new one each time the line is sent. */
  anonymous = 0;
  /** Those with the lowest line numbers of all, in order; at most `MAX_SHOWN`. */
  firstRejections: readonly Rejection[] = [];

  sent(batch: Batch): void {
    this.lines += batch.items.length + batch.tooLong.length;
    this.#reject(batch.tooLong.map((line) => ({ line, errors: TOO_LONG })));
  }

  answered(batch: Batch, answer: BatchAnswer): void {
    const errorsAt = new Map(answer.errors.map(({ index, errors }) => [index, errors]));
    const rejections: Rejection[] = [];
    for (const [index, item] of batch.items.entries()) {
      const errors = errorsAt.get(index);
      if (errors !== undefined) {
        rejections.push({ line: item.line, errors });
        continue;
      }
      this.accepted += 1;
      const line = batch.body.subarray(item.start, batch.items[index + 1]?.start);
      this.anonymous += Number(isMadeUp(answer.ids[index] ?? '', line));
      const outcome = answer.statuses?.[index] ?? null;
      if (outcome !== null) this.outcomes[outcome] += 1;
    }
    this.#reject(rejections);
  }

  /** Sent, and no answer came. */
  get unanswered(): number {
    return this.lines - this.accepted - this.rejected;
  }

  #reject(rejections: readonly Rejection[]): void {
    if (rejections.length === 0) return;
    this.rejected += rejections.length;
    // Batches are answered in any order.
    this.firstRejections = [...this.firstRejections, ...rejections]
      .sort((a, b) => a.line - b.line)
      .slice(0, MAX_SHOWN);
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An id that the sender wrote stands in the line; where it stands there in escapes, it is no UUID. */
function isMadeUp(id: string, line: Buffer): boolean {
  return UUID.test(id) && !line.includes(id);
}
