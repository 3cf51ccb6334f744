import { readFileSync } from 'node:fs';
import type pg from 'pg';
import t, { type Test } from 'tap';
import { accept, type AcceptInput } from '../../src/events/accept.js';
import { decodeRecord } from '../helpers/records.js';
import type { UtcTime } from '../../src/lib/time.js';
import { createPool } from '../../src/store/database.js';
import { cleanUp } from '../../src/upkeep/cleanup.js';
import { deleteDeadLetter, deleteDeadLettersBefore } from '../../src/upkeep/dead-letters/delete.js';
import { letterId, parseLetterId } from '../../src/upkeep/dead-letters/letter-id.js';
import {
  type DeadLetter,
  type DeadLettersQuestion,
  listDeadLetters,
} from '../../src/upkeep/dead-letters/read.js';
import { type Append, replayDeadLetter, replayDeadLetters } from '../../src/upkeep/dead-letters/replay.js';
import { accountOf, type DrainHouse, IN_TIME_MS, openHouse, until } from '../helpers/drain.js';
import { callOf, clickOf, RECEIVED_AT, recordOf, resultOf } from '../helpers/events.js';
import { createMigratedDatabase, type TestDatabase } from '../helpers/postgres.js';
import { root } from '../helpers/program.js';

// A slow machine is no failure.
t.setTimeout(180_000);

const never = new AbortController().signal;
const SPOOL = '0198c0de-0000-7000-8000-00000000000a';

function upkeepPool(t: Test, db: TestDatabase): pg.Pool {
  const options = { name: 'upkeep', max: 3, statementTimeoutMs: 0 };
  const pool = createPool({ connectionString: db.url }, options, () => undefined);
  t.teardown(() => pool.end());
  return pool;
}

async function drain(
  t: Test,
  house: DrainHouse,
  records: readonly Uint8Array[],
): Promise<readonly string[] | null> {
  const { first, count } = await house.spool.append(records);
  const outcomes = await house.drain.outcomes(first, count, IN_TIME_MS);
  t.ok(outcomes, 'drained in time');
  return outcomes;
}

/** Puts a letter into the table, for what a drain writes only after strange things have happened. */
async function putLetter(
  pool: pg.Pool,
  sequence: number,
  fields: Readonly<Record<string, unknown>>,
): Promise<string> {
  const letter = {
    ...{
      reason: 'unstorable',
      detail: 'made by the test',
      event_type: 'click',
      call_id: 'c',
      event_id: `k${sequence}`,
    },
    ...{
      source: 'tester',
      received_at: RECEIVED_AT,
      dead_lettered_at: RECEIVED_AT,
      payload: Buffer.from('{}'),
      replays: 0,
    },
    ...fields,
  };
  const columns = Object.keys(letter);
  await pool.query(
    `insert into dead_letters (spool_id, sequence, ${columns.join(', ')})
     values ($1, $2, ${columns.map((_, index) => `$${index + 3}`).join(', ')})`,
    [SPOOL, sequence, ...Object.values(letter)],
  );
  return letterId({ spool_id: SPOOL, sequence });
}

