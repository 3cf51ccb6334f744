import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import type { FastifyInstance } from 'fastify';
import { buildApp } from '../../src/app.js';
import { BodyBudget } from '../../src/http/body/budget.js';
import type {
  AppDeps,
  CallReader,
  CallRow,
  DoorObserver,
  ExportSource,
  Intake,
  Outcome,
  StoredCall,
  WatchedAppend,
} from '../../src/http/deps.js';
import { judgingHere } from '../../src/http/judging/judging.js';
import { Contract, documentOf } from './contract.js';
import { idleUpkeep } from './upkeep.js';

/** Keeps what it is given, and fails or answers as a test wants it to. */
export class RecordingIntake implements Intake {
  records: Uint8Array[] = [];
  appends = 0;
  failure: Error | null = null;
  /** What becomes of each record; null: the store takes too long. */
  outcomes: readonly Outcome[] | null = null;
  flushed = true;
  flushTimeoutMs = 0;

  async append(records: readonly Uint8Array[]): Promise<void> {
    if (this.failure !== null) throw this.failure;
    this.appends += 1;
    this.records.push(...records);
  }

  async appendWatched(records: readonly Uint8Array[]): Promise<WatchedAppend> {
    await this.append(records);
    return { outcomes: Promise.resolve(this.outcomes) };
  }

  async flush(timeoutMs: number): Promise<boolean> {
    this.flushTimeoutMs = timeoutMs;
    return this.flushed;
  }
}

/** An error as other rooms throw it. */
export function codedError(code: string, extras: object = {}): Error {
  return Object.assign(new Error(`inner words about ${code}`), { code }, extras);
}

export interface TestApp {
  readonly app: FastifyInstance;
  readonly intake: RecordingIntake;
  readonly budget: BodyBudget;
  /** Every line logged so far. */
  readonly logged: Record<string, unknown>[];
}

export const unobserved: DoorObserver = {
  requestAnswered: () => undefined,
  requestRefused: () => undefined,
  eventsReceived: () => undefined,
  eventRejected: () => undefined,
  eventsUnacknowledged: () => undefined,
};

/** A store that holds nothing. */
export const noCalls: CallReader = { call: async () => null, calls: async () => [] };

type OpenExport = Awaited<ReturnType<ExportSource['openExport']>>;

/** An export of two rows, or what a test wants it to be. */
export function someExport(changes: Partial<OpenExport> = {}): OpenExport {
  return {
    columns: [
      { name: 'call_id', type: 'text', role: 'id', meaning: 'Id of the call.' },
      { name: 'label_clicks', type: 'integer', role: 'label', meaning: 'All clicks.' },
    ],
    rows: 2,
    firstSentAt: '2025-08-17T10:00:00.123456Z',
    lastSentAt: '2025-08-18T10:00:00.000000Z',
    body: Readable.from([Buffer.from('call_id,label_clicks\n'), Buffer.from('a,1\nb,2\n')], {
      objectMode: false,
    }),
    ...changes,
  };
}

/** An app whose every answer has to be in the OpenAPI document. */
export function testApp(...options: Parameters<typeof uncheckedApp>): TestApp {
  const made = uncheckedApp(...options);
  holdToDocument(made.app);
  return made;
}

export function uncheckedApp(
  overrides: Partial<AppDeps> = {},
  budget = new BodyBudget(),
  stallMs = 60_000,
): TestApp {
  const intake = new RecordingIntake();
  const logged: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'info' },
    {
      write: (line: string) => {
        // What pino writes is one JSON object per line.
        logged.push(JSON.parse(line) as Record<string, unknown>);
      },
    },
  );
  const deps: AppDeps = {
    logger,
    version: '1.2.3',
    keys: [],
    allowedHosts: [],
    judging: judgingHere,
    intake,
    calls: noCalls,
    statistics: { statistics: async () => ({ groups: [], groupsFound: 0, total: {} }) },
    exports: { openExport: async () => someExport() },
    status: {
      status: async () => ({
        spool: {
          id: 'b6d2',
          events: 1,
          bytes: 2,
          oldest_age_s: 0.25,
          limit_bytes: 3,
          last_error: null,
          last_error_at: null,
        },
        drain: { state: 'running', last_error: null, last_error_at: null },
        counts: { accepted: 5, stored: 2, duplicate: 1, dead_letter: 1, spooled: 1 },
        disk_free_bytes: null,
        disk_reserve_bytes: 4,
        store: { state: 'up' },
        schedule: {},
      }),
      readiness: () => ({ ready: true, checks: { spool: 'open', store: 'down', drain: 'retrying' } }),
    },
    observer: unobserved,
    metrics: { contentType: 'text/plain', text: async () => '' },
    upkeep: idleUpkeep(),
    pythonSender: '# a sender\n',
    ...overrides,
  };
  const app = buildApp(deps, budget, stallMs);
  return { app, intake, budget, logged };
}

