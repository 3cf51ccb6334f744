import type { Delivery, Judgement } from './judgement.js';
import { LinesJudge } from './lines-judge.js';

/** Where the events of large bodies are read, judged and made into records. */
export interface Judging {
  lines(delivery: Delivery): LinesJudging;
}

/**
 * The lines of one NDJSON body, judged in their order; each call may be made before the last one has resolved.
 * All of it may reject with an error with the code JUDGING_FAILED: the body is lost, the next one is none the worse.
 */
export interface LinesJudging {
  /** Of the lines that end in this chunk, which may be used again once this has returned. */
  push(chunk: Buffer): Promise<readonly Judgement[]>;
  /** Of the line after the last line end; nothing may be pushed after it. */
  end(): Promise<readonly Judgement[]>;
  /** To be called in any case, in the end. */
  close(): void;
}

/** In the caller's own thread. */
export const judgingHere: Judging = {
  lines: (delivery) => {
    const lines = new LinesJudge(delivery);
    return {
      push: async (chunk) => lines.push(chunk),
      end: async () => lines.end(),
      close: () => undefined,
    };
  },
};
