import { MAX_TURN_MS } from '../limits.js';

/** Lets long work give the event loop its turn: `if (turn.isOver()) await turn.next()`. */
export class Turn {
  #startedAt = performance.now();

  isOver(): boolean {
    return performance.now() - this.#startedAt > MAX_TURN_MS;
  }

  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#startedAt = performance.now();
  }
}
