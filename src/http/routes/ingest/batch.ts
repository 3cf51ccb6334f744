import { type AcceptInput, accept, type Verdict } from '../../../events/accept.js';
import type { DoorObserver, Outcome } from '../../deps.js';
import { firstCode, type Mistake, Problem } from '../../errors.js';
import type { Delivery, Judgement } from '../../judging/judgement.js';
import { MAX_EVENTS_PER_REQUEST } from '../../limits.js';
import type { BatchAnswer } from '../../schemas/ingest.js';

/** Every rejected event is told; after this many of them, only the first mistake of each. */
const MAX_DETAILED = 1_000;
const MAX_MISTAKES = 10;

export type BatchItem = Omit<AcceptInput, 'receivedAt' | 'source' | 'pathCallId'>;

/** The events of one request, judged one by one. */
export class Batch {
  readonly records: Buffer[] = [];
  /** Per event its id, or null when rejected. */
  readonly #ids: (string | null)[] = [];
  readonly #rejected: { index: number; errors: Mistake[] }[] = [];

  constructor(readonly delivery: Delivery) {}

  get size(): number {
    return this.#ids.length;
  }

  /**
   * @param locate turns pointers into the event into pointers into what was received
   * @throws Problem `too_many_events`
   */
  add(event: BatchItem, locate: (pointer: string) => string = asItIs): void {
    this.#makeRoom();
    this.#settle(accept({ ...event, ...this.delivery }), locate);
  }

  /**
   * As `add`, for an event that has been judged.
   * @throws Problem `too_many_events`
   */
  take(judgement: Judgement): void {
    this.#makeRoom();
    if ('fault' in judgement) this.#note([{ pointer: '', ...judgement.fault }]);
    else this.#settle(judgement, asItIs);
  }

  /** As `add`, for an event that has no bytes of its own, being a part of something larger. */
  addPart(event: Omit<BatchItem, 'payload'>, locate?: (pointer: string) => string): void {
    const payload = serialise(event.body);
    if (payload === null) this.reject([TOO_DEEP]);
    else this.add({ ...event, payload }, locate);
  }

  /** Counts an event that could not even be read. */
  reject(mistakes: readonly Mistake[]): void {
    this.#makeRoom();
    this.#note(mistakes);
  }

  /** To be called once, when the whole body has been read. */
  tell(observer: DoorObserver): void {
    const { source } = this.delivery;
    observer.eventsReceived(source, this.size);
    for (const { errors } of this.#rejected) observer.eventRejected(source, firstCode(errors));
  }

  /** @param outcomes one per record; null: not waited for */
  answer(outcomes: readonly Outcome[] | null): BatchAnswer {
    const answer = {
      accepted: this.records.length,
      rejected: this.#rejected.length,
      ids: this.#ids,
      errors: this.#rejected,
    };
    if (outcomes === null) return answer;
    let next = 0;
    return { ...answer, statuses: this.#ids.map((id) => (id === null ? null : (outcomes[next++] ?? null))) };
  }

  /** The status the answer goes with. */
  status(outcomes: readonly Outcome[] | null): 200 | 202 | 207 | 422 {
    if (this.records.length === 0) return 422;
    if (this.#rejected.length > 0) return 207;
    return outcomes === null ? 202 : 200;
  }

  #makeRoom(): void {
    if (this.size < MAX_EVENTS_PER_REQUEST) return;
    const message = `at most ${MAX_EVENTS_PER_REQUEST.toLocaleString('en-US')} events in one request`;
    throw new Problem('too_many_events', {
      detail: `There may be ${message}; none of these was taken.`,
      errors: [{ pointer: '', code: 'too_many_events', message }],
    });
  }

  #settle(verdict: Verdict, locate: (pointer: string) => string): void {
    if (verdict.ok) {
      this.records.push(verdict.record);
      this.#ids.push(verdict.eventId);
    } else this.#note(verdict.errors.map((error) => ({ ...error, pointer: locate(error.pointer) })));
  }

  #note(mistakes: readonly Mistake[]): void {
    const most = this.#rejected.length < MAX_DETAILED ? MAX_MISTAKES : 1;
    this.#rejected.push({ index: this.size, errors: mistakes.slice(0, most) });
    this.#ids.push(null);
  }
}

const TOO_DEEP: Mistake = { pointer: '', code: 'too_deep', message: 'the event is nested far too deep' };

/** Null for an event nested so deep that it has no text: JSON.stringify calls itself for each level. */
function serialise(event: unknown): Buffer | null {
  try {
    return Buffer.from(JSON.stringify(event));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function asItIs(pointer: string): string {
  return pointer;
}
