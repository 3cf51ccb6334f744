/**
 * An open loop: call number n is due n / rate seconds after the begin, and its latency counts from then, whether or not a
 * connection was free and whether or not this process was in time. So a server that stalls is charged for all who would
 * have come meanwhile (no coordinated omission).
 */
import { Latencies } from './latencies.js';
import { type BodyOf, callBodies } from './load-bodies.js';
import type { LoadRequest, LoadResult } from './load.js';
import { startMetronome } from './metronome.js';
import { PostConnection } from './post-connection.js';

/** How long answers may take after the last call was due. */
const PATIENCE_MS = 10_000;

export async function openLoop(
  { url, connections, durationS, prefix, eventBytes }: LoadRequest,
  ratePerS: number,
): Promise<Omit<LoadResult, 'cpuPercent'>> {
  const all = await Promise.all(
    Array.from({ length: connections }, () => PostConnection.open(`${url}/v1/calls`)),
  );
  const total = Math.max(1, Math.round(ratePerS * durationS));
  const loop = new OpenLoop(all, callBodies(prefix, eventBytes), total, ratePerS);
  await loop.run();
  for (const connection of all) connection.close();
  return {
    acknowledged: loop.acknowledged,
    errors: total - loop.acknowledged,
    seconds: Math.max(durationS, loop.seconds),
    ...loop.latencies.percentiles(),
    lagMs: loop.lags.percentiles().p99Ms,
  };
}

class OpenLoop {
  readonly latencies = new Latencies();
  /** From when a call was due, or from when a connection was free if that was later, until it was sent. */
  readonly lags = new Latencies();
  acknowledged = 0;
  #answered = 0;
  #sent = 0;
  #beganAt = 0;
  #lastAnswerAt = 0;
  /** Those that wait for work, and since when there are any. */
  readonly #idle: PostConnection[];
  #idleSince = 0;
  #end: () => void = () => undefined;

  constructor(
    connections: readonly PostConnection[],
    private readonly bodyOf: BodyOf,
    private readonly total: number,
    private readonly ratePerS: number,
  ) {
    this.#idle = [...connections];
  }

  /** From the begin to the last answer. */
  get seconds(): number {
    return (this.#lastAnswerAt - this.#beganAt) / 1000;
  }

  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => (this.#end = resolve));
    this.#beganAt = Infinity;
    const stopMetronome = await startMetronome(() => {
      this.#sendDue();
      if (performance.now() > this.#dueAt(this.total) + PATIENCE_MS) this.#end();
    });
    this.#beganAt = this.#idleSince = this.#lastAnswerAt = performance.now();
    await ended;
    stopMetronome();
  }

  #dueAt(n: number): number {
    return this.#beganAt + (n * 1000) / this.ratePerS;
  }

  #sendDue(): void {
    for (let now = performance.now(); this.#sent < this.total; now = performance.now()) {
      const due = this.#dueAt(this.#sent);
      if (due > now) return;
      const connection = this.#idle.pop();
      if (connection === undefined) return;
      this.lags.record(now - Math.max(due, this.#idleSince));
      connection.post(this.bodyOf(this.#sent++), (status) => {
        this.#answer(connection, status, due);
      });
    }
  }

  #answer(connection: PostConnection, status: number | null, due: number): void {
    const now = performance.now();
    this.#lastAnswerAt = now;
    this.#answered++;
    if (status !== null && status >= 200 && status < 300) {
      this.acknowledged++;
      this.latencies.record(now - due);
    }
    if (status !== null && this.#idle.push(connection) === 1) this.#idleSince = now;
    if (this.#answered === this.total) this.#end();
    else this.#sendDue();
  }
}
