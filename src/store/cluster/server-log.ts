import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** What the cluster needs of a logger; pino's fits. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** PostgreSQL has no log file: its lines go into ours, so many at most and no longer than this. */
const linesPerMinute = 200;
const lineLength = 1_000;
/** Enough to say why it did not start. */
const tailLines = 20;

/** What our own asking whether it is ready yet leaves in the log, many times in a long recovery. */
const answerToProbe = 'FATAL:  the database system is starting up';

const minuteMs = 60_000;

/** Passes on what PostgreSQL writes to stderr. Always reads on, since PostgreSQL would wait on a full pipe. */
export class ServerLog {
  readonly #tail: string[] = [];
  readonly #log: Log;
  #level: keyof Log = 'info';
  #windowStart = 0;
  /** Lines since #windowStart; those above linesPerMinute were left out. */
  #lines = 0;

  constructor(stderr: Readable, log: Log) {
    this.#log = log;
    createInterface({ input: stderr }).on('line', (line) => {
      this.#pass(line.slice(0, lineLength));
    });
  }

  /** The last lines, oldest first. */
  get tail(): string {
    return this.#tail.join('\n');
  }

  #pass(line: string): void {
    if (line === answerToProbe) return;
    this.#tail.push(line);
    if (this.#tail.length > tailLines) this.#tail.shift();
    // A line without a severity goes on with the one before.
    this.#level = levelOf(line) ?? this.#level;
    if (Date.now() - this.#windowStart >= minuteMs) {
      const leftOut = this.#lines - linesPerMinute;
      if (leftOut > 0)
        this.#log.warn({ leftOut }, 'PostgreSQL log lines dropped: over the limit for a minute');
      this.#windowStart = Date.now();
      this.#lines = 0;
    }
    this.#lines += 1;
    if (this.#lines <= linesPerMinute) this.#log[this.#level]({ source: 'postgresql' }, line);
  }
}

/** Server messages begin with their severity. A refused statement or connection is no error of the cluster. */
function levelOf(line: string): keyof Log | undefined {
  const severity = /^(LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC):/.exec(line)?.[1];
  if (severity === undefined) return undefined;
  if (severity === 'PANIC') return 'error';
  return severity === 'WARNING' || severity === 'ERROR' || severity === 'FATAL' ? 'warn' : 'info';
}
