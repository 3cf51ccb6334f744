import fc from 'fast-check';
import t, { type Test } from 'tap';
import { isId } from '../../src/events/identity.js';
import type { AppDeps, CallRow } from '../../src/http/deps.js';
import { cursorOf, type Place, placeOf } from '../../src/http/cursor.js';
import { DIMENSIONS, MEASURES } from '../../src/http/schemas/statistics.js';
import { utcTimeFromMs } from '../../src/lib/time.js';
import { codedError, noCalls, someRow, testApp } from '../helpers/app.js';

type CallsQuestion = Parameters<AppDeps['calls']['calls']>[0];
type StatisticsQuestion = Parameters<AppDeps['statistics']['statistics']>[0];
type Statistics = Awaited<ReturnType<AppDeps['statistics']['statistics']>>;
type Inject = (url: string) => Promise<{ statusCode: number; payload: string; json: () => unknown }>;

/** Rows of a list in its order: newest first, and ids that are not ASCII. */
function rows(count: number): CallRow[] {
  return Array.from({ length: count }, (_, i) => ({
    ...someRow,
    call_id: `ä-${count - i}`,
    sent_at: `2025-08-17T10:00:00.${String(999_999 - Math.floor(i / 2)).padStart(6, '0')}Z`,
  }));
}

/** A door behind which the questions are kept as they would be written in JSON. */
function listing(all: readonly CallRow[] = []) {
  const asked: CallsQuestion[] = [];
  const { app } = testApp({
    calls: {
      ...noCalls,
      calls: async (question) => {
        asked.push(question);
        const { after, limit } = question;
        const start = after === undefined ? 0 : all.findIndex(({ call_id }) => call_id === after.call_id) + 1;
        return all.slice(start, start + limit);
      },
    },
  });
  return { app, asked, get: (url: string) => app.inject(url) };
}