async function everyLetter(
  pool: pg.Pool,
  question: DeadLettersQuestion,
): Promise<{ readonly letters: DeadLetter[]; readonly pages: number[] }> {
  const letters: DeadLetter[] = [];
  const pages: number[] = [];
  let { after } = question;
  do {
    const page = await listDeadLetters(pool, { ...question, after });
    letters.push(...page.letters);
    pages.push(page.letters.length);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return { letters, pages };
}

t.test('the id of a letter is a word for a URL, and is read back strictly', async (t) => {
  const key = { spool_id: SPOOL, sequence: 2 ** 53 - 1 };
  t.strictSame(parseLetterId(letterId(key)), key);
  t.equal(encodeURIComponent(letterId(key)), letterId(key));
  for (const text of [
    ...[
      '',
      '.',
      '1',
      SPOOL,
      `${SPOOL}.`,
      `${SPOOL}.0`,
      `${SPOOL}.01`,
      `${SPOOL}.-1`,
      `${SPOOL}.1e3`,
      `${SPOOL}.1 `,
    ],
    ...[`${SPOOL}.9007199254740992`, `${SPOOL}.99999999999999999`, `${SPOOL}:1`, `${SPOOL.toUpperCase()}.1`],
    ...[`${SPOOL}.1\n`, ` ${SPOOL}.1`, `${SPOOL.replaceAll('-', '')}.1`, `{${SPOOL}}.1`, `${SPOOL}.1.1`],
  ])
    t.equal(parseLetterId(text), undefined, text);
});

t.test('letters are shown newest first with payloads exactly as received, whatever the bytes', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = upkeepPool(t, db);
  const house = await openHouse(t, db.url);
  const payload = Buffer.from(
    ' {"type": "click", "call_id":"c", "event_id":"k", "user_id": "\\u00e9 é 🎲\\n"}\r',
  );
  const body = JSON.parse(payload.toString()) as Record<string, unknown>;
  await drain(t, house, [recordOf(clickOf('c', 'k'))]);
  await drain(t, house, [recordOf(body, payload)]);
  const bytes = Buffer.from([0x00, 0xff, 0xfe, 0x7b, 0x00, 0xc3, 0x28, 0xed, 0xa0, 0x80]);
  await drain(t, house, [bytes]);
  const nul = Buffer.from('\ufeff{"raw":"\u0000"}');
  await drain(t, house, [nul]);

  const { letters, next } = await listDeadLetters(pool, { limit: 10 });
  t.equal(next, null);
  const unreadable = {
    event_type: null,
    call_id: null,
    event_id: null,
    source: null,
    received_at: null,
    replays: 0,
  };
  t.match(letters, [
    { reason: 'corrupt', ...unreadable, payload: nul.toString(), payload_base64: nul.toString('base64') },
    { reason: 'corrupt', ...unreadable, payload: null, payload_base64: bytes.toString('base64') },
    {
      ...{
        reason: 'conflict',
        event_type: 'click',
        call_id: 'c',
        event_id: 'k',
        source: 'tester',
        replays: 0,
      },
      ...{ received_at: RECEIVED_AT, dead_lettered_at: /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z$/ },
      ...{ payload: payload.toString(), payload_base64: payload.toString('base64') },
    },
  ]);
  t.equal(Buffer.from(letters[0]?.payload ?? '').compare(nul), 0, 'the text is the bytes');

  const [kept, gone] = letters.map(({ id }) => id);
  t.equal(await deleteDeadLetter(pool, gone ?? ''), true);
  t.equal(await deleteDeadLetter(pool, gone ?? ''), false);
  t.equal(await deleteDeadLetter(pool, 'nonsense'), false);
  t.strictSame(
    (await listDeadLetters(pool, { limit: 1, reason: 'corrupt' })).letters.map(({ id }) => id),
    [kept],
  );
  t.match(accountOf(house), { accepted: 4, stored: 1, deadLetter: 3 }, 'what was counted stays counted');
});

t.test(
  'pages go on where the last one ended, by count and by bytes, while letters come and go',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db);
    const times = [
      '2025-10-22T06:00:00.000001Z',
      '2025-10-22T06:00:00.000002Z',
      '2025-10-22T06:00:00.000003Z',
    ];
    for (let sequence = 1; sequence <= 20; sequence++) {
      const reason = sequence % 2 === 0 ? 'conflict' : 'data_error';
      await putLetter(pool, sequence, { reason, dead_lettered_at: times[Math.floor(sequence / 8)] });
    }
    const sequences = (letters: readonly DeadLetter[]): (number | undefined)[] =>
      letters.map(({ id }) => parseLetterId(id)?.sequence);
    const down = Array.from({ length: 20 }, (_, index) => 20 - index);
    const all = await everyLetter(pool, { limit: 7 });
    t.strictSame([sequences(all.letters), all.pages], [down, [7, 7, 6]]);
    t.strictSame((await everyLetter(pool, { limit: 10 })).pages, [10, 10]);
    const conflicts = await everyLetter(pool, { limit: 3, reason: 'conflict' });
    t.strictSame(
      sequences(conflicts.letters),
      down.filter((sequence) => sequence % 2 === 0),
    );

    const first = await listDeadLetters(pool, { limit: 5 });
    await putLetter(pool, 21, { dead_lettered_at: '2025-10-23T00:00:00Z' });
    t.ok(await deleteDeadLetter(pool, first.next?.id ?? ''));
    const second = await listDeadLetters(pool, { limit: 5, after: first.next ?? undefined });
    t.strictSame(sequences(second.letters), [15, 14, 13, 12, 11]);
    await t.rejects(
      listDeadLetters(pool, { limit: 5, after: { deadLetteredAt: RECEIVED_AT, id: 'x' } }),
      RangeError,
    );

    await pool.query('truncate dead_letters');
    // Of three quarters of a MiB: two begin within the first MiB. The last page is a single one that is larger than a page.
    for (const [index, quarters] of [3, 3, 3, 5].entries())
      await putLetter(pool, 10 - index, { payload: Buffer.alloc(quarters * 2 ** 18, 'x') });
    t.strictSame((await everyLetter(pool, { limit: 10 })).pages, [2, 2]);
    await putLetter(pool, 11, { payload: Buffer.alloc(9 * 2 ** 18, 'x') });
    t.strictSame((await everyLetter(pool, { limit: 10 })).pages, [1, 2, 2]);
  },
);

