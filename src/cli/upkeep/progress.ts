/** How far a command is, for the person in front of it. */
import type { WriteStream } from 'node:tty';
import { clearLine, cursorTo } from 'node:readline';
import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** @param total as far as it is known; 0 when it is not */
  set(what: string, done: number, total: number): void;
  /** A sentence that stays. */
  note(text: string): void;
  /** Can be called again. */
  end(): void;
}

export function createProgress(output: WriteStream): Progress {
  return output.isTTY ? new BarProgress(output) : new PlainProgress(output);
}

class BarProgress implements Progress {
  #bar: SingleBar | undefined;

  constructor(private readonly output: WriteStream) {}

  set(what: string, done: number, total: number): void {
    this.#bar ??= this.#start();
    // An estimate that was too low is no reason for more than the whole.
    this.#bar.setTotal(Math.max(total, done, 1));
    this.#bar.update(done, { what });
  }

  note(text: string): void {
    cursorTo(this.output, 0);
    clearLine(this.output, 0);
    this.output.write(`${text}\n`);
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #start(): SingleBar {
    const bar = new SingleBar(
      {
        stream: this.output,
        format: '{bar} {percentage}% {what}',
        hideCursor: true,
        // The bar would take ^C for itself.
        gracefulExit: false,
        forceRedraw: true,
        barsize: 30,
      },
      Presets.shades_classic,
    );
    bar.start(1, 0, { what: '' });
    return bar;
  }
}

const PLAIN_EVERY_MS = 5_000;

/** A line now and then. */
class PlainProgress implements Progress {
  #toldMs = performance.now();

  constructor(private readonly output: WriteStream) {}

  set(what: string, done: number, total: number): void {
    if (performance.now() - this.#toldMs < PLAIN_EVERY_MS) return;
    this.#toldMs = performance.now();
    const percent = total === 0 ? '' : `${Math.min(Math.floor((done * 100) / total), 100)}% `;
    this.note(`${percent}${what}`);
  }

  note(text: string): void {
    this.output.write(`${text}\n`);
  }

  end(): void {
    // Every line was whole.
  }
}
