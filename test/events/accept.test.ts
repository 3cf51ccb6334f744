import t from 'tap';
import { MAX_LISTED_ERRORS } from '../../src/events/problem-list.js';
import { PROBLEMS } from '../../src/events/problems.js';
import { CALL, CLICK, NOW, RESULT, mistakes, send, sendText, store } from './events.js';
import type { Beside, Body } from './events.js';

type Rule = readonly [title: string, body: unknown, expected: readonly string[], beside?: Beside];

const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
const users = (count: number): string[] => Array.from({ length: count }, (_, index) => `u${index}`);
/** `raw` that takes exactly this many bytes of JSON. */
const rawOf = (bytes: number): Body => ({ t: 'x'.repeat(bytes - '{"t":""}'.length) });

const RULES: readonly Rule[] = [
  ['a call with the required fields', CALL, []],
  ['a click with a call_id only', { type: 'click', call_id: 'c-1' }, []],
  ['a result with one field', { type: 'result', call_id: 'c-1', clv_a: 0 }, []],

  // the event as a whole
  ['null', null, ['400  not_an_object']],
  ['a list', [CALL], ['400  not_an_object']],
  ['a string', 'call', ['400  not_an_object']],
  ['a number', 7, ['400  not_an_object']],
  ['true', true, ['400  not_an_object']],
  ['an empty object where nothing implies a type', {}, ['400 /type required']],
  ['a null type', { ...CALL, type: null }, ['400 /type required']],
  ['an unknown type', { ...CALL, type: 'bet' }, ['400 /type not_allowed']],
  ['the name of an inherited property as type', { ...CALL, type: 'constructor' }, ['400 /type not_allowed']],
  ['a type that is no string', { ...CALL, type: 1 }, ['400 /type wrong_type']],
  ['another type than the path implies', CLICK, ['400 /type not_allowed'], { type: 'result' }],
  ['no body on a path that implies a click', undefined, [], { type: 'click', pathCallId: 'c-1' }],
  ['a null type on a path that implies it', { ...CALL, type: null }, [], { type: 'call' }],

  // presence
  [
    'an empty call',
    { type: 'call' },
    ['400 /book_a required', '400 /call_type required', '400 /odds_a required', '400 /roi_percent required'],
  ],
  ['a required field that is null', { ...CALL, book_a: null }, ['400 /book_a required']],
  ['a click without call_id', { type: 'click' }, ['400 /call_id required']],
  ['a result without call_id', { type: 'result', outcome: 'push' }, ['400 /call_id required']],
  ['a click whose call_id is null', { type: 'click', call_id: null }, ['400 /call_id required']],
  ['a result without a part', { type: 'result', call_id: 'c', settled_at: NOW }, ['400  empty_result']],
  ['a result whose parts are null', { ...RESULT, outcome: null, clv_a: null }, ['400  empty_result']],

  // one field by itself
  ['a number as a string', { ...CALL, odds_a: '110' }, ['400 /odds_a wrong_type']],
  ['a string as a number', { ...CALL, sport: 5 }, ['400 /sport wrong_type']],
  ['true as a number', { ...CALL, stake_a: true }, ['400 /stake_a wrong_type']],
  ['an object as a string', { ...CALL, league: {} }, ['400 /league wrong_type']],
  ['a list as a string', { ...CALL, market: ['x'] }, ['400 /market wrong_type']],
  ['a time as a number', { ...CALL, sent_at: 1755424800 }, ['400 /sent_at wrong_type']],
  ['a fraction of users', { ...CALL, users_notified: 1.5 }, ['400 /users_notified wrong_type']],
  ['less than no users', { ...CALL, users_notified: -1 }, ['400 /users_notified out_of_range']],
  ['a list as raw', { ...CALL, raw: [] }, ['400 /raw wrong_type']],
  ['a string as raw', { ...CALL, raw: '{}' }, ['400 /raw wrong_type']],
  ['a user as a list of users', { ...CALL, notified_user_ids: 'u1' }, ['400 /notified_user_ids wrong_type']],
  ['an id that is a number', { ...CLICK, event_id: 5 }, ['400 /event_id wrong_type']],
  ['a user that is a number', { ...CLICK, user_id: 123 }, ['400 /user_id wrong_type']],
  ['numbers as users', { ...CALL, notified_user_ids: ['a', 1, 2] }, ['400 /notified_user_ids/1 wrong_type']],
  ['a null user', { ...CALL, notified_user_ids: [null] }, ['400 /notified_user_ids/0 wrong_type']],
  ['an unknown call_type', { ...CALL, call_type: 'arb' }, ['400 /call_type not_allowed']],
  ['an unknown odds_format', { ...CALL, odds_format: 'hongkong' }, ['400 /odds_format not_allowed']],
  ['an unknown action', { ...CLICK, action: 'BET' }, ['400 /action not_allowed']],
  ['an unknown outcome', { ...RESULT, outcome: 'won' }, ['400 /outcome not_allowed']],
  ['an unknown speed', { ...RESULT, line_movement_speed: 'quick' }, ['400 /line_movement_speed not_allowed']],
  ['1e9', { ...CALL, stake_a: 1e9, stake_b: -1e9 }, []],
  ['more than 1e9', { ...CALL, stake_a: 1_000_000_001 }, ['400 /stake_a out_of_range']],
  ['less than -1e9', { ...CALL, roi_percent: -1.1e9 }, ['400 /roi_percent out_of_range']],
  ['a number that is not finite', { ...CALL, roi_percent: Infinity }, ['400 /roi_percent not_finite']],
  ['256 characters', { ...CALL, league: 'x'.repeat(256) }, []],
  ['256 characters of two UTF-16 units', { ...CALL, league: '🎾'.repeat(256) }, []],
  ['257 characters', { ...CALL, league: 'x'.repeat(257) }, ['400 /league too_long']],
  [
    'a user of 257 characters',
    { ...CALL, notified_user_ids: ['a', 'x'.repeat(257)] },
    ['400 /notified_user_ids/1 too_long'],
  ],

  // blank text
  ...['', '  ', '\t', '\u200b', '\u3164\u2800'].flatMap((blank): Rule[] => [
    [`book_a that is ${JSON.stringify(blank)}`, { ...CALL, book_a: blank }, ['400 /book_a blank']],
    [
      `book_b of an arbitrage that is ${JSON.stringify(blank)}`,
      { ...CALL, book_b: blank },
      ['400 /book_b blank'],
    ],
    [
      `a user that is ${JSON.stringify(blank)}`,
      { ...CALL, notified_user_ids: ['a', blank] },
      ['400 /notified_user_ids/1 blank'],
    ],
  ]),
  ['a blank book_b of a middle', { ...CALL, call_type: 'middle', book_b: '' }, ['400 /book_b blank']],
  ['a blank book_b of good_ev', { ...CALL, call_type: 'good_ev', book_b: ' ', odds_b: null }, []],
  [
    'blank users, and one twice',
    { ...CALL, notified_user_ids: [' ', ' ', 'a', 'a'] },
    [
      '400 /notified_user_ids/0 blank',
      '400 /notified_user_ids/1 blank',
      '400 /notified_user_ids/3 duplicate_item',
    ],
  ],
  [
    'blanks beside other mistakes',
    { ...CALL, book_a: ' ', book_b: '', odds_a: 'x' },
    ['400 /odds_a wrong_type', '400 /book_a blank', '400 /book_b blank'],
  ],
  [
    'blank text too long for a field that needs it',
    { ...CALL, book_a: ' '.repeat(257) },
    ['400 /book_a too_long'],
  ],
  ['blank text too long for one that does not', { ...CALL, sport: ' '.repeat(257) }, []],
  ['a blank choice that is required', { ...CALL, call_type: '' }, ['400 /call_type not_allowed']],
  ['a blank type where nothing implies it', { ...CALL, type: '' }, ['400 /type not_allowed']],
  ['a blank type on a path that implies it', { ...CALL, type: ' ' }, [], { type: 'call' }],
  ['a blank number', { ...CALL, stake_a: '' }, ['400 /stake_a wrong_type']],
  ['blank users', { ...CALL, notified_user_ids: '' }, ['400 /notified_user_ids wrong_type']],
  ['blank raw', { ...CALL, raw: '' }, ['400 /raw wrong_type']],
  [
    'a result of blanks',
    { ...RESULT, outcome: '', line_movement_speed: ' ', closed_at: '' },
    ['400  empty_result'],
  ],
  ['U+0000 among blanks', { ...CALL, sport: ' \u0000' }, ['400 /sport invalid_character']],
  ['U+0000', { ...CALL, league: 'a\u0000' }, ['400 /league invalid_character']],
  ['a lone high surrogate', { ...CALL, team_a: '\ud83c' }, ['400 /team_a invalid_character']],
  ['a lone low surrogate', { ...CLICK, user_id: 'x\udfbe' }, ['400 /user_id invalid_character']],
  ['swapped surrogates', { ...CLICK, user_id: '\udfbe\ud83c' }, ['400 /user_id invalid_character']],
  [
    'U+0000 in a user',
    { ...CALL, notified_user_ids: ['\u0000'] },
    ['400 /notified_user_ids/0 invalid_character'],
  ],
  ['a backslash and u0000, spelled out', { ...CALL, league: '\\u0000' }, []],
  ['other control characters and whole pairs', { ...CALL, league: '\u0001\n🎾' }, []],
  ['5,000 users', { ...CALL, notified_user_ids: users(5000) }, []],
  ['5,001 users', { ...CALL, notified_user_ids: users(5001) }, ['400 /notified_user_ids too_many']],
  [
    'a user twice',
    { ...CALL, notified_user_ids: ['u1', 'u2', 'u1'] },
    ['400 /notified_user_ids/2 duplicate_item'],
  ],
  ['no such day', { ...CALL, match_date: '2025-02-29' }, ['400 /match_date invalid_date']],
  ['a time as a date', { ...CALL, match_date: NOW }, ['400 /match_date invalid_date']],
  [
    'a time without offset',
    { ...CALL, commence_time: '2025-10-22T10:00:00' },
    ['400 /commence_time invalid_time'],
  ],
  ['nanoseconds', { ...CLICK, clicked_at: '2025-10-22T05:00:00.1234567Z' }, ['400 /clicked_at invalid_time']],
  ['a date as a time', { ...RESULT, closed_at: '2025-10-22' }, ['400 /closed_at invalid_time']],
  ['an endless time', { ...RESULT, settled_at: '2'.repeat(100_000) }, ['400 /settled_at invalid_time']],

  // closing lines
  ['closing lines of both formats', { ...RESULT, closing_line_a: -100, closing_line_b: 1.01 }, []],
  ['a closing line of 1', { ...RESULT, closing_line_a: 1 }, ['400 /closing_line_a out_of_range']],
  ['a closing line of 0', { ...RESULT, closing_line_a: 0 }, ['400 /closing_line_a out_of_range']],
  ['a closing line of -99.9', { ...RESULT, closing_line_b: -99.9 }, ['400 /closing_line_b out_of_range']],
  ['a closing line that American odds do not have', { ...RESULT, closing_line_a: 50 }, []],
  ['a closing line beyond 1e9', { ...RESULT, closing_line_a: 2e9 }, ['400 /closing_line_a out_of_range']],
  ['a closing line as a string', { ...RESULT, closing_line_a: '2' }, ['400 /closing_line_a wrong_type']],

  // raw
  ['raw of 32 KiB', { ...CALL, raw: rawOf(32_768) }, []],
  ['raw of 32 KiB and a byte', { ...CALL, raw: rawOf(32_769) }, ['400 /raw too_large']],
  [
    'raw whose characters take two bytes',
    { ...CALL, raw: { t: 'é'.repeat(16_384) } },
    ['400 /raw too_large'],
  ],
  ['raw 32 levels deep', { ...CALL, raw: nested(32) }, []],
  ['raw 33 levels deep', { ...CALL, raw: { b: [nested(31)] } }, [`400 /raw/b/0${'/a'.repeat(30)} too_deep`]],
  ['raw with null, big numbers and lists', { ...CALL, raw: { a: null, b: 1e300, c: [[], {}, true] } }, []],
  ['U+0000 deep in raw', { ...CALL, raw: { a: [1, { b: '\u0000' }] } }, ['400 /raw/a/1/b invalid_character']],
  ['U+0000 in a name in raw', { ...CALL, raw: { 'a\u0000': 1 } }, ['400 /raw invalid_character']],
  [
    'a lone surrogate in a name in raw',
    { ...CALL, raw: { x: { '\ud83c': 1 } } },
    ['400 /raw/x invalid_character'],
  ],
  [
    'a number in raw that is not finite',
    { ...CALL, raw: { 'a/b': [Infinity] } },
    ['400 /raw/a~1b/0 not_finite'],
  ],

  // ids
  ['128 characters', { ...CALL, call_id: '🎾'.repeat(128) }, []],
  ['129 characters', { ...CALL, call_id: 'x'.repeat(129) }, ['400 /call_id invalid_id']],
  ['an empty id', { ...CALL, call_id: '' }, ['400 /call_id invalid_id']],
  ...[' ', '\u200b', '\u2060', '\ufeff', '\u00ad', '\u3164', '\u2800', '\u115f\u1160', '\ufe0f'].flatMap(
    (unseen): Rule[] => [
      [
        `an id that is ${JSON.stringify(unseen)}`,
        { ...CLICK, event_id: unseen },
        ['400 /event_id invalid_id'],
      ],
      [`${JSON.stringify(unseen)} in the path`, CLICK, ['400  invalid_id'], { pathCallId: unseen }],
      [
        `an Idempotency-Key that is ${JSON.stringify(unseen)}`,
        CLICK,
        ['400  invalid_id'],
        { idempotencyKey: unseen },
      ],
    ],
  ),
  ['an id with a variation selector', { ...CLICK, event_id: '❤\ufe0f' }, []],
  ['letters of any script', { ...CALL, call_id: 'Ünïçødé-日本-ñ' }, []],
  [
    'every printable ASCII character that is allowed',
    { ...CALL, call_id: '!"$&\'()*+,-.:;<=>@[]^_`{|}~' },
    [],
  ],
  ...[
    '/',
    '?',
    '#',
    '%',
    '\\',
    ' ',
    '\t',
    '\u0000',
    '\u007f',
    '\u0085',
    '\u00a0',
    '\u200b',
    '\u202e',
    '\u2028',
    '\ufeff',
    '\ud800',
    '\uffff',
  ].map((bad): Rule => [
    `an id with U+${bad.charCodeAt(0).toString(16).padStart(4, '0')}`,
    { ...CLICK, event_id: `a${bad}b` },
    ['400 /event_id invalid_id'],
  ]),
  ['an id in path and body', CLICK, [], { type: 'click', pathCallId: 'c-1' }],
  ['another id in the path', CLICK, ['422 /call_id id_mismatch'], { type: 'click', pathCallId: 'c-2' }],
  [
    'an id that differs by its Unicode form',
    { ...CLICK, call_id: '\u00e9' },
    ['422 /call_id id_mismatch'],
    { pathCallId: 'e\u0301' },
  ],
  ['no id in the path', CLICK, ['400  invalid_id'], { type: 'click', pathCallId: 'a b' }],
  ['an Idempotency-Key beside the same id', CLICK, [], { idempotencyKey: 'k-1' }],
  ['an Idempotency-Key beside another id', CLICK, ['422 /event_id id_mismatch'], { idempotencyKey: 'k-2' }],
  [
    'an Idempotency-Key beside another id of a call',
    CALL,
    ['422 /call_id id_mismatch'],
    { idempotencyKey: 'c-2' },
  ],
  ['an Idempotency-Key that is no id', RESULT, ['400  invalid_id'], { idempotencyKey: 'a/b' }],
  ['an empty Idempotency-Key', RESULT, ['400  invalid_id'], { idempotencyKey: '' }],

  // across fields
  ['good_ev without side b', { ...CALL, call_type: 'good_ev', book_b: undefined, odds_b: null }, []],
  [
    'an arbitrage without side b',
    { ...CALL, book_b: undefined, odds_b: null },
    ['422 /book_b required_for_call_type', '422 /odds_b required_for_call_type'],
  ],
  [
    'a middle without book_b',
    { ...CALL, call_type: 'middle', book_b: null },
    ['422 /book_b required_for_call_type'],
  ],
  ['American odds of ±100', { ...CALL, odds_a: 100, odds_b: -100 }, []],
  ['American odds of 50', { ...CALL, odds_a: 50 }, ['422 /odds_a invalid_odds']],
  ['American odds of -99.5', { ...CALL, odds_b: -99.5 }, ['422 /odds_b invalid_odds']],
  [
    'decimal odds without their format',
    { ...CALL, odds_a: 2.1, odds_b: 2.05 },
    ['422 /odds_a invalid_odds', '422 /odds_b invalid_odds'],
  ],
  ['decimal odds', { ...CALL, odds_format: 'decimal', odds_a: 2.1, odds_b: 1.0001 }, []],
  [
    'decimal odds of 1',
    { ...CALL, odds_format: 'decimal', odds_a: 1, odds_b: 2 },
    ['422 /odds_a invalid_odds'],
  ],
  ['American odds in decimal format', { ...CALL, odds_format: 'decimal' }, ['422 /odds_b invalid_odds']],
  [
    'odds_b of good_ev that make no sense',
    { ...CALL, call_type: 'good_ev', odds_b: 3 },
    ['422 /odds_b invalid_odds'],
  ],
  [
    'expires_at a microsecond before sent_at, in other zones',
    { ...CALL, sent_at: '2025-10-22T05:00:00.000001Z', expires_at: '2025-10-22T07:00:00+02:00' },
    ['422 /expires_at expires_before_sent'],
  ],
  [
    'expires_at at sent_at',
    { ...CALL, sent_at: '2025-10-22T05:00:00Z', expires_at: '2025-10-22T07:00:00+02:00' },
    [],
  ],
  ['expires_at in the past of an unsent sent_at', { ...CALL, expires_at: '2020-01-01T00:00:00Z' }, []],
  ['a count that agrees', { ...CALL, users_notified: 2, notified_user_ids: ['a', 'b'] }, []],
  [
    'a count that differs',
    { ...CALL, users_notified: 3, notified_user_ids: ['a', 'b'] },
    ['422 /users_notified count_mismatch'],
  ],
  [
    'a count of 0 beside users',
    { ...CALL, users_notified: 0, notified_user_ids: ['a'] },
    ['422 /users_notified count_mismatch'],
  ],
  ['users beside a null count', { ...CALL, users_notified: null, notified_user_ids: ['a'] }, []],
  ['a count beside null', { ...CALL, users_notified: 3, notified_user_ids: null }, []],

  // against the clock; received at 06:00
  ['24 hours ahead', { ...CALL, sent_at: '2025-10-23T06:00:00Z' }, []],
  [
    '24 hours and a microsecond ahead',
    { ...CALL, sent_at: '2025-10-23T06:00:00.000001Z' },
    ['422 /sent_at in_the_future'],
  ],
  ['a click tomorrow', { ...CLICK, clicked_at: '2025-10-24T00:00:00Z' }, ['422 /clicked_at in_the_future']],
  ['a result tomorrow', { ...RESULT, settled_at: '2025-10-24T00:00:00Z' }, ['422 /settled_at in_the_future']],
  [
    'a match, an expiry and a closing next year',
    {
      ...CALL,
      commence_time: '2026-10-24T00:00:00Z',
      expires_at: '2026-10-24T00:00:00Z',
      match_date: '2026-10-24',
    },
    [],
  ],
  ['a closing in the future', { ...RESULT, closed_at: '2026-10-24T00:00:00Z' }, []],

  // several at once
  ['a bad field and a broken rule', { ...CALL, sport: 1, odds_a: 50 }, ['400 /sport wrong_type']],
  [
    'several bad fields',
    { ...CALL, sport: 1, sent_at: 'now', zzz: 1, raw: { a: '\u0000' } },
    [
      '400 /sport wrong_type',
      '400 /zzz unknown_field',
      '400 /raw/a invalid_character',
      '400 /sent_at invalid_time',
    ],
  ],
  [
    'several broken rules',
    { ...CALL, book_b: null, odds_a: 5, sent_at: '2026-01-01T00:00:00Z', expires_at: NOW },
    [
      '422 /book_b required_for_call_type',
      '422 /odds_a invalid_odds',
      '422 /expires_at expires_before_sent',
      '422 /sent_at in_the_future',
    ],
  ],
  [
    'absent, spelled as null in every optional field',
    {
      ...{
        ...CALL,
        sport: null,
        league: null,
        team_a: null,
        team_b: null,
        match_date: null,
        commence_time: null,
      },
      ...{
        market: null,
        odds_format: null,
        stake_a: null,
        stake_b: null,
        total_stake: null,
        profit_expected: null,
      },
      ...{
        sent_at: null,
        expires_at: null,
        users_notified: null,
        notified_user_ids: null,
        source: null,
        raw: null,
      },
    },
    [],
  ],
];