let contract: Contract | undefined;

/** Complains past the request, because inside of it the error would only become another answer. */
function holdToDocument(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    // The page for people, which is about the document and not in it.
    if (request.url.startsWith('/docs')) {
      done();
      return;
    }
    // One for all: what the routes say of themselves does not depend on what is behind them.
    contract ??= new Contract(documentOf(app));
    const complaints = contract.judge({
      method: request.method,
      url: request.url,
      status: reply.statusCode,
      headers: reply.getHeaders(),
      body: bodyOf(payload, reply.getHeader('content-encoding') === 'gzip'),
    });
    if (complaints.length > 0) {
      setImmediate(() => {
        throw new Error(complaints.join('\n'));
      });
    }
    done();
  });
}

function bodyOf(payload: unknown, isGzipped: boolean): string | undefined {
  if (typeof payload === 'string') return payload;
  if (!Buffer.isBuffer(payload)) return undefined;
  return (isGzipped ? gunzipSync(payload) : payload).toString();
}

/** Listens on a free port of loopback. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

/** A call that is right in every field. */
export function someCall(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    call_id: 'call-1',
    call_type: 'arbitrage',
    sport: 'tennis',
    book_a: 'bet365',
    book_b: 'Pinnacle',
    odds_a: 110,
    odds_b: 105,
    roi_percent: 3.7,
    ...changes,
  };
}

export const someRow: CallRow = {
  call_id: 'call-1',
  call_type: 'arbitrage',
  sport: 'tennis',
  league: null,
  team_a: 'A',
  team_b: 'B',
  match_date: '2025-08-17',
  commence_time: '2025-08-17T10:00:00.123456Z',
  book_a: 'bet365',
  book_b: 'Pinnacle',
  market: null,
  odds_a: 2.1000000000000001,
  odds_b: 1e-7,
  odds_format: 'decimal',
  odds_a_decimal: 2.1,
  odds_b_decimal: null,
  roi_percent: 0.1 + 0.2,
  roi_implied_percent: -12.345678901234567,
  stake_a: 0,
  stake_b: null,
  total_stake: 999999999.9999999,
  profit_expected: -0.01,
  sent_at: '2025-08-17T10:00:00.123456Z',
  expires_at: null,
  users_notified: 3,
  notified_user_ids: ['u1', 'ü2', ''],
  clicks: 2,
  users_clicked: 1,
  users_bet: 1,
  conversion_percent: 100 / 3,
  first_clicked_at: '2025-08-17T10:00:01.000001Z',
  last_clicked_at: '2025-08-17T10:00:02.000000Z',
  outcome: 'a_won',
  profit_actual: 12.5,
  settled_at: '2025-08-18T10:00:00.000000Z',
  closing_line_a: 2.05,
  closing_line_b: null,
  clv_a: 2.4390243902439024,
  clv_b: null,
  line_movement_speed: 'fast',
  closed_at: null,
  source: null,
  raw: {
    __proto__x: 1,
    nested: { list: [1, 'two', null, { deep: 1e21 }] },
    toJSON: 'no function',
    ключ: 0.1,
  },
  received_at: '2025-08-17T10:00:00.223456Z',
};

export const someStoredCall: StoredCall = {
  ...someRow,
  results: [
    {
      event_id: 'r1',
      outcome: 'a_won',
      profit_actual: 12.5,
      closing_line_a: null,
      closing_line_b: null,
      clv_a: null,
      clv_b: null,
      line_movement_speed: null,
      closed_at: null,
      settled_at: '2025-08-18T10:00:00.000000Z',
      received_at: '2025-08-18T10:00:00.000001Z',
    },
  ],
};
