import { type Line, LineSplitter } from '../body/lines.js';
import { MAX_EVENTS_PER_REQUEST, MAX_JSON_BYTES } from '../limits.js';
import { type Delivery, judge, type Judgement } from './judgement.js';

/** Judges the events of one NDJSON body, one per line, while the body arrives. Blank lines do not count. */
export class LinesJudge {
  readonly #splitter = new LineSplitter(MAX_JSON_BYTES);
  #events = 0;

  constructor(private readonly delivery: Delivery) {}

  /** Of the lines that end in this chunk. */
  push(chunk: Buffer): Judgement[] {
    return this.#judgeAll(this.#splitter.push(chunk));
  }

  /** Of the line after the last line end, if there is one. */
  end(): Judgement[] {
    return this.#judgeAll(this.#splitter.end());
  }

  #judgeAll(lines: Iterable<Line>): Judgement[] {
    const judgements: Judgement[] = [];
    for (const line of lines) {
      // One more than a request may hold is enough to refuse it.
      if (this.#events > MAX_EVENTS_PER_REQUEST) break;
      if (line !== null && isBlank(line)) continue;
      this.#events++;
      judgements.push(line === null ? TOO_LONG : judge({ bytes: line, ...this.delivery }));
    }
    return judgements;
  }
}

const TOO_LONG: Judgement = {
  ok: false,
  fault: {
    code: 'line_too_long',
    message: `a line may have at most ${MAX_JSON_BYTES / 1024 / 1024} MiB`,
  },
};

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
