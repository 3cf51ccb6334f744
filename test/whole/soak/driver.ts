import { setTimeout as delay } from 'node:timers/promises';
import type { PlannedRequest } from './requests.js';
import type { Sender } from './sender.js';
import type { SoakService } from './soak-service.js';
import type { Stream } from './stream.js';

export interface DriverOptions {
  /** Senders at each service, one request at a time each. */
  readonly connections: number;
  /** Events a second, of all senders together. */
  readonly rate: number;
}

/** A time in which one service acknowledged nothing. */
export interface Stall {
  readonly service: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const RETRY_AFTER_MS = 50;
/** Requests that wait for the store beside those that do not, per service: with PostgreSQL away each takes 10 s. */
const MAX_WAITING = 4;
/** Shorter ones are of no interest. */
const STALL_MS = 100;

/** Senders that follow one stream of requests to the services, and remember how long they were not acknowledged. */
export class Driver {
  readonly stalls: Stall[] = [];
  readonly #acknowledgedAt = new Map<string, number>();
  readonly #waiting = new Map<string, Set<Promise<void>>>();
  #nextAt = 0;
  /** Without pauses, as fast as they can. */
  isInHurry = false;
  #hasLeft = false;

  constructor(
    private readonly stream: Stream,
    private readonly sender: Sender,
    private readonly services: readonly SoakService[],
    private readonly options: DriverOptions,
  ) {}

  /** Sends until the signal is aborted, then until everything begun has its answer. */
  async drive(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    for (const { name } of this.services) this.#acknowledgedAt.set(name, now);
    const senders = this.services.flatMap((service) =>
      Array.from({ length: this.options.connections }, () => this.#follow(service, signal)),
    );
    await Promise.all(senders);
    await Promise.all([...this.#waiting.values()].flatMap((waiting) => [...waiting]));
  }

  /** Nobody waits for answers any more. */
  leave(): void {
    this.#hasLeft = true;
  }

  async #follow(service: SoakService, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const request = this.stream.next();
      await this.#pace(request.items.length);
      const waiting = this.#waiting.get(service.name) ?? new Set();
      this.#waiting.set(service.name, waiting);
      if (request.isWaiting && waiting.size < MAX_WAITING) {
        const carried = this.#carry(service, request).finally(() => waiting.delete(carried));
        waiting.add(carried);
      } else await this.#carry(service, { ...request, isWaiting: false });
    }
  }

  async #carry(service: SoakService, request: PlannedRequest): Promise<void> {
    while (!this.#hasLeft) {
      const ending = await this.sender.send(service.url, request);
      if (ending === 'answered') this.#acknowledged(service.name);
      if (ending === 'answered' || ending === 'wrong' || !request.isPersistent) return;
      await delay(RETRY_AFTER_MS);
    }
  }

  async #pace(events: number): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + (this.isInHurry ? 0 : (events / this.options.rate) * 1000);
    if (at > now && !this.isInHurry) await delay(at - now);
  }

  #acknowledged(service: string): void {
    const toMs = performance.now();
    const fromMs = this.#acknowledgedAt.get(service) ?? toMs;
    this.#acknowledgedAt.set(service, toMs);
    if (toMs - fromMs > STALL_MS) this.stalls.push({ service, fromMs, toMs });
  }
}