t.test('each mistake gets its one error, with pointer, code and class', async (t) => {
  for (const [title, body, expected, beside] of RULES) t.same(mistakes(send(body, beside)), expected, title);
});

t.test('every code that is documented is given for something', async (t) => {
  const given = new Set(RULES.flatMap(([, , expected]) => expected.map((line) => line.split(' ').at(-1))));
  for (const code of Object.keys(PROBLEMS)) {
    if (code !== 'more_errors') t.ok(given.has(code) || code === 'unknown_field', code);
  }
});

t.test('an unknown field is told where it belongs', async (t) => {
  const names: [Body, string, string][] = [
    [CALL, 'bookmaker_a', 'book_a'],
    [CALL, 'market_type', 'market'],
    [CALL, 'expected_profit', 'profit_expected'],
    [CALL, 'odds', 'odds_a'],
    [CALL, 'oddsA', 'odds_a'],
    [CALL, 'roi', 'roi_percent'],
    [CALL, 'sprot', 'sport'],
    [CALL, 'event_id', 'call_id'],
    [CALL, 'user_notified', 'users_notified'],
    [CLICK, 'userid', 'user_id'],
    [RESULT, 'actual_profit', 'profit_actual'],
  ];
  for (const [event, name, meant] of names) {
    const verdict = send({ ...event, [name]: 1 });
    t.same(mistakes(verdict), [`400 /${name} unknown_field`], name);
    t.match(verdict, {
      errors: [{ message: new RegExp(`did you mean ${meant}\\?.*put sender-specific data under raw`) }],
    });
  }
  t.match(send({ ...CALL, telegram_chat: 1 }), { errors: [{ message: /^(?!.*did you mean).*under raw$/ }] });
});

