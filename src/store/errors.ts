import { errorCode, messageOf } from '../lib/errors.js';
/**
 * What an error of PostgreSQL, or of the way to it, means for a batch.
 *
 * data       the database refuses these contents and always will: halve the batch until the bad event stands alone
 * transient  the way to the database, or its state: nothing is wrong with the events, try again for as long as it takes
 * unknown    all else that PostgreSQL says: try again; if it goes on, find out whether one event is to blame
 */
export type ErrorKind = 'data' | 'transient' | 'unknown';

export interface ClassifiedError {
  readonly kind: ErrorKind;
  /** A short, stable word for logs and metrics. */
  readonly label: string;
  /** SQLSTATE or errno name, when there is one. */
  readonly code: string | undefined;
  readonly message: string;
}

/** SQLSTATE classes (PostgreSQL manual, appendix A) and the errno names a socket gives. */
const labels: Readonly<Record<string, string>> = {
  '08': 'connection',
  '22': 'data',
  '23': 'constraint',
  '25': 'transaction_state',
  '28': 'authentication',
  '40': 'rollback',
  '42': 'schema',
  '53': 'resources',
  '54': 'limit',
  '57': 'shutdown',
  '58': 'system',
  XX: 'internal',
  ECONNREFUSED: 'connection',
  ECONNRESET: 'connection',
  EPIPE: 'connection',
  ENOENT: 'connection',
  ENOTFOUND: 'connection',
  EAI_AGAIN: 'connection',
  EHOSTUNREACH: 'connection',
  ENETUNREACH: 'connection',
  ETIMEDOUT: 'timeout',
  EMFILE: 'resources',
};

/** SQLSTATE classes that speak of the database's state, never of an event. */
const transientClasses: ReadonlySet<string> = new Set(['08', '25', '28', '40', '42', '53', '57', '58']);

export function classify(error: unknown): ClassifiedError {
  const cause = rootCause(error);
  const code = errorCode(cause);
  const message = messageOf(cause);
  // Every SQLSTATE has a digit; EPIPE, of the same length, has none.
  const isState = code !== undefined && /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
  const group = isState ? code.slice(0, 2) : (code ?? '');
  // 54000 is a row too large for an index or a page; 54001 (nesting) and 54023 (arguments) speak of the statement.
  const isData = isState && (group === '22' || group === '23' || code === '54000');
  const isTransient = !isState || transientClasses.has(group);
  return {
    kind: isData ? 'data' : isTransient ? 'transient' : 'unknown',
    label: labels[group] ?? labelOfMessage(message),
    code,
    message,
  };
}

/** pg's own errors have no code. */
function labelOfMessage(message: string): string {
  if (/timeout/i.test(message)) return 'timeout';
  return /^Connection terminated|is not queryable$/.test(message) ? 'connection' : 'unknown';
}

/** For an operator, in one line. */
export function inWords({
  code,
  label,
  message,
}: Pick<ClassifiedError, 'code' | 'label' | 'message'>): string {
  return `${code ?? label}: ${message}`;
}

/** Whether the error speaks of the way to PostgreSQL or of its state, and not of what was asked of it. */
export function isUnavailable({ label }: Pick<ClassifiedError, 'label'>): boolean {
  return unavailable.has(label);
}

const unavailable: ReadonlySet<string> = new Set([
  'connection',
  'authentication',
  // Such as a database that is read-only, as after a failover until it is promoted.
  'transaction_state',
  'resources',
  'shutdown',
  'system',
  'timeout',
]);

/**
 * Whether PostgreSQL itself said, over a connection that goes on, that the statement failed. A FATAL error or a lost
 * connection says nothing about a COMMIT that was under way.
 */
export function isDefiniteFailure(error: unknown): boolean {
  const cause = rootCause(error);
  return cause instanceof Error && 'severity' in cause && cause.severity === 'ERROR';
}

/** drizzle wraps errors and puts SQL and parameters into its message, which must not travel: take what it wraps. */
function rootCause(error: unknown): unknown {
  let cause = error;
  for (let depth = 0; depth < 5 && cause instanceof Error && cause.cause !== undefined; depth++)
    cause = cause.cause;
  return cause;
}
