import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fixtureEvents, type FixtureEvent } from '../bench/rows.js';

/** An event under its identity, and whether the service has acknowledged it. */
interface Sent {
  readonly type: FixtureEvent['type'];
  readonly callId: string;
  readonly eventId: string;
  acknowledged: boolean;
}

const RETRY_AFTER_MS = 20;
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * A sender that never gives up: posts real calls with clicks and results of their own over many connections, sends again
 * under the same ids whatever is not acknowledged, and remembers exactly what was.
 */
export class Driver {
  readonly #agent: Agent;
  readonly #sent = new Map<string, Sent>();
  /** One for each time an acknowledged event was sent, so more than #sent once answers got lost. */
  acknowledgements = 0;
  failedAttempts = 0;
  #lastAcknowledgedAt = performance.now();
  /** Longest time without any acknowledgement, in ms. */
  longestStallMs = 0;

  /**
   * @param url asked before each request: the service may come back elsewhere
   * @param run tells the ids of this run from those of others
   */
  constructor(
    private readonly url: () => string,
    private readonly connections: number,
    private readonly run = randomUUID().slice(0, 8),
  ) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Posts until the signal is aborted, then until everything begun is acknowledged. */
  async drive(signal: AbortSignal): Promise<void> {
    const calls = fixtureEvents().filter((event) => event.type === 'call');
    const workers = Array.from({ length: this.connections }, async (_, worker) => {
      for (let n = 0; !signal.aborted; n++) {
        const call = calls[(n * this.connections + worker) % calls.length];
        if (call !== undefined) await this.#callWithActivity(call, `${this.run}-${worker}-${n}`);
      }
    });
    await Promise.all(workers);
    this.#agent.destroy();
  }

  acknowledged(): Sent[] {
    return [...this.#sent.values()].filter((event) => event.acknowledged);
  }

  /** Everything ever sent, acknowledged or not. */
  sent(): Sent[] {
    return [...this.#sent.values()];
  }

  async #callWithActivity(call: FixtureEvent, callId: string): Promise<void> {
    const result = { outcome: 'a_won', profit_actual: 12.5, settled_at: '2026-01-02T03:04:05.678901Z' };
    // Clicks and results race their call on purpose: their order is free.
    await Promise.all([
      this.#post('call', '/v1/calls', callId, callId, { ...call, call_id: callId }),
      this.#post('click', `/v1/calls/${callId}/clicks`, callId, `${callId}-c1`, { user_id: 'u1' }),
      this.#post('click', `/v1/calls/${callId}/clicks`, callId, `${callId}-c2`, { user_id: 'u2' }),
      this.#post('result', `/v1/calls/${callId}/result`, callId, `${callId}-r`, result),
    ]);
  }

  async #post(
    type: Sent['type'],
    path: string,
    callId: string,
    eventId: string,
    body: object,
  ): Promise<void> {
    const event: Sent = { type, callId, eventId, acknowledged: false };
    this.#sent.set(`${type} ${eventId}`, event);
    const text = JSON.stringify(body);
    for (;;) {
      const status = await this.#attempt(path, eventId, text);
      if (status === 202) {
        event.acknowledged = true;
        this.acknowledgements++;
        const now = performance.now();
        this.longestStallMs = Math.max(this.longestStallMs, now - this.#lastAcknowledgedAt);
        this.#lastAcknowledgedAt = now;
        return;
      }
      if (status !== null && status !== 503) throw new Error(`${path} was answered with ${status}`);
      this.failedAttempts++;
      await delay(RETRY_AFTER_MS);
    }
  }

  /** The status, or null when there was no answer. */
  #attempt(path: string, eventId: string, body: string): Promise<number | null> {
    return new Promise((resolve) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'idempotency-key': eventId,
      };
      const sending = request(
        new URL(path, this.url()),
        { method: 'POST', agent: this.#agent, headers, timeout: REQUEST_TIMEOUT_MS },
        (response) => {
          response.resume();
          // An answer counts when it is there as a whole.
          response.on('end', () => {
            resolve(response.statusCode ?? null);
          });
          response.on('error', () => {
            resolve(null);
          });
          response.on('aborted', () => {
            resolve(null);
          });
        },
      );
      sending.on('timeout', () => sending.destroy());
      sending.on('error', () => {
        resolve(null);
      });
      sending.end(body);
    });
  }
}
