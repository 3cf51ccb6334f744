import { Counter, Histogram, type Registry } from 'prom-client';
import { REQUEST_SECONDS } from './buckets.js';

interface AnsweredRequest {
  readonly method: string;
  /** The pattern of the route; null when none matched. */
  readonly route: string | null;
  readonly status: number;
  readonly seconds: number;
}

/**
 * What happens at the door. A route is told by its pattern and a key by its name in the configuration: nothing that a
 * client makes up becomes a label. The series of a label are looked up once and kept.
 */
export class DoorMetrics {
  readonly #durations: Histogram<'method' | 'route' | 'status'>;
  readonly #durationSeries = new Map<string, Histogram.Internal<'method' | 'route' | 'status'>>();
  readonly #refused: Counter<'problem'>;
  readonly #received: Counter<'key'>;
  readonly #rejected: Counter<'key' | 'reason'>;
  readonly #unacknowledged: Counter<'reason'>;

  /** @param senders names of keys that are told from the start, so that one that never sent anything shows */
  constructor(registry: Registry, senders: readonly string[]) {
    const registers = [registry];
    this.#durations = new Histogram({
      name: 'call_logger_http_request_duration_seconds',
      help: 'Time from the headers of a request to the end of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: REQUEST_SECONDS,
      registers,
    });
    this.#refused = new Counter({
      name: 'call_logger_http_requests_refused_total',
      help: 'Requests refused before they had a route: not HTTP, too slow to arrive, or with a URL that cannot be read.',
      labelNames: ['problem'],
      registers,
    });
    this.#received = new Counter({
      name: 'call_logger_events_received_total',
      help: 'Events read and judged at the door since the start, by the name of the key.',
      labelNames: ['key'],
      registers,
    });
    for (const key of senders) this.#received.inc({ key }, 0);
    this.#rejected = new Counter({
      name: 'call_logger_events_rejected_total',
      help: 'Events rejected at the door since the start, by the name of the key and the code of their first mistake.',
      labelNames: ['key', 'reason'],
      registers,
    });
    this.#unacknowledged = new Counter({
      name: 'call_logger_events_unacknowledged_total',
      help: 'Good events that could not be set down and were answered with 503 since the start, for the sender to send again.',
      labelNames: ['reason'],
      registers,
    });
  }

  readonly requestAnswered = (request: AnsweredRequest): void => {
    const { route, seconds } = request;
    const status = String(request.status);
    const method = route === null ? 'any' : request.method;
    const id = `${method} ${route ?? ''} ${status}`;
    let series = this.#durationSeries.get(id);
    if (series === undefined) {
      series = this.#durations.labels({ method, route: route ?? 'unmatched', status });
      this.#durationSeries.set(id, series);
    }
    series.observe(seconds);
  };

  readonly requestRefused = (problem: string): void => {
    this.#refused.inc({ problem });
  };

  /** @param key null without keys */
  readonly eventsReceived = (key: string | null, count: number): void => {
    this.#received.inc({ key: key ?? '' }, count);
  };

  readonly eventRejected = (key: string | null, reason: string): void => {
    this.#rejected.inc({ key: key ?? '', reason });
  };

  readonly eventsUnacknowledged = (reason: string, count: number): void => {
    this.#unacknowledged.inc({ reason }, count);
  };
}