t.test(
  'letters from before a time are deleted, those at it stay; an abort ends between two batches',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db);
    const before: UtcTime = '2025-10-22T05:00:00.000000Z';
    await pool.query(
      `insert into dead_letters (spool_id, sequence, reason, detail, payload, dead_lettered_at)
     select $1, n, 'corrupt', '', '', $2::timestamptz + (n % 3 - 1) * interval '1 microsecond'
     from generate_series(1, 9000) n`,
      [SPOOL, before],
    );
    t.strictSame(await deleteDeadLettersBefore(pool, before, AbortSignal.abort()), {
      deleted: 0,
      stopped: true,
    });
    t.strictSame(await deleteDeadLettersBefore(pool, before, never), { deleted: 3000, stopped: false });
    t.strictSame(await deleteDeadLettersBefore(pool, before, never), { deleted: 0, stopped: false });
    const { rows } = await pool.query<{ earliest: string; left: number }>(
      'select min(dead_lettered_at) as earliest, count(*) as left from dead_letters',
    );
    t.strictSame(rows, [{ earliest: before, left: 6000 }]);
  },
);

t.test(
  'a replayed record is the one that was accepted, but for one more replay, wherever its ids came from',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db);
    const lines = readFileSync(`${root}test/fixtures/events.ndjson`, 'utf8').trimEnd().split('\n');
    const json = (body: unknown, space?: number): Pick<AcceptInput, 'body' | 'payload'> => ({
      body,
      payload: Buffer.from(JSON.stringify(body, null, space)),
    });
    const call = {
      call_type: 'good_ev',
      book_a: 'x',
      odds_a: 110,
      roi_percent: -0,
      raw: { b: 1, 1: 'é', a: [1e21] },
    };
    const inputs: Omit<AcceptInput, 'receivedAt' | 'source'>[] = [
      ...lines.map((line) => ({ body: JSON.parse(line) as unknown, payload: Buffer.from(line) })),
      { body: undefined, payload: Buffer.alloc(0), type: 'click', pathCallId: 'path' },
      { body: undefined, payload: Buffer.alloc(0), type: 'click', pathCallId: 'path', idempotencyKey: 'key' },
      { ...json({ user_id: 'u', call_id: 'path' }), type: 'click', pathCallId: 'path', idempotencyKey: 'k' },
      { ...json({ outcome: 'void', settled_at: null }, 2), type: 'result', pathCallId: 'path' },
      {
        ...json({ ...call, sent_at: '2025-10-22T05:00:00.5+02:00', type: 'call' }),
        type: 'call',
        idempotencyKey: 'é',
      },
      { ...json(call), type: 'call' },
      { ...json({ ...call, sport: ' ', sent_at: '', book_b: '\u200b' }), type: 'call' },
      { body: call, payload: Buffer.from(`\ufeff${JSON.stringify(call)}`), type: 'call' },
    ];
    const originals = inputs.map((input) => {
      const verdict = accept({ ...input, receivedAt: '2026-11-20T00:00:00.000001Z', source: 'key of "x"' });
      if (!verdict.ok) throw new Error(JSON.stringify(verdict));
      return verdict.record;
    });
    // Each is refused by the database, whatever it is.
    await pool.query(`
    create function refuse() returns trigger language plpgsql as $$
    begin raise exception 'made by the test' using errcode = '23514'; end $$`);
    for (const table of ['calls', 'clicks', 'results'])
      await pool.query(
        `create trigger refuse before insert on ${table} for each row execute function refuse()`,
      );
    const house = await openHouse(t, db.url);
    t.strictSame(
      await drain(t, house, originals),
      originals.map(() => 'dead_letter'),
    );

    const replayed: Buffer[] = [];
    const append: Append = async (records) => replayed.push(...records.map((record) => Buffer.from(record)));
    const { letters } = await everyLetter(pool, { limit: 100 });
    for (const { id } of letters.reverse()) t.equal(await replayDeadLetter(pool, append, id), true);
    t.strictSame(
      replayed.map(decodeRecord),
      originals.map(decodeRecord).map((record) => ({ ...record, replays: 1 })),
    );
    t.strictSame((await listDeadLetters(pool, { limit: 1 })).letters, []);
  },
);