t.test('numbers that only JSON text can spell are refused and never become something else', async (t) => {
  const text = (member: string) => `${JSON.stringify(CALL).slice(0, -1)},${member}}`;
  t.same(mistakes(sendText(text('"stake_a":1e999'))), ['400 /stake_a not_finite']);
  t.same(mistakes(sendText(text('"raw":{"a":[-1e999]}'))), ['400 /raw/a/0 not_finite']);
  t.same(mistakes(sendText(text('"league":"\\u0000"'))), ['400 /league invalid_character']);
  t.same(mistakes(sendText(text('"league":"\\ud800"'))), ['400 /league invalid_character']);
  t.same(mistakes(sendText(text('"users_notified":3.0'))), []);
});

t.test('names of inherited properties are unknown fields, and data inside raw', async (t) => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype']) {
    for (const event of [CALL, CLICK, RESULT]) {
      const verdict = sendText(`${JSON.stringify(event).slice(0, -1)},"${name}":{"call_id":"x"}}`);
      t.same(mistakes(verdict), [`400 /${name} unknown_field`], name);
    }
    const text = `${JSON.stringify(CALL).slice(0, -1)},"raw":{"${name}":{"a":1}}}`;
    const verdict = sendText(text);
    t.same(mistakes(verdict), []);
    t.equal(store(JSON.parse(text)).event.row['call_id' as const], 'c-1');
  }
  t.same(mistakes(sendText('{"__proto__":{"type":"call"}}')), ['400 /type required']);
  t.equal(({} as Body)['type'], undefined, 'no prototype was touched');
});