function statistics(answer: Statistics = { groups: [], groupsFound: 0, total: {} }) {
  const asked: StatisticsQuestion[] = [];
  const { app } = testApp({
    statistics: {
      statistics: async (question) => {
        asked.push(question);
        return answer;
      },
    },
  });
  return { asked, get: (url: string) => app.inject(url) };
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const GOOD_FILTERS = [
  ['call_type=good_ev', { call_type: 'good_ev' }],
  ['sport=ice%20hockey', { sport: 'ice hockey' }],
  ['league=NHL', { league: 'NHL' }],
  ['market=total_5.5%2F6', { market: 'total_5.5/6' }],
  ['book=Pinnacle', { book: 'Pinnacle' }],
  [
    `team=${encodeURIComponent("Montréal'; drop table calls; --")}`,
    { team: "Montréal'; drop table calls; --" },
  ],
  ['source=odds-api', { source: 'odds-api' }],
  ['outcome=both_won', { outcome: 'both_won' }],
  ['user_id=007', { user_id: '007' }],
  ['sport=null', { sport: 'null' }],
  ['min_roi=-9.0993&max_roi=0.30000000000000004', { min_roi: -9.0993, max_roi: 0.30000000000000004 }],
  ['from=2025-10-22', { from: '2025-10-22T00:00:00.000000Z' }],
  ['to=2025-10-22T01:01:19.250731-04:00', { to: '2025-10-22T05:01:19.250731Z' }],
  [
    'from=2025-10-22T02:00:00%2B02:00&to=2025-10-22T00:00:00.000001Z',
    { from: '2025-10-22T00:00:00.000000Z', to: '2025-10-22T00:00:00.000001Z' },
  ],
] as const;

const BAD_FILTERS = [
  ['call_type=arb', [['call_type', 'not_allowed', /arbitrage, middle, good_ev/]]],
  ['outcome=a-won', [['outcome', 'not_allowed', /a_won, b_won, both_won, push, void, unknown/]]],
  ['sport=', [['sport', 'too_short', /fewer than 1/]]],
  ['sport=%20', [['sport', 'blank', /something visible/]]],
  ['user_id=%E2%80%8B', [['user_id', 'blank', /something visible/]]],
  [`team=${'x'.repeat(257)}`, [['team', 'too_long', /more than 256/]]],
  ['user_id=a%00b', [['user_id', 'invalid_character', /U\+0000/]]],
  ['min_roi=2%25', [['min_roi', 'wrong_type', /number/]]],
  ['min_roi=', [['min_roi', 'wrong_type', /number/]]],
  ['max_roi=1e999', [['max_roi', 'out_of_range', /<= 1000000000/]]],
  ['max_roi=-Infinity', [['max_roi', 'wrong_type', /decimal digits/]]],
  ['min_roi=NaN', [['min_roi', 'wrong_type', /number/]]],
  ['from=yesterday', [['from', 'invalid_time', /RFC|offset.*2025-10-22.*"yesterday"/]]],
  ['from=2025-02-30', [['from', 'invalid_time', /day/]]],
  ['to=2025-10-22T05:00:00', [['to', 'invalid_time', /offset/]]],
  ['to=2025-10-22T05:00:00+02:00', [['to', 'invalid_time', /write %2B/]]],
  [
    'from=2025-10-22&to=2025-10-22T02:00:00%2B02:00',
    [
      ['from', 'empty_range', /less than to/],
      ['to', 'empty_range', /greater than from/],
    ],
  ],
  [
    'min_roi=3&max_roi=3&to=x',
    [
      ['to', 'invalid_time', /./],
      ['min_roi', 'empty_range', /max_roi/],
      ['max_roi', 'empty_range', /min_roi/],
    ],
  ],
  ['sport=tennis&sport=soccer', [['sport', 'wrong_type', /only once/]]],
  ['call_type=middle&call_type=middle', [['call_type', 'wrong_type', /only once/]]],
  ['min_roi=1&min_roi=1', [['min_roi', 'wrong_type', /only once/]]],
  ['sports=tennis', [['sports', 'unknown_field', /did you mean sport\?.*call_type, sport, league/]]],
  ['bookmaker=bet365', [['bookmaker', 'unknown_field', /known: .*book, team/]]],
] as const;

/** Asks and expects a 400 with exactly these mistakes. */
async function refuses(
  t: Test,
  get: Inject,
  url: string,
  mistakes: readonly (readonly [parameter: string, code: string, message: RegExp])[],
): Promise<void> {
  const answer = await get(url);
  t.equal(answer.statusCode, 400, url);
  t.match(answer.json(), {
    type: 'urn:call-logger:problem:invalid_request',
    errors: mistakes.map(([parameter, code, message]) => ({ pointer: `query:${parameter}`, code, message })),
  });
  t.equal((answer.json() as { errors: unknown[] }).errors.length, mistakes.length, url);
}

t.test('the filters are the same for calls, statistics and exports', async (t) => {
  const exported: object[] = [];
  const { app } = testApp({
    exports: {
      openExport: async (question) => {
        exported.push(question.filters);
        return Promise.reject(codedError('EXPORTS_BUSY'));
      },
    },
  });
  const exports = (url: string) => app.inject(url);
  const list = listing();
  const stats = statistics();

  t.test('what is right reaches the store as it was meant', async (t) => {
    for (const [query, filters] of GOOD_FILTERS) {
      t.equal((await list.get(`/v1/calls?${query}`)).statusCode, 200, query);
      t.strictSame(plain(list.asked.at(-1)?.filters), filters);
      t.equal((await stats.get(`/v1/stats?group_by=sport&${query}`)).statusCode, 200, query);
      t.strictSame(plain(stats.asked.at(-1)?.filters), filters);
      t.equal((await exports(`/v1/exports/clicks?${query}`)).statusCode, 503, query);
      t.strictSame(plain(exported.at(-1)), filters);
    }
  });

  t.test('what is wrong is a 400 that names the parameter and what is allowed', async (t) => {
    for (const [query, mistakes] of BAD_FILTERS) {
      await refuses(t, list.get, `/v1/calls?${query}`, mistakes);
      await refuses(t, stats.get, `/v1/stats?group_by=sport&${query}`, mistakes);
      await refuses(t, exports, `/v1/exports/calls?${query}`, mistakes);
    }
    t.equal(list.asked.length, GOOD_FILTERS.length, 'none of them was asked');
  });
});

t.test('a list of calls', async (t) => {
  t.test('has the rows value by value, without the history of results', async (t) => {
    const { get } = listing([someRow]);
    const answer = await get('/v1/calls');
    t.strictSame(answer.json(), { calls: [plain(someRow)], next_cursor: null });
    t.strictSame((await listing().get('/v1/calls')).json(), { calls: [], next_cursor: null });
  });

  t.test('comes in pages of up to 1,000, 100 unless told otherwise', async (t) => {
    const { get } = listing(rows(1_100));
    for (const [query, count] of [
      ['', 100],
      ['?limit=1', 1],
      ['?limit=1000', 1000],
    ] as const) {
      t.equal((await get(`/v1/calls${query}`)).json<{ calls: unknown[] }>().calls.length, count);
    }
    for (const limit of ['0', '1001', '-1', '1.5', '1e999', 'all', '', '0x10', '%2010', '1_0']) {
      const answer = await get(`/v1/calls?limit=${limit}`);
      t.equal(answer.statusCode, 400);
      t.match(answer.json(), { errors: [{ pointer: 'query:limit' }] });
    }
  });

  t.test('ends a page of large calls early, and goes on behind it', async (t) => {
    const raw = { text: 'x'.repeat(30_000) };
    const all = rows(700).map((row) => ({ ...row, raw }));
    const { get } = listing(all);
    const first = (await get('/v1/calls?limit=1000')).json<{ calls: CallRow[]; next_cursor: string }>();
    // The first that together have more than 4 MiB.
    t.equal(first.calls.length, Math.ceil((4 * 1024 * 1024) / JSON.stringify([raw, null]).length));
    const rest = (await get(`/v1/calls?limit=1000&cursor=${first.next_cursor}`)).json<{ calls: CallRow[] }>();
    t.equal(rest.calls[0]?.call_id, all[first.calls.length]?.call_id);
  });

  t.test('is read to its end by its cursors, each call once, and the last page has none', async (t) => {
    for (const count of [5, 6]) {
      const all = rows(count);
      const { get } = listing(all);
      const seen: string[] = [];
      let pages = 0;
      for (let cursor: string | null = ''; cursor !== null; pages += 1) {
        const answer = await get(`/v1/calls?limit=2${cursor && `&cursor=${cursor}`}`);
        const page = answer.json<{ calls: CallRow[]; next_cursor: string | null }>();
        seen.push(...page.calls.map(({ call_id }) => call_id));
        cursor = page.next_cursor;
      }
      t.strictSame(
        seen,
        all.map(({ call_id }) => call_id),
      );
      t.equal(pages, 3);
    }
  });
});

t.test('a cursor', async (t) => {
  const calls = { name: 'calls', isId };
  const taken = (cursor: string): Place | undefined => {
    try {
      return placeOf(calls, cursor);
    } catch {
      return undefined;
    }
  };
  const ids = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter(isId);
  const times = fc.integer({ min: -62_000_000_000_000, max: 250_000_000_000_000 }).map(utcTimeFromMs);
  t.test('is the position it was made of, in characters that every URL takes as they are', async (t) => {
    fc.assert(
      fc.property(ids, times, (id, time) => {
        const place = { time: time.replace('000Z', '321Z'), id };
        const cursor = cursorOf(calls, place);
        return /^[\w-]+$/.test(cursor) && JSON.stringify(placeOf(calls, cursor)) === JSON.stringify(place);
      }),
    );
    t.pass();
  });

  t.test('is refused when anything of it was changed, cut or added', async (t) => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const { get, asked } = listing(rows(10));
    for (const call_id of ['c', 'ca', 'cal', 'ä:1']) {
      const cursor = cursorOf(calls, { time: '2025-08-17T10:00:00.123456Z', id: call_id });
      for (let i = 0; i < cursor.length; i += 1) {
        t.equal(taken(cursor.slice(0, i)), undefined, 'cut');
        for (const other of `${alphabet}+/=. `) {
          if (other === cursor[i]) continue;
          const changed = cursor.slice(0, i) + other + cursor.slice(i + 1);
          if (taken(changed) !== undefined) t.fail(`${changed} is taken for ${cursor}`);
          if (taken(cursor.slice(0, i) + other + cursor.slice(i)) !== undefined) t.fail('longer');
        }
      }
      for (const bad of [`${cursor}A`, `${cursor}=`, ` ${cursor}`, cursor.slice(1), '', 'x', 'null']) {
        const answer = await get(`/v1/calls?cursor=${encodeURIComponent(bad)}`);
        t.equal(answer.statusCode, 400, bad);
        t.match(answer.json(), {
          type: 'urn:call-logger:problem:invalid_cursor',
          errors: [{ pointer: 'query:cursor', code: 'invalid_cursor' }],
        });
      }
      t.equal((await get(`/v1/calls?cursor=${cursor}`)).statusCode, 200);
      t.strictSame(asked.at(-1)?.after, { sent_at: '2025-08-17T10:00:00.123456Z', call_id });
    }
    t.equal(asked.length, 4);
  });
});

