import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { sleep } from '../../lib/backoff.js';
import { type Attempt, type BatchAnswer, type Reply, judgeBatch } from './answer.js';

export interface ClientOptions {
  readonly url: URL;
  readonly key: string | undefined;
  readonly wait: boolean;
  readonly gzip: boolean;
  readonly giveUpMs: number;
  /** Ends waiting, not requests under way. */
  readonly stop: AbortSignal;
  /** Hears, for people, why something has to be tried again. */
  readonly onAgain: (reason: string) => void;
}

/** Nothing got through for the time that was allowed. */
class GaveUpError extends Error {
  override readonly name = 'GaveUpError';
}

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 30_000;
/** For one request with its answer. */
const MAX_REQUEST_MS = 120_000;

const compress = promisify(gzip);

/** Talks to the service, as often as it takes. */
export class ServiceClient {
  /** When something last got through, by the monotonic clock; shared by all requests. */
  #progressMs = -Infinity;

  constructor(private readonly options: ClientOptions) {}

  /**
   * Sends the same bytes until there is an answer.
   *
   * @param events how many are in the body
   * @returns null when stopped before an answer came
   * @throws RefusedError, GaveUpError
   */
  async post(body: Buffer, events: number): Promise<BatchAnswer | null> {
    const bytes = this.options.gzip ? await compress(body) : body;
    return this.#persist(async () => {
      const reply = await this.#exchange(`v1/events${this.options.wait ? '?wait=stored' : ''}`, {
        method: 'POST',
        body: bytes,
        headers: {
          'content-type': 'application/x-ndjson',
          ...(this.options.gzip ? { 'content-encoding': 'gzip' } : undefined),
        },
      });
      return judgeBatch(reply, events);
    });
  }

  async #persist(attempt: () => Promise<Attempt>): Promise<BatchAnswer | null> {
    const startMs = performance.now();
    for (let tries = 1; ; tries += 1) {
      if (this.options.stop.aborted) return null;
      const outcome = await attempt().catch(orNetworkFailure);
      if ('answer' in outcome) {
        this.#progressMs = performance.now();
        return outcome.answer;
      }
      this.options.onAgain(outcome.again);
      await this.#pause(pauseMs(tries, outcome.afterMs), startMs, outcome.again);
    }
  }

  async #exchange(path: string, request: RequestInit): Promise<Reply> {
    const { url, key, giveUpMs } = this.options;
    const headers = new Headers(request.headers);
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
    try {
      const response = await fetch(new URL(path, url), {
        ...request,
        headers,
        // Following would hand the key to whoever is named there.
        redirect: 'manual',
        signal: AbortSignal.timeout(Math.min(MAX_REQUEST_MS, giveUpMs)),
      });
      return {
        status: response.status,
        retryAfter: response.headers.get('retry-after'),
        text: await response.text(),
      };
    } catch (error) {
      throw new NetworkError(reasonOf(error), { cause: error });
    }
  }

  /** @throws GaveUpError once nothing has got through for too long: this request, or any other beside it */
  async #pause(ms: number, startMs: number, reason: string): Promise<void> {
    const { stop, giveUpMs } = this.options;
    const untilMs = performance.now() + ms;
    for (let nowMs = performance.now(); nowMs < untilMs && !stop.aborted; nowMs = performance.now()) {
      const leftMs = Math.max(startMs, this.#progressMs) + giveUpMs - nowMs;
      if (leftMs <= 0) {
        throw new GaveUpError(
          `nothing got through for ${Math.round(giveUpMs / 1000)} s; the last reason: ${reason}`,
        );
      }
      await sleep(Math.min(untilMs - nowMs, leftMs), stop);
    }
  }
}

/** There was no whole answer. */
class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

function orNetworkFailure(error: unknown): Attempt {
  if (!(error instanceof NetworkError)) throw error;
  return { again: error.message, afterMs: null };
}

/** fetch says "fetch failed" to everything; what it was is in the cause, which may be several. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause ?? error;
  if (cause instanceof Error && cause.message !== '') return cause.message;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message;
}

/** Spread out, so that requests that failed together do not come back together. */
function pauseMs(tries: number, askedMs: number | null): number {
  if (askedMs !== null) return askedMs + 50 + Math.random() * 200;
  const ceilingMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries - 1, 20));
  return ceilingMs / 2 + (Math.random() * ceilingMs) / 2;
}
