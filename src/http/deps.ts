/** What the door needs from the rest of the house. The rooms satisfy these by their shape; the door imports none. */
import type { FastifyBaseLogger } from 'fastify';
import type { SenderKey } from '../config/keys.js';
import type { CallsQuestion } from '../store/read/calls.js';
import type { ExportQuestion, OpenExport } from '../store/read/export/export.js';
import type { Statistics, StatisticsQuestion } from '../store/read/statistics/statistics.js';
import type { UpkeepDesk } from './deps-upkeep.js';
import type { Judging } from './judging/judging.js';
import type { Outcome } from './schemas/ingest.js';
import type { Readiness } from './schemas/health.js';
import type { ServiceStatus } from './schemas/status.js';
import type { CallRow, StoredCall } from './schemas/stored-call.js';

export type { CallRow, Outcome, Readiness, ServiceStatus, StoredCall };

/** Sets events down on the spool. */
export interface Intake {
  /**
   * Resolves once all records are synced to disk; they are appended all or none.
   * Rejects with an error whose `code` is SPOOL_FULL or DISK_FULL, with a `detail` for the sender, SPOOL_BUSY, SPOOL_FAILED
   * or SPOOL_CLOSED, perhaps with `retryAfterS` (seconds).
   */
  append(records: readonly Uint8Array[]): Promise<unknown>;
  /**
   * Like `append`, but the records are watched from before they can be drained, so that no outcome is missed.
   * `withinMs` counts from the sync.
   */
  appendWatched(records: readonly Uint8Array[], withinMs: number): Promise<WatchedAppend>;
  /** Resolves with true once all acknowledged before the call is stored or dead-lettered, false after `timeoutMs`. */
  flush(timeoutMs: number): Promise<boolean>;
}

export interface WatchedAppend {
  /**
   * One outcome per record, in their order, once PostgreSQL has committed all of them durably; null when that takes
   * longer than `withinMs` or too many are waiting. Never rejects.
   */
  readonly outcomes: Promise<readonly Outcome[] | null>;
}

/*
 * The readers reject with an error whose `code` is STORE_UNAVAILABLE while PostgreSQL is away, or QUESTION_TOO_SLOW.
 * Their members are properties and not methods, so that TypeScript checks what they take, too: the door cannot ask for
 * what the store does not know.
 */

export interface CallReader {
  readonly call: (callId: string) => Promise<StoredCall | null>;
  /**
   * Newest `sent_at` first, at equal times the greater `call_id` first.
   * @param signal nobody waits for the answer any more
   */
  readonly calls: (question: CallsQuestion, signal: AbortSignal) => Promise<readonly CallRow[]>;
}

export interface StatisticsReader {
  /**
   * May also reject with the code UNKNOWN_TIME_ZONE.
   * @param signal nobody waits for the answer any more
   */
  readonly statistics: (question: StatisticsQuestion, signal: AbortSignal) => Promise<Statistics>;
}

export interface ExportSource {
  /**
   * May also reject with the code EXPORTS_BUSY.
   * @param signal nobody waits for the export to open any more
   */
  readonly openExport: (question: ExportQuestion, signal: AbortSignal) => Promise<OpenExport>;
}

export interface StatusSource {
  /** Numbers of one tick. */
  status(): Promise<ServiceStatus>;
  readiness(): Readiness;
}

/** Hears what happens at the door, for the metrics. Never throws, and nothing waits for it. */
export interface DoorObserver {
  /** `route` is the pattern, null when none matched; `seconds` from the headers to the end of the answer. */
  readonly requestAnswered: (request: {
    readonly method: string;
    readonly route: string | null;
    readonly status: number;
    readonly seconds: number;
  }) => void;
  /** A request that never had a route. */
  readonly requestRefused: (problem: string) => void;
  /** Events were read and judged, whatever the judgement. `key` is the name of the key, null without keys. */
  readonly eventsReceived: (key: string | null, count: number) => void;
  /** One of them was rejected; `reason` is the code of its first mistake. */
  readonly eventRejected: (key: string | null, reason: string) => void;
  /** The others could not be set down and were not acknowledged. */
  readonly eventsUnacknowledged: (reason: string, count: number) => void;
}

/** The page that Prometheus reads. */
export interface MetricsPage {
  readonly contentType: string;
  /** Whether or not PostgreSQL is there. */
  readonly text: () => Promise<string>;
}

export interface AppDeps {
  readonly logger: FastifyBaseLogger;
  /** Of the service, as in package.json. */
  readonly version: string;
  /** None: every route answers without a key. */
  readonly keys: readonly SenderKey[];
  /** Beside those of loopback, the hosts that are answered without keys: in lower case, without ports. */
  readonly allowedHosts: readonly string[];
  readonly judging: Judging;
  readonly intake: Intake;
  readonly calls: CallReader;
  readonly statistics: StatisticsReader;
  readonly exports: ExportSource;
  readonly status: StatusSource;
  readonly observer: DoorObserver;
  readonly metrics: MetricsPage;
  readonly upkeep: UpkeepDesk;
  /** The source of the sender for bots in Python. */
  readonly pythonSender: string;
}
