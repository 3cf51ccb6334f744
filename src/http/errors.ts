/** Everything the door can answer that is not a success: one table, and one way from any error into it. */
import type { FastifyError } from 'fastify';
import { errorCode } from '../lib/errors.js';

/** code → status and title. The code is part of the `type` URI; clients may branch on it, so codes never change. */
export const PROBLEMS = {
  malformed_request: [400, 'The request is not valid HTTP'],
  malformed_url: [400, 'The URL cannot be decoded'],
  invalid_request: [400, 'The request is not valid'],
  invalid_cursor: [400, 'The cursor is damaged, or not from here'],
  empty_body: [400, 'The body is empty'],
  incomplete_body: [400, 'The body ended too early'],
  malformed_body: [400, 'The body cannot be read'],
  invalid_body: [400, 'The body is not valid'],
  invalid_event: [400, 'The event is not valid'],
  unauthorized: [401, 'A valid key is needed'],
  forbidden: [403, 'The key does not open this'],
  foreign_host: [403, 'The host is not allowed'],
  forwarded_without_keys: [403, 'A proxy forwarded this, and there are no keys'],
  foreign_page: [403, 'A page of another origin may not do this'],
  not_found: [404, 'There is nothing here'],
  call_not_found: [404, 'The call is not stored, or not yet'],
  manifest_not_found: [404, 'The manifest of this export is not kept, or never was'],
  backup_not_found: [404, 'There is no such backup'],
  dead_letter_not_found: [404, 'There is no such dead letter'],
  method_not_allowed: [405, 'The method is not allowed here'],
  request_timeout: [408, 'The request took too long to arrive'],
  task_busy: [409, 'This task is running already'],
  backup_not_complete: [409, 'The backup is not complete'],
  backup_in_use: [409, 'The backup is being verified'],
  cannot_verify: [409, 'There is nothing to verify backups in'],
  body_too_large: [413, 'The body is too large'],
  too_many_events: [413, 'The body holds too many events'],
  unsupported_media_type: [415, 'The content type is not supported'],
  unsupported_encoding: [415, 'The content encoding is not supported'],
  range_not_satisfiable: [416, 'The range begins after the end'],
  inconsistent_event: [422, 'The event contradicts itself'],
  no_retention: [422, 'Calls are kept for ever unless days_to_keep says otherwise'],
  not_replayable: [422, 'The dead letter holds no event that could be read'],
  too_many_requests: [429, 'Too many requests'],
  headers_too_large: [431, 'The request headers are too large'],
  // Not of HTTP, but what proxies write into their logs for it; nobody is there to read the answer.
  client_left: [499, 'The client went away before its answer was ready'],
  internal: [500, 'Something went wrong on our side'],
  backup_failed: [500, 'The backup failed'],
  busy: [503, 'Too many request bodies are in flight'],
  spool_full: [503, 'The spool is full'],
  disk_full: [503, 'The disk is full'],
  spool_failed: [503, 'Events cannot be written to disk'],
  spool_closed: [503, 'The service is stopping'],
  stopping: [503, 'The service is stopping'],
  store_unavailable: [503, 'The database cannot be reached'],
  too_many_questions: [503, 'Too many questions are being answered'],
  question_too_slow: [503, 'The question took too long: narrow it'],
  exports_busy: [503, 'Too many exports are running'],
  flush_timeout: [504, 'Not everything was stored in time'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One mistake, and where it is. */
export interface Mistake {
  /**
   * JSON pointer into the body, '' being the whole body. Elsewhere `query:NAME`, `header:NAME` or `path:NAME`, which
   * no JSON pointer can be.
   */
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** What stands for all the mistakes of an event where one word has to do. */
export function firstCode(mistakes: readonly Pick<Mistake, 'code'>[]): string {
  return mistakes[0]?.code ?? 'unknown';
}

interface ProblemExtras {
  /** For humans; never an inner message. */
  readonly detail?: string;
  readonly errors?: readonly Mistake[];
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log only. */
  readonly cause?: unknown;
}

/** An answer that is thrown. */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly Mistake[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ProblemCode,
    extras: ProblemExtras = {},
  ) {
    const [status, title] = PROBLEMS[code];
    super(extras.detail ?? title, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.status = status;
    this.title = title;
    this.detail = extras.detail ?? `${title}.`;
    this.errors = extras.errors ?? [];
    this.headers = status === 503 ? { 'retry-after': '1', ...extras.headers } : (extras.headers ?? {});
  }
}

/** The body of the answer (RFC 9457). */
export function problemBody(problem: Problem, requestId: string): string {
  return JSON.stringify({
    type: problemType(problem.code),
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    request_id: requestId,
    errors: problem.errors,
  });
}

/** Names the kind of problem; there is nothing to fetch behind it. */
export function problemType(code: ProblemCode): string {
  return `urn:call-logger:problem:${code}`;
}

/** Errors that other rooms and the framework throw, by their `code`. */
const foreignErrors: Readonly<Record<string, ProblemCode>> = {
  JUDGING_FAILED: 'busy',
  SPOOL_FULL: 'spool_full',
  SPOOL_BUSY: 'busy',
  DISK_FULL: 'disk_full',
  SPOOL_FAILED: 'spool_failed',
  SPOOL_CLOSED: 'spool_closed',
  STORE_UNAVAILABLE: 'store_unavailable',
  TASK_BUSY: 'task_busy',
  BACKUP_GONE: 'backup_not_found',
  BACKUP_IN_USE: 'backup_in_use',
  NO_RETENTION: 'no_retention',
  NOT_REPLAYABLE: 'not_replayable',
  UPKEEP_STOPPED: 'stopping',
  STORE_BUSY: 'too_many_questions',
  QUESTION_TOO_SLOW: 'question_too_slow',
  EXPORTS_BUSY: 'exports_busy',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'empty_body',
  FST_ERR_BAD_URL: 'malformed_url',
  FST_ERR_NOT_FOUND: 'not_found',
  // A file of the docs page whose name climbs out of its folder.
  FST_STATIC_FORBIDDEN_PATH: 'not_found',
};

/** Any thrown value as a problem; what is not known becomes `internal`, which tells nothing. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (!(error instanceof Error)) return new Problem('internal', { cause: error });
  const named = errorCode(error) ?? '';
  const code = Object.hasOwn(foreignErrors, named) ? foreignErrors[named] : undefined;
  if (code === 'unsupported_media_type') return unsupportedMediaType('application/json', error);
  if (code === 'task_busy') return taskBusy(error);
  if (code === 'spool_full' || code === 'disk_full') return full(code, error);
  if (code !== undefined) return new Problem(code, { headers: retryAfter(error), cause: error });
  if (isClientError(error)) return new Problem('invalid_request', { cause: error });
  return new Problem('internal', { cause: error });
}

export function unsupportedMediaType(expected: string, cause?: unknown): Problem {
  return new Problem('unsupported_media_type', {
    detail: `The body has to be ${expected}, and the content-type header has to say so.`,
    errors: [
      { pointer: 'header:content-type', code: 'unsupported_media_type', message: `expected ${expected}` },
    ],
    cause,
  });
}

function taskBusy(error: Error): Problem {
  const task = 'task' in error && typeof error.task === 'string' ? error.task : 'task of this kind';
  const detail = `A ${task} is running already, here or beside another replica; the runs tell since when.`;
  return new Problem('task_busy', { detail, cause: error });
}

/** Says how much is left, as the spool puts it. */
function full(code: 'spool_full' | 'disk_full', error: Error): Problem {
  const detail = 'detail' in error && typeof error.detail === 'string' ? { detail: error.detail } : {};
  return new Problem(code, { ...detail, headers: retryAfter(error), cause: error });
}

function retryAfter(error: Error): Record<string, string> {
  if (!('retryAfterS' in error) || typeof error.retryAfterS !== 'number') return {};
  return { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterS))) };
}

/** An error of the framework for which the client is to blame, of a kind not in the table. */
function isClientError(error: Error & Partial<Pick<FastifyError, 'code' | 'statusCode'>>): boolean {
  const { code, statusCode = 500 } = error;
  return code !== undefined && code.startsWith('FST_') && statusCode >= 400 && statusCode < 500;
}