t.test('a question of statistics', async (t) => {
  const whole = {
    groupBy: ['sport'],
    measures: MEASURES,
    filters: {},
    timeZone: 'UTC',
    minCalls: 1,
    sort: { by: 'calls', descending: true },
    limit: 1000,
  };

  t.test('reaches the store with what was left out filled in', async (t) => {
    const { asked, get } = statistics();
    for (const [query, changes] of [
      ['group_by=sport', {}],
      ['group_by=book_pair,user,weekday', { groupBy: ['book_pair', 'user', 'weekday'] }],
      ['group_by=sport&measures=won,calls', { measures: ['won', 'calls'] }],
      ['group_by=sport&measures=won', { measures: ['won'] }],
      [
        'group_by=sport&measures=won&sort=-clicks',
        { measures: ['won'], sort: { by: 'clicks', descending: true } },
      ],
      ['group_by=sport&sort=sport', { sort: { by: 'sport', descending: false } }],
      ['group_by=sport&sort=-avg_clv_percent', { sort: { by: 'avg_clv_percent', descending: true } }],
      ['group_by=sport&tz=America/Argentina/Ushuaia', { timeZone: 'America/Argentina/Ushuaia' }],
      ['group_by=sport&tz=Etc/GMT%2B2', { timeZone: 'Etc/GMT+2' }],
      ['group_by=sport&min_calls=0&limit=10000', { minCalls: 0, limit: 10_000 }],
    ] as const) {
      t.equal((await get(`/v1/stats?${query}`)).statusCode, 200, query);
      t.strictSame(plain(asked.at(-1)), { ...whole, ...changes });
    }
    for (const dimension of DIMENSIONS) {
      t.equal((await get(`/v1/stats?group_by=${dimension}&sort=${dimension}`)).statusCode, 200, dimension);
    }
    for (const measure of MEASURES) {
      t.equal((await get(`/v1/stats?group_by=day&measures=${measure}&sort=-${measure}`)).statusCode, 200);
    }
  });

  t.test('that is wrong is a 400 that lists what is allowed', async (t) => {
    const { asked, get } = statistics();
    for (const [query, mistakes] of [
      ['', [['group_by', 'required', /is required/]]],
      ['group_by=', [['group_by', 'not_allowed', /"".*known: call_type, sport, .*month$/]]],
      ['group_by=sport,', [['group_by', 'not_allowed', /""/]]],
      ['group_by=sports', [['group_by', 'not_allowed', /"sports" \(did you mean sport\?\); known: /]]],
      ['group_by=toString', [['group_by', 'not_allowed', /known: /]]],
      ['group_by=calls', [['group_by', 'not_allowed', /known: /]]],
      ['group_by=sport;drop', [['group_by', 'not_allowed', /known: /]]],
      ['group_by=sport,book,sport', [['group_by', 'repeated', /has sport twice/]]],
      ['group_by=sport,book,team,day', [['group_by', 'too_many', /at most 3/]]],
      ['group_by=sport&group_by=book', [['group_by', 'wrong_type', /only once/]]],
      ['group_by=sport&measures=', [['measures', 'not_allowed', /known: calls, .*median_seconds_open$/]]],
      ['group_by=sport&measures=won,won', [['measures', 'repeated', /won twice/]]],
      [
        'group_by=x&measures=clv,profit',
        [
          ['group_by', 'not_allowed', /"x"/],
          ['measures', 'not_allowed', /"clv"/],
          ['measures', 'not_allowed', /"profit"/],
        ],
      ],
      ['group_by=sport&sort=book', [['sort', 'not_allowed', /"book".*known: sport, calls, /]]],
      ['group_by=sport&sort=-hour', [['sort', 'not_allowed', /"hour".*known: sport, calls, .*open$/]]],
      ['group_by=sport&sort=--calls', [['sort', 'not_allowed', /did you mean calls/]]],
      ['group_by=sport&limit=10001', [['limit', 'out_of_range', /10000/]]],
      ['group_by=sport&limit=0', [['limit', 'out_of_range', /1/]]],
      ['group_by=sport&min_calls=-1', [['min_calls', 'out_of_range', /0/]]],
      ['group_by=sport&min_calls=1e10', [['min_calls', 'out_of_range', /1000000000/]]],
      ['group_by=sport&cursor=x', [['cursor', 'unknown_field', /known: group_by, measures/]]],
      ...(
        [
          ['%2B02:00', /got "\+02:00" \(did you mean Etc\/GMT-2\?\)$/],
          ['+02:00', /got " 02:00" \(did you mean Etc\/GMT-2\?\)$/],
          ['-05:00', /did you mean Etc\/GMT\+5\? A \+ in a URL is read as a space: write %2B\.\)$/],
          ['UTC%2B2', /did you mean Etc\/GMT-2\?/],
          ['UTC+2', /did you mean Etc\/GMT-2\?/],
          ['-0', /did you mean UTC\?/],
          ['%2B05:30', /did you mean Asia\/Kolkata\?/],
          ['-03:30', /did you mean America\/St_Johns\?/],
          ['%2B15:00', /got "\+15:00"$/],
          ['CET', /did you mean Europe\/Paris\?/],
          ['EST5EDT', /did you mean America\/New_York\?/],
          ['Japan', /did you mean Asia\/Tokyo\?/],
          ['paris', /did you mean Europe\/Paris\?/],
          ['America/New%20York', /did you mean America\/New_York\?/],
          ['Europe/Pariss', /did you mean Europe\/Paris\?/],
          ['Etc/GMT+2', /did you mean Etc\/GMT\+2\? .*write %2B/],
          ['', /got ""$/],
          ["UTC'", /did you mean UTC\?/],
          ['Europe/Paris%00', /did you mean Europe\/Paris\?/],
          [
            'Europe/Atlantis',
            /must be UTC or an IANA time zone of the form Area\/Place.*"Europe\/Atlantis"$/,
          ],
        ] as const
      ).map(([tz, message]) => [`group_by=sport&tz=${tz}`, [['tz', 'unknown_time_zone', message]]] as const),
    ] as const) {
      await refuses(t, get, `/v1/stats?${query}`, mistakes);
    }
    t.equal(asked.length, 0);
  });

  t.test('is answered number by number, integers as integers and null as null', async (t) => {
    const groups = [
      { sport: null, hour: 0, calls: 9_007_199_254_740_991, conversion_percent: 100 / 3, won: 0 },
      { sport: 'ü"\\', hour: 23, calls: 1, conversion_percent: null, won: 1 },
      { roi_band: '<2', weekday: 7, profit_actual: -0.1 - 0.2, median_seconds_open: 1e-7 },
    ];
    const total = { calls: 3, conversion_percent: 5.659221791777689, win_percent: null };
    const { get } = statistics({ groups, groupsFound: 12, total });
    const answer = await get('/v1/stats?group_by=sport,hour');
    t.strictSame(answer.json(), { group_by: ['sport', 'hour'], groups, groups_found: 12, total });
  });
});

