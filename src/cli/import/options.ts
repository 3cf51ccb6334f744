/** The command line of the import: what may be said, and what it means. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf } from '../../lib/errors.js';
import { MAX_EVENTS_PER_REQUEST } from '../../http/limits.js';

export interface ImportOptions {
  /** Path, or `-` for standard input. */
  readonly file: string;
  /** Of the service; ends with a slash, so that paths can be resolved against it. */
  readonly url: URL;
  /** Never to be printed. */
  readonly key: string | undefined;
  /** Most events of one request. */
  readonly batchEvents: number;
  /** Requests under way at once. */
  readonly concurrency: number;
  /** Ask what became of the events in the store, not only whether they were taken. */
  readonly wait: boolean;
  /** Compress request bodies. */
  readonly gzip: boolean;
  /** How long nothing may get through before the import ends. */
  readonly giveUpMs: number;
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `Posts a file of events (NDJSON, one JSON object per line) to a running call-logger.

  npm run import -- FILE [options]

  FILE                     .ndjson or .ndjson.gz of any size; - reads standard input (gzip is recognised)

  --url URL                the service; default http://127.0.0.1:3000
  --key-file FILE          file that holds the key (the secret alone, without its name)
  --key KEY                the key itself; npm and the process list show it, so prefer --key-file or the
                           environment variables CALL_LOGGER_KEY or CALL_LOGGER_KEY_FILE
  --batch N                events per request, 1 to 10000; default 1000
  --concurrency N          requests under way at once, 1 to 32; default 2
  --gzip                   compress what is sent
  --wait                   wait for PostgreSQL with each request and count stored, duplicate and dead letter
  --give-up-after SECONDS  end when nothing got through for so long; default 300
  -h, --help               this text

What the service cannot take at the moment (503, 429, other 5xx, a broken connection) is sent again, byte for
byte, after the time it asks for or a growing pause.

Resuming: run the same command again. Events are idempotent: one that was taken before is a duplicate and changes
nothing. That holds for events with an id of their own (call_id of a call, event_id of a click or result). Without
one the service makes up a new id each time, so sending such a line twice stores it twice; the summary counts them.

Exit code: 0 all accepted, 1 some rejected, 2 not finished, or a wrong command line.
`;

/**
 * @param environmentKey asked only when the command line names no key
 * @returns 'help' when that was asked for
 * @throws UsageError, and what `environmentKey` throws
 */
export function readOptions(
  args: readonly string[],
  environmentKey: () => string | undefined,
): ImportOptions | 'help' {
  const { values, positionals } = parse(args);
  if (values.help === true) return 'help';
  const [file, second] = positionals;
  if (file === undefined || file === '')
    throw new UsageError('name the file to import, or - for standard input');
  if (second !== undefined) throw new UsageError(`one file at a time: what is "${second}"?`);
  return {
    file,
    url: serviceUrl(values.url ?? 'http://127.0.0.1:3000'),
    key: readKey(values.key, values['key-file'], environmentKey),
    batchEvents: integer('--batch', values.batch ?? '1000', 1, MAX_EVENTS_PER_REQUEST),
    concurrency: integer('--concurrency', values.concurrency ?? '2', 1, 32),
    wait: values.wait === true,
    gzip: values.gzip === true,
    giveUpMs: integer('--give-up-after', values['give-up-after'] ?? '300', 1, 31_536_000) * 1000,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        key: { type: 'string' },
        'key-file': { type: 'string' },
        batch: { type: 'string' },
        concurrency: { type: 'string' },
        gzip: { type: 'boolean' },
        wait: { type: 'boolean' },
        'give-up-after': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${name} is a whole number from ${min} to ${max}, not "${text}"`);
}

function serviceUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:/i.test(text)) {
    throw new UsageError('--url is the address of the service, such as http://127.0.0.1:3000');
  }
  const url = new URL(text);
  // It may hold a password, so the message does not repeat it.
  if (url.username !== '' || url.password !== '') {
    throw new UsageError('--url holds a user or password; the service knows keys: see --key-file');
  }
  if (url.search !== '' || url.hash !== '') throw new UsageError('--url ends before any ? or #');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function readKey(
  direct: string | undefined,
  file: string | undefined,
  environmentKey: () => string | undefined,
): string | undefined {
  if (direct !== undefined && file !== undefined) throw new UsageError('--key and --key-file: keep one');
  const key = direct ?? (file === undefined ? environmentKey() : readKeyFile(file));
  if (key === undefined || /^[\x21-\x7e]+$/.test(key)) return key;
  throw new UsageError('the key is empty or holds more than printable ASCII without spaces');
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`--key-file: ${messageOf(error)}`);
  }
}