t.test(
  'what fails again is a letter that remembers its replays, and is not replayed with all again',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db);
    await pool.query(`alter table clicks add constraint no_poison check (user_id is distinct from 'poison')`);
    const house = await openHouse(t, db.url);
    const append: Append = (records) => house.spool.append(records);
    const click = clickOf('c', 'k', { user_id: 'poison' });
    await drain(t, house, [recordOf(click)]);
    const replays = async (): Promise<number[]> => {
      t.ok(await house.drain.flush(IN_TIME_MS));
      return (await listDeadLetters(pool, { limit: 10 })).letters.map((letter) => letter.replays);
    };
    t.strictSame(await replayDeadLetters(pool, append, never), { replayed: 1, refused: 0, stopped: false });
    t.strictSame(await replays(), [1]);
    t.strictSame(await replayDeadLetters(pool, append, never), { replayed: 0, refused: 0, stopped: false });
    const [letter] = (await listDeadLetters(pool, { limit: 1 })).letters;
    t.equal(await replayDeadLetter(pool, append, letter?.id ?? ''), true, 'but alone, on request');
    t.strictSame(await replays(), [2]);
    t.match(accountOf(house), { accepted: 3, stored: 0, deadLetter: 3, spooled: 0 });

    await pool.query('alter table clicks drop constraint no_poison');
    const [again] = (await listDeadLetters(pool, { limit: 1 })).letters;
    t.equal(await replayDeadLetter(pool, append, again?.id ?? ''), true);
    t.strictSame(await replays(), []);
    t.match(accountOf(house), { accepted: 4, stored: 1, deadLetter: 3, spooled: 0 });
    t.strictSame(await drain(t, house, [recordOf(click)]), ['duplicate'], 'it is the event the sender knows');
  },
);

t.test('a conflict is stored once its rival is gone, with its own values', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = upkeepPool(t, db);
  const house = await openHouse(t, db.url);
  const append: Append = (records) => house.spool.append(records);
  await drain(t, house, [
    recordOf(callOf('c', { league: 'first' })),
    recordOf(callOf('c', { league: 'second' })),
  ]);
  const replay = async (): Promise<void> => {
    const [letter] = (await listDeadLetters(pool, { limit: 1 })).letters;
    t.equal(await replayDeadLetter(pool, append, letter?.id ?? ''), true);
    t.ok(await house.drain.flush(IN_TIME_MS));
  };
  await replay();
  t.match(
    (await listDeadLetters(pool, { limit: 2 })).letters,
    [{ reason: 'conflict', replays: 1 }],
    'still there',
  );
  const cutoff = '2025-10-23T00:00:00.000000Z';
  t.match(await cleanUp(pool, { cutoff, dryRun: false, signal: never }), { deleted: { calls: 1 } });
  await replay();
  const { rows } = await pool.query('select call_id, league from calls');
  t.strictSame(rows, [{ call_id: 'c', league: 'second' }]);
  t.match(accountOf(house), { accepted: 4, stored: 2, deadLetter: 2, spooled: 0 });
});

t.test('a letter without a readable event is refused, and stays', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = upkeepPool(t, db);
  const house = await openHouse(t, db.url);
  await drain(t, house, [
    Buffer.from('no record'),
    recordOf(clickOf('c', 'k')),
    recordOf(resultOf('c', 'k')),
  ]);
  const bad = [
    { payload: Buffer.from('{') },
    { payload: Buffer.from('[]') },
    { payload: Buffer.from('{"user_id":"\xff"}', 'latin1') },
    { payload: Buffer.from('{"user_id":1}') },
    { payload: Buffer.from('{"user_id":"\\u0000"}') },
    { payload: Buffer.from('{"clicked_at":"x"}') },
    { event_type: 'call', payload: Buffer.from('{}') },
    { event_type: 'thing' },
    { event_id: null },
    { call_id: null },
    { received_at: null },
    { replays: 2 ** 31 - 1 },
  ];
  for (const [index, fields] of bad.entries()) await putLetter(pool, index + 1, fields);
  const good = await putLetter(pool, 99, { dead_lettered_at: '2025-10-23T00:00:00Z' });
  const appended: Uint8Array[] = [];
  const append: Append = async (records) => appended.push(...records);
  const { letters } = await everyLetter(pool, { limit: 100 });
  t.equal(letters.length, bad.length + 2);
  for (const { id } of letters.filter((letter) => letter.id !== good)) {
    await t.rejects(replayDeadLetter(pool, append, id), {
      name: 'NotReplayableError',
      code: 'NOT_REPLAYABLE',
    });
  }
  t.strictSame(appended, []);
  // The one that was replayed too often is not among those that are taken.
  t.strictSame(await replayDeadLetters(pool, append, never), {
    replayed: 1,
    refused: bad.length,
    stopped: false,
  });
  t.strictSame(
    appended.map((record) => decodeRecord(Buffer.from(record)).event.row),
    [
      {
        call_id: 'c',
        event_id: 'k99',
        user_id: null,
        action: 'bet',
        clicked_at: RECEIVED_AT,
        received_at: RECEIVED_AT,
      },
    ],
  );
  t.equal((await everyLetter(pool, { limit: 100 })).letters.length, bad.length + 1);
  t.strictSame(
    [await replayDeadLetter(pool, append, good), await replayDeadLetter(pool, append, 'nonsense')],
    [false, false],
  );
});