t.test('statistics come once more only when they have changed', async (t) => {
  let calls = 1;
  const { app } = testApp({
    statistics: {
      statistics: async () => {
        if (calls < 0) throw codedError('STORE_BUSY', { retryAfterS: 5 });
        return { groups: [], groupsFound: 0, total: { calls } };
      },
    },
  });
  const get = (known?: string) =>
    app.inject({
      url: '/v1/stats?group_by=sport',
      headers: known === undefined ? {} : { 'if-none-match': known },
    });
  const first = await get();
  t.equal(first.headers['cache-control'], 'private, max-age=15');
  t.equal(first.headers['content-type'], 'application/json; charset=utf-8');
  const etag = String(first.headers.etag);
  t.match(etag, /^W\/"[0-9a-f]{32}"$/, 'weak: the same whether it is compressed or not');
  for (const known of [etag, etag.slice(2), `"x", ${etag}`, '*']) {
    const again = await get(known);
    t.equal(again.statusCode, 304, known);
    t.equal(again.payload, '');
    t.match(again.headers, {
      etag,
      'cache-control': 'private, max-age=15',
      vary: /^Accept-Encoding, Authorization/,
    });
  }
  for (const known of ['W/"x"', etag.slice(0, -2), '']) t.equal((await get(known)).statusCode, 200, known);
  calls = 2;
  const changed = await get(etag);
  t.equal(changed.statusCode, 200);
  t.not(changed.headers.etag, etag);
  calls = -1;
  const busy = await get('*');
  t.equal(busy.statusCode, 503);
  t.match(busy.headers, { etag: undefined, 'cache-control': undefined }, 'an error is not to be kept');
});

