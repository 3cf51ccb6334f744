/** How far the import is, for the person in front of it. */
import { performance } from 'node:perf_hooks';
import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';
import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** @param bytes of the file that are done with these events */
  add(events: number, bytes: number): void;
  /** Something has to be tried again. */
  again(reason: string): void;
  /** A sentence that stays. */
  note(text: string): void;
  end(): void;
}

type Output = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean };

/** @param totalBytes null when nobody knows where the end is */
export function createProgress(output: WriteStream, totalBytes: number | null): Progress {
  return output.isTTY ? new BarProgress(output, totalBytes) : new PlainProgress(output, totalBytes);
}

/** Rate and time left, both over the whole run. */
class Pace {
  readonly #startMs = performance.now();
  events = 0;
  bytes = 0;

  constructor(private readonly totalBytes: number | null) {}

  add(events: number, bytes: number): void {
    this.events += events;
    this.bytes += bytes;
  }

  get text(): string {
    const elapsedS = (performance.now() - this.#startMs) / 1000;
    const rate = Math.round(this.events / Math.max(elapsedS, 0.001));
    const pace = `${this.events.toLocaleString('en-US')} events, ${rate.toLocaleString('en-US')}/s`;
    if (this.totalBytes === null || this.bytes === 0) return pace;
    const leftS = Math.round((elapsedS * Math.max(this.totalBytes - this.bytes, 0)) / this.bytes);
    return `${pace}, ${duration(leftS)} left`;
  }
}

class BarProgress implements Progress {
  readonly #pace: Pace;
  readonly #bar: SingleBar;
  #reason = '';

  constructor(
    private readonly output: WriteStream,
    totalBytes: number | null,
  ) {
    this.#pace = new Pace(totalBytes);
    this.#bar = new SingleBar(
      {
        stream: output,
        format: totalBytes === null ? '{pace}{reason}' : '{bar} {percentage}% {pace}{reason}',
        hideCursor: true,
        // The bar would take ^C for itself.
        gracefulExit: false,
        // So that it comes back under a note, and the rate falls while nothing moves.
        forceRedraw: true,
        barsize: 30,
      },
      Presets.shades_classic,
    );
    this.#bar.start(totalBytes ?? 1, 0, this.#payload());
  }

  add(events: number, bytes: number): void {
    this.#pace.add(events, bytes);
    this.#reason = '';
    this.#bar.update(this.#pace.bytes, this.#payload());
  }

  again(reason: string): void {
    this.#reason = ` · trying again: ${reason}`;
    this.#bar.update(this.#payload());
  }

  note(text: string): void {
    cursorTo(this.output, 0);
    clearLine(this.output, 0);
    this.output.write(`${text}\n`);
  }

  end(): void {
    this.#bar.update(this.#payload());
    this.#bar.stop();
  }

  #payload(): object {
    return { pace: this.#pace.text, reason: this.#reason };
  }
}

const PLAIN_EVERY_MS = 5_000;

/** A line now and then. */
class PlainProgress implements Progress {
  readonly #pace: Pace;
  readonly #timer: NodeJS.Timeout;
  /** The reason last told; the same one is told once per line of progress. */
  #told = '';

  constructor(
    private readonly output: Output,
    private readonly totalBytes: number | null,
  ) {
    this.#pace = new Pace(totalBytes);
    this.#timer = setInterval(() => {
      const { bytes, text } = this.#pace;
      const percent =
        this.totalBytes === null ? '' : `${Math.floor((bytes * 100) / Math.max(this.totalBytes, 1))}% `;
      this.note(`${percent}${text}`);
      this.#told = '';
    }, PLAIN_EVERY_MS).unref();
  }

  add(events: number, bytes: number): void {
    this.#pace.add(events, bytes);
  }

  again(reason: string): void {
    if (reason === this.#told) return;
    this.#told = reason;
    this.note(`trying again: ${reason}`);
  }

  note(text: string): void {
    this.output.write(`${text}\n`);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