t.test('hostile bodies cost bounded work and get a bounded answer', async (t) => {
  const manyNames = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, index) => [`field${index}`, index]),
  );
  const manyUnknown = send({ ...CALL, ...manyNames });
  t.equal(mistakes(manyUnknown).length, MAX_LISTED_ERRORS + 1);
  t.match(manyUnknown, { errors: { 20: { code: 'more_errors', message: /^99980 more/ } } });
  t.same(mistakes(send({ ...CALL, raw: manyNames })), ['400 /raw too_large']);
  t.same(mistakes(send({ ...CALL, raw: { a: Array(1_000_000).fill(0) } })), ['400 /raw too_large']);
  t.same(mistakes(send({ ...CALL, notified_user_ids: Array(200_000).fill(1) })), [
    '400 /notified_user_ids too_many',
  ]);
  t.same(
    mistakes(sendText(`{"type":"call","raw":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`)).slice(-1),
    [`400 /raw${'/a'.repeat(32)} too_deep`],
  );
  t.same(mistakes(sendText(`{"type":"call","sport":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)).slice(-1), [
    '400 /sport wrong_type',
  ]);

  const long = 'y'.repeat(100_000);
  const verdicts = [
    send({ ...CALL, call_id: long, sport: long, call_type: long, match_date: long, odds_a: long, [long]: 1 }),
    send({ ...CALL, raw: { [long.slice(0, 30_000)]: Infinity } }),
    send({ ...CALL, type: long }),
    send(long),
    send(CALL, { idempotencyKey: long }),
    send({ ...CALL, ['\u0000\ud800'.repeat(1000)]: 1 }),
  ];
  for (const verdict of verdicts) {
    if (verdict.ok) t.fail('accepted');
    else {
      for (const { pointer, message } of verdict.errors) {
        t.ok(pointer.length <= 128 && message.length <= 300, `${pointer} ${message}`);
        t.notMatch(message, /y{65}/);
        t.notMatch(message + pointer, /[\u0000\p{Surrogate}]/u);
      }
    }
  }
});