t.test('what the store cannot answer', async (t) => {
  const failing = (error: Error) =>
    testApp({
      calls: { ...noCalls, calls: async () => Promise.reject(error) },
      statistics: { statistics: async () => Promise.reject(error) },
      exports: { openExport: async () => Promise.reject(error) },
    }).app;
  const urls = ['/v1/calls', '/v1/stats?group_by=sport', '/v1/exports/calls', '/v1/exports/clicks'];

  t.test('now, or not in time, is a 503 that says when to come back', async (t) => {
    for (const [code, problem, refused] of [
      ['STORE_UNAVAILABLE', 'store_unavailable', urls],
      ['STORE_BUSY', 'too_many_questions', urls],
      ['QUESTION_TOO_SLOW', 'question_too_slow', urls],
      ['EXPORTS_BUSY', 'exports_busy', urls.slice(2)],
    ] as const) {
      const app = failing(codedError(code, { retryAfterS: 29.5 }));
      for (const url of refused) {
        const answer = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } });
        t.equal(answer.statusCode, 503);
        t.equal(answer.headers['retry-after'], '30');
        t.equal(answer.headers['content-type'], 'application/problem+json');
        t.match(answer.json(), { type: `urn:call-logger:problem:${problem}` });
        t.notMatch(answer.payload, /inner/);
      }
    }
  });

  t.test(
    'for want of the time zone is a 400, and what nobody foresaw a 500 that tells nothing',
    async (t) => {
      const app = failing(codedError('UNKNOWN_TIME_ZONE'));
      const inject: Inject = (url) => app.inject(url);
      await refuses(t, inject, '/v1/stats?group_by=day&tz=Europe/Paris', [
        ['tz', 'unknown_time_zone', /"Europe\/Paris"/],
      ]);
      for (const url of urls) {
        const answer = await failing(new Error('inner words')).inject(url);
        t.equal(answer.statusCode, 500);
        t.notMatch(answer.payload, /inner/);
      }
    },
  );
});