t.test(
  'a letter goes only once its record is synced: what is lost in between is there twice, and stored once',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db);
    const house = await openHouse(t, db.url);
    const append: Append = (records) => house.spool.append(records);
    const id = await putLetter(pool, 1, {});
    const isThere = async (letterId: string): Promise<boolean> =>
      (await listDeadLetters(pool, { limit: 10 })).letters.some(({ id }) => id === letterId);
    const full = new Error('the spool is full');
    await t.rejects(
      replayDeadLetter(pool, () => Promise.reject(full), id),
      full,
    );
    await t.rejects(
      replayDeadLetters(pool, () => Promise.reject(full), never),
      full,
    );
    t.ok(await isThere(id), 'it stays when the spool does not take it');

    // The connection is lost when the record is synced already.
    const killed = async (records: readonly Uint8Array[]): Promise<void> => {
      await append(records);
      await pool.query(
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where datname = current_database() and state = 'idle in transaction'`,
      );
    };
    await t.rejects(replayDeadLetter(pool, killed, id));
    t.ok(await house.drain.flush(IN_TIME_MS));
    t.ok(await isThere(id));
    t.equal(await replayDeadLetter(pool, append, id), true);
    t.ok(await house.drain.flush(IN_TIME_MS));
    t.notOk(await isThere(id));
    t.match(accountOf(house), { accepted: 2, stored: 1, duplicate: 1, deadLetter: 0 });
  },
);

t.test('two replays of one letter at the same time send it once', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = upkeepPool(t, db);
  const id = await putLetter(pool, 1, {});
  let appends = 0;
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  const append: Append = async () => {
    appends++;
    await held;
  };
  const replays = [replayDeadLetter(pool, append, id), replayDeadLetter(pool, append, id)];
  const all = replayDeadLetters(pool, append, never);
  const watcher = db.pool({ max: 1 });
  await until(async () => {
    const { rowCount } = await watcher.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rowCount === 2;
  });
  goOn();
  const outcomes = [...(await Promise.all(replays)), (await all).replayed === 1];
  t.strictSame(outcomes.filter(Boolean).length, 1);
  t.equal(appends, 1);
});

t.test(
  'all are replayed oldest first, in pieces; those that come meanwhile are not among them',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db);
    await pool.query(
      `insert into dead_letters (
       spool_id, sequence, reason, detail, event_type, call_id, event_id, received_at, payload, dead_lettered_at)
     select $1, n, 'unstorable', '', 'click', 'c', 'k' || n, $2, '{}', $2::timestamptz - n * interval '1 second'
     from generate_series(1, 1200) n`,
      [SPOOL, RECEIVED_AT],
    );
    for (const sequence of [2001, 2002, 2003])
      await putLetter(pool, sequence, { payload: Buffer.from(`{${' '.repeat(3 * 2 ** 20)}}`) });
    const pieces: string[][] = [];
    const stopping = new AbortController();
    const append: Append = async (records) => {
      const ids = records.map((record) => decodeRecord(Buffer.from(record)).event.row);
      pieces.push(ids.map((row) => ('event_id' in row ? row.event_id : '')));
      // Each brings a letter: had it to be taken too, this would go on for ever.
      await putLetter(pool, 3000 + pieces.length, { dead_lettered_at: '2999-01-01T00:00:00Z' });
      if (pieces.length === 2) stopping.abort();
    };
    t.strictSame(await replayDeadLetters(pool, append, stopping.signal), {
      replayed: 1000,
      refused: 0,
      stopped: true,
    });
    t.strictSame(await replayDeadLetters(pool, append, never), { replayed: 203, refused: 0, stopped: false });
    t.strictSame(
      pieces.map((piece) => piece.length),
      [500, 500, 201, 1, 1],
    );
    const expected = Array.from({ length: 1200 }, (_, index) => `k${1200 - index}`);
    t.strictSame(pieces.flat(), [...expected, 'k2001', 'k2002', 'k2003']);
    const { letters } = await listDeadLetters(pool, { limit: 10 });
    t.equal(letters.length, 5);
  },
);
