import { Counter, Histogram, type Registry } from 'prom-client';
import { EVENTS, INSERT_SECONDS } from './buckets.js';
import { DRAIN_STATES, type DrainFacts } from './facts.js';
import { StateGauge } from './state-gauge.js';

const CUT_CAUSES = ['size', 'gap', 'age', 'flush'] as const;
const DEAD_LETTER_REASONS = ['conflict', 'corrupt', 'data_error', 'unstorable'] as const;
const RESULTS = ['committed', 'failed'] as const;

/** The way from the spool into PostgreSQL. */
export class DrainMetrics {
  readonly #batches: Histogram<'cause'>;
  readonly #inserts: Histogram<'result'>;
  readonly #retries: Counter<'class'>;
  readonly #settled: Counter<'outcome'>;
  readonly #deadLetters: Counter<'reason'>;
  readonly #state: StateGauge<DrainFacts['state']>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#batches = new Histogram({
      name: 'call_logger_drain_batch_events',
      help: 'Events in a batch, by what closed it: it was full (size), the next event is not its neighbour on the spool (gap), its first event had waited long enough (age), somebody flushed (flush).',
      labelNames: ['cause'],
      buckets: EVENTS,
      registers,
    });
    for (const cause of CUT_CAUSES) this.#batches.zero({ cause });
    this.#inserts = new Histogram({
      name: 'call_logger_drain_insert_duration_seconds',
      help: 'Time of one attempt to write a batch, from asking for a connection to the end of its transaction.',
      labelNames: ['result'],
      buckets: INSERT_SECONDS,
      registers,
    });
    for (const result of RESULTS) this.#inserts.zero({ result });
    this.#retries = new Counter({
      name: 'call_logger_drain_retries_total',
      help: 'Attempts of the drain that failed since the start and were followed by another, of the whole batch or of its halves, by the class of the error.',
      labelNames: ['class'],
      registers,
    });
    this.#settled = new Counter({
      name: 'call_logger_events_settled_total',
      help: 'What became of accepted events, counted across restarts; absent until PostgreSQL was there for the first time.',
      labelNames: ['outcome'],
      registers,
    });
    this.#deadLetters = new Counter({
      name: 'call_logger_dead_letters_total',
      help: 'Dead letters made since the start, by reason.',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of DEAD_LETTER_REASONS) this.#deadLetters.inc({ reason }, 0);
    const name = 'call_logger_drain_state';
    this.#state = new StateGauge(registry, name, '1 for the state the drain is in.', DRAIN_STATES);
  }

  readonly cut = (events: number, cause: (typeof CUT_CAUSES)[number]): void => {
    this.#batches.observe({ cause }, events);
  };

  readonly attempted = (seconds: number, result: (typeof RESULTS)[number]): void => {
    this.#inserts.observe({ result }, seconds);
  };

  readonly failed = (errorClass: string): void => {
    this.#retries.inc({ class: errorClass });
  };

  readonly deadLettered = (reason: (typeof DEAD_LETTER_REASONS)[number]): void => {
    this.#deadLetters.inc({ reason });
  };

  set({ state, totals }: DrainFacts): void {
    this.#state.set(state);
    // Nothing rather than 0 while the totals are not known: from 0 to what they are would look like a burst.
    this.#settled.reset();
    if (totals === null) return;
    this.#settled.inc({ outcome: 'stored' }, totals.stored);
    this.#settled.inc({ outcome: 'duplicate' }, totals.duplicate);
    this.#settled.inc({ outcome: 'dead_letter' }, totals.deadLetter);
  }
}
