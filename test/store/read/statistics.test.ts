import t from 'tap';
import { UnknownTimeZoneError } from '../../../src/store/read/errors.js';
import type { Dimension } from '../../../src/store/read/statistics/dimensions.js';
import type { Measure } from '../../../src/store/read/statistics/measures.js';
import {
  readStatistics,
  type Statistics,
  type StatisticsQuestion,
} from '../../../src/store/read/statistics/statistics.js';
import { callOf, clickOf, resultOf } from '../../helpers/events.js';
import { awkwardTimes, manyEvents } from './events.js';
import { openStored } from './stored.js';

// A slow machine is no failure.
t.setTimeout(180_000);

const { pool, store } = await openStored(t);
await store(manyEvents(400));

/**
 * Measures by hand, over `counted`: a row per call that counts in a group, whose columns are `dimensions`, the columns
 * of the view, and `clvs`, those of its legs that count.
 */
const settled = `outcome in ('a_won', 'b_won', 'both_won', 'push', 'void')`;
const byHand: Readonly<Record<Measure, string>> = {
  calls: 'count(*)',
  clicks: 'coalesce(sum(clicks), 0)',
  users_notified: 'coalesce(sum(users_notified), 0)',
  users_clicked: 'coalesce(sum(users_clicked), 0)',
  users_bet: 'coalesce(sum(users_bet), 0)',
  conversion_percent: 'avg(conversion_percent)',
  calls_taken: 'count(case when users_bet > 0 then 1 end)',
  taken_percent: 'avg(case when users_bet > 0 then 100 else 0 end)',
  avg_roi_percent: 'avg(roi_percent)',
  profit_expected: 'sum(profit_expected)',
  profit_actual: 'sum(profit_actual)',
  settled: `count(case when ${settled} then 1 end)`,
  won: `count(case when ${settled} and profit_actual > 0 then 1 end)`,
  win_percent: `avg(case when not ${settled} then null when profit_actual > 0 then 100 when profit_actual <= 0 then 0 end)`,
  both_won: `count(case when outcome = 'both_won' then 1 end)`,
  both_won_percent: `avg(case when outcome = 'both_won' then 100 when ${settled} then 0 end)`,
  avg_clv_percent:
    'sum((select sum(clv) from unnest(clvs) as clv)) / nullif(sum(cardinality(array_remove(clvs, null))), 0)',
  median_seconds_to_first_click:
    'percentile_cont(0.5) within group (order by extract(epoch from first_clicked_at) - extract(epoch from sent_at))',
  median_seconds_alive:
    'percentile_cont(0.5) within group (order by extract(epoch from last_clicked_at) - extract(epoch from sent_at))',
  avg_seconds_open: 'avg(extract(epoch from closed_at) - extract(epoch from sent_at))',
  median_seconds_open:
    'percentile_cont(0.5) within group (order by extract(epoch from closed_at) - extract(epoch from sent_at))',
};
// The type above says that they are the measures.
const everyMeasure = Object.keys(byHand) as Measure[];

/** The rows of each dimension, by hand: in `tz` Europe/Paris. */
const call = (key: string): string =>
  `select (${key})::text as key, array[clv_a, clv_b] as clvs, c.* from arbitrage_calls as c`;
const paris = (format: string): string => `to_char(sent_at at time zone 'Europe/Paris', '${format}')`;
const countedByHand: Readonly<Record<Dimension, string>> = {
  call_type: call('call_type'),
  sport: call('sport'),
  league: call('league'),
  market: call('market'),
  source: call('source'),
  book_a: call('book_a'),
  book_b: call('book_b'),
  book: `
    select book_a as key, case when book_a = book_b then array[clv_a, clv_b] else array[clv_a] end as clvs, c.*
    from arbitrage_calls as c
    union all
    select book_b, array[clv_b], c.* from arbitrage_calls as c where book_b <> book_a`,
  book_pair: call(`(
    select string_agg(book, ' + ' order by book collate "C")
    from unnest(array_remove(array[book_a, book_b], null)) as book)`),
  team: `
    select team_a as key, array[clv_a, clv_b] as clvs, c.* from arbitrage_calls as c where team_a is not null
    union all
    select team_b, array[clv_a, clv_b], c.* from arbitrage_calls as c
    where team_b is not null and (team_a is null or team_a <> team_b)
    union all
    select null, array[clv_a, clv_b], c.* from arbitrage_calls as c where team_a is null and team_b is null`,
  match: call(`
    case
      when team_a is null and team_b is null then null
      else array_to_string(array[array_to_string(array[team_a, team_b], ' - '),
        coalesce(match_date::text, substr((commence_time at time zone 'UTC')::text, 1, 10))], ', ')
    end`),
  roi_band: call(`
    case when roi_percent >= 5 then '5+' when roi_percent >= 3 then '3-5' when roi_percent >= 2 then '2-3' else '<2' end`),
  outcome: call('outcome'),
  line_movement_speed: call('line_movement_speed'),
  user: `
    select user_id as key, array[clv_a, clv_b] as clvs, c.call_id, c.users_notified, c.conversion_percent, c.roi_percent,
      c.profit_expected, c.profit_actual, c.outcome, c.sent_at, c.closed_at,
      own.clicks, own.users_clicked, own.users_bet, own.first_clicked_at, own.last_clicked_at
    from arbitrage_calls as c
    join (
      select call_id, user_id, count(*) as clicks, 1 as users_clicked, max(case action when 'bet' then 1 else 0 end) as users_bet,
        min(clicked_at) as first_clicked_at, max(clicked_at) as last_clicked_at
      from clicks where user_id is not null group by call_id, user_id
      union all
      select call_id, null, count(*), count(*), sum(case action when 'bet' then 1 else 0 end), min(clicked_at), max(clicked_at)
      from clicks where user_id is null group by call_id
    ) as own using (call_id)`,
  hour: call(`${paris('HH24')}::integer`),
  weekday: call(paris('ID')),
  day: call(paris('YYYY-MM-DD')),
  month: call(paris('YYYY-MM')),
};
const everyDimension = Object.keys(countedByHand) as Dimension[];

function ask(question: Partial<StatisticsQuestion>): Promise<Statistics> {
  return readStatistics(pool, {
    groupBy: ['call_type'],
    measures: everyMeasure,
    filters: {},
    timeZone: 'UTC',
    minCalls: 1,
    sort: { by: 'calls', descending: true },
    limit: 10_000,
    ...question,
  });
}

type Values = Readonly<Record<string, unknown>>;

/** Groups as text with six decimals, in no order, under the names of the dimensions. */
function comparable(groups: readonly Values[]): string[] {
  const shown = (value: unknown): string => (typeof value === 'number' ? value.toFixed(6) : String(value));
  return groups
    .map((group) =>
      Object.entries(group)
        .map(([name, value]) => `${name} ${shown(value)}`)
        .join(', '),
    )
    .sort();
}

/** @param counted has the columns of `byHand`; `keys` are those it is grouped by */
async function answeredByHand(
  counted: string,
  keys: readonly string[],
  measures = everyMeasure,
): Promise<Values[]> {
  const columns = measures.map((measure) => `(${byHand[measure]})::float8 as ${measure}`);
  const { rows } = await pool.query<Values>(
    `select ${[...keys, ...columns].join(', ')} from (${counted}) as counted ${keys.length > 0 ? `group by ${keys.join(', ')}` : ''}`,
  );
  return rows;
}

t.test('every measure, by every dimension, is what SQL written by hand says', async (t) => {
  const [total] = await answeredByHand(call('null'), []);
  for (const dimension of everyDimension) {
    const found = await ask({ groupBy: [dimension], timeZone: 'Europe/Paris' });
    const expected = await answeredByHand(countedByHand[dimension], ['key']);
    const named = expected.map(({ key, ...values }) => ({ [dimension]: key, ...values }));
    const isInteger = dimension === 'hour' || dimension === 'weekday';
    const asText = found.groups.map((group) => ({
      ...group,
      [dimension]: isInteger ? String(group[dimension]) : group[dimension],
    }));
    t.strictSame(comparable(asText), comparable(named), dimension);
    t.ok(named.length > 1, `${dimension} has groups`);
    t.equal(found.groupsFound, named.length);
    t.strictSame(
      comparable([found.total]),
      comparable([total ?? {}]),
      `${dimension}: the total has each call once`,
    );
  }
});

t.test('each measure can be asked for alone', async (t) => {
  const whole = await ask({ groupBy: ['book'] });
  for (const measure of everyMeasure) {
    const { groups, total } = await ask({ groupBy: ['book'], measures: [measure] });
    t.strictSame(total, { [measure]: whole.total[measure] }, measure);
    t.strictSame(
      groups,
      whole.groups.map((group) => ({ book: group.book, [measure]: group[measure] })),
      measure,
    );
  }
});

t.test('a user has counts of his own clicks, whichever measures are asked for', async (t) => {
  const whole = await ask({ groupBy: ['user', 'sport'] });
  for (const measure of ['users_clicked', 'users_bet', 'calls_taken', 'taken_percent', 'calls'] as const) {
    const { groups } = await ask({ groupBy: ['user', 'sport'], measures: [measure] });
    t.strictSame(
      groups,
      whole.groups.map(({ user, sport, ...group }) => ({ user, sport, [measure]: group[measure] })),
    );
  }
});

t.test('two and three dimensions go together, also where a call counts twice in each', async (t) => {
  const fanOut = `
    select side.book, team, clvs, c.*
    from arbitrage_calls as c
    cross join lateral (
      select book, array_agg(clv) as clvs
      from (values (book_a, clv_a), (book_b, clv_b)) as leg (book, clv) where book is not null group by book
    ) as side
    cross join lateral (
      select distinct team from unnest(array[team_a, team_b]) as team
      where team is not null or (team_a is null and team_b is null)
    ) as teams`;
  const found = await ask({ groupBy: ['book', 'team', 'call_type'] });
  const expected = await answeredByHand(fanOut, ['book', 'team', 'call_type']);
  t.strictSame(comparable(found.groups), comparable(expected));

  const users = await ask({
    groupBy: ['user', 'book', 'team'],
    measures: ['calls', 'avg_clv_percent', 'avg_roi_percent'],
  });
  const usersExpected = await answeredByHand(
    `select clicker.user_id as "user", fanned.* from (${fanOut}) as fanned
     join (select distinct call_id, user_id from clicks) as clicker using (call_id)`,
    ['"user"', 'book', 'team'],
    ['calls', 'avg_clv_percent', 'avg_roi_percent'],
  );
  t.strictSame(comparable(users.groups), comparable(usersExpected));
  t.ok(users.groups.length > 50);

  const sameKey = await ask({ groupBy: ['book', 'book_a'], measures: ['calls'] });
  const sameKeyExpected = await answeredByHand(
    `select key as book, rows.* from (${countedByHand.book}) as rows`,
    ['book', 'book_a'],
    ['calls'],
  );
  t.strictSame(comparable(sameKey.groups), comparable(sameKeyExpected));
});

t.test('the filters choose the calls of groups and total', async (t) => {
  const filters = { book: 'bet365', min_roi: 2, max_roi: 5, from: '2024-10-27T00:30:00.000000Z' };
  const chosen = `('bet365' in (book_a, book_b)) and roi_percent >= 2 and roi_percent < 5 and sent_at >= '2024-10-27T00:30:00Z'`;
  const found = await ask({ groupBy: ['sport'], filters });
  const [total] = await answeredByHand(`select * from (${call('null')}) as c where ${chosen}`, []);
  t.strictSame(comparable([found.total]), comparable([total ?? {}]));
  const bySport = await answeredByHand(`select * from (${call('sport')}) as c where ${chosen}`, ['sport']);
  t.strictSame(comparable(found.groups), comparable(bySport));
  const books = await ask({ groupBy: ['book'], filters, measures: ['calls'] });
  t.ok(books.groups.length > 1, 'the other book of these calls has a group as well');
});

t.test(
  'the filter user_id keeps all clicks of the calls it chooses; by user, it keeps that user alone',
  async (t) => {
    const filters = { user_id: 'u1' };
    const chosen = `select call_id from clicks where user_id = 'u1'`;
    const [total] = await answeredByHand(
      `select * from (${call('null')}) as c where call_id in (${chosen})`,
      [],
    );
    const byType = await ask({ groupBy: ['call_type'], filters });
    t.strictSame(comparable([byType.total]), comparable([total ?? {}]));

    const [own] = await answeredByHand(`select * from (${countedByHand.user}) as c where key = 'u1'`, []);
    for (const measures of [everyMeasure, everyMeasure.filter((name) => !/^clicks|^median/.test(name))]) {
      const { groups, total: whole } = await ask({ groupBy: ['user'], filters, measures });
      const { user, ...values } = groups[0] ?? {};
      t.equal(user, 'u1');
      t.equal(groups.length, 1);
      const expected = Object.fromEntries(measures.map((measure) => [measure, own?.[measure]]));
      t.strictSame(comparable([values]), comparable([expected]));
      t.equal(whole.users_clicked, total?.['users_clicked'], 'the total is of calls, not of pairs');
    }
    const nobody = await ask({ groupBy: ['user'], filters: { user_id: 'u1', league: 'none' } });
    t.strictSame([nobody.groups, nobody.groupsFound], [[], 0]);
  },
);

t.test('hours and days are those of the zone, through both changes of the clock', async (t) => {
  await store(awkwardTimes.map((sent_at, index) => callOf(`clock-${index}`, { league: 'clock', sent_at })));
  const inParis = async (...groupBy: [Dimension, ...Dimension[]]): Promise<unknown> => {
    const sort = { by: groupBy[0], descending: false };
    const question = { groupBy, sort, filters: { league: 'clock' }, measures: ['calls'] as const };
    const { groups } = await ask({ ...question, timeZone: 'Europe/Paris' });
    return groups.map((group) => [...groupBy.map((name) => group[name]), group.calls]);
  };
  t.strictSame(
    await inParis('hour'),
    [
      [0, 2],
      [1, 1],
      [2, 2],
      [3, 1],
      [19, 1],
      [23, 1],
    ],
    '2 in October came twice, 2 in March not at all',
  );
  t.strictSame(await inParis('day', 'weekday'), [
    ['2024-03-31', 7, 2],
    ['2024-10-27', 7, 2],
    ['2024-12-31', 2, 1],
    ['2025-01-01', 3, 1],
    ['2025-03-01', 6, 1],
    ['2025-08-17', 7, 1],
  ]);
  t.strictSame(await inParis('month'), [
    ['2024-03', 2],
    ['2024-10', 2],
    ['2024-12', 1],
    ['2025-01', 1],
    ['2025-03', 1],
    ['2025-08', 1],
  ]);
});

t.test('a time zone is a known name, whatever is asked', async (t) => {
  const unknown = [
    'Europe/Atlantis',
    'US/Pacific-New',
    '',
    '+05:30',
    '-3',
    'FOO5',
    'CET',
    'IST',
    `UTC'; drop table calls; --`,
  ];
  for (const groupBy of [['hour'], ['sport']] as const)
    for (const timeZone of unknown)
      await t.rejects(ask({ groupBy, timeZone }), UnknownTimeZoneError, timeZone);
  for (const timeZone of ['utc', 'Asia/Kathmandu', 'Etc/GMT+5', 'America/Argentina/Ushuaia'])
    await t.resolves(ask({ timeZone }), timeZone);
});

t.test('a band begins at its lower bound, and bands sort as numbers do', async (t) => {
  const rois = [-1, 1.9999999999999998, 2, 2.9999999999999996, 3, 4.999999999999999, 5, 999];
  await store(rois.map((roi_percent, index) => callOf(`band-${index}`, { league: 'bands', roi_percent })));
  const question = { groupBy: ['roi_band'], filters: { league: 'bands' }, measures: ['calls'] } as const;
  const bands = ['<2', '2-3', '3-5', '5+'];
  const { groups } = await ask(question);
  t.strictSame(
    groups,
    bands.map((roi_band) => ({ roi_band, calls: 2 })),
    'in ascending order where calls are equal',
  );
  const { groups: descending } = await ask({ ...question, sort: { by: 'roi_band', descending: true } });
  t.strictSame(
    descending.map((group) => group.roi_band),
    bands.toReversed(),
  );
});

t.test('what is not known is null, and what does not count is not counted', async (t) => {
  await store([
    callOf('bare', { league: 'bare', users_notified: 0, profit_expected: null }),
    clickOf('bare', 'k1'),
    clickOf('bare', 'k2', { action: 'click' }),
    callOf('unknown', { league: 'unknown', users_notified: 4 }),
    resultOf('unknown', 'r', { outcome: 'unknown', profit_actual: 5 }),
    callOf('push', { league: 'push', users_notified: 4 }),
    resultOf('push', 'r', { outcome: 'push', profit_actual: 0 }),
    callOf('void', { league: 'push', users_notified: 4 }),
    resultOf('void', 'r', { outcome: 'void' }),
  ]);
  const totalOf = async (league: string) => (await ask({ filters: { league } })).total;
  t.match(await totalOf('bare'), {
    calls: 1,
    clicks: 2,
    users_clicked: 2,
    users_bet: 1,
    conversion_percent: null,
    taken_percent: 100,
    profit_expected: null,
    profit_actual: null,
    settled: 0,
    win_percent: null,
    both_won_percent: null,
    avg_clv_percent: null,
    avg_seconds_open: null,
    median_seconds_open: null,
  });
  t.match(await totalOf('unknown'), { settled: 0, won: 0, win_percent: null, profit_actual: 5 });
  t.match(await totalOf('push'), {
    settled: 2,
    won: 0,
    win_percent: 0,
    both_won_percent: 0,
    profit_actual: 0,
  });
  t.match(await ask({ filters: { league: 'no such league' } }), {
    groups: [],
    groupsFound: 0,
    total: {
      calls: 0,
      clicks: 0,
      users_notified: 0,
      settled: 0,
      conversion_percent: null,
      taken_percent: null,
    },
  });
});

t.test('one book alone, or the same on both sides, is one group of a book and a pair', async (t) => {
  const closing = { closing_line_a: 100, closing_line_b: -110 };
  await store([
    callOf('alone', { league: 'books', call_type: 'good_ev', book_a: 'Solo', book_b: null, odds_b: null }),
    callOf('twice', { league: 'books', book_a: 'Twin', book_b: 'Twin', team_a: 'T', team_b: 'T' }),
    callOf('ab', { league: 'books', book_a: 'bee', book_b: 'Cee', team_b: 'T' }),
    callOf('ba', { league: 'books', book_a: 'Cee', book_b: 'bee' }),
    ...['alone', 'twice', 'ab', 'ba'].map((id) => resultOf(id, 'r', closing)),
  ]);
  const by = async (groupBy: Dimension, ...measures: Measure[]) => {
    const sort = { by: groupBy, descending: false };
    return (await ask({ groupBy: [groupBy], measures, sort, filters: { league: 'books' } })).groups;
  };
  // +110 against +100 is 2.1 against 2 in decimal odds; −105 against −110 is 205/105 against 210/110.
  const clvA = 5;
  const clvB = (205 / 105 / (210 / 110) - 1) * 100;
  const books = await by('book', 'calls', 'avg_clv_percent');
  t.strictSame(
    books.map(({ book, calls }) => [book, calls]),
    [
      ['Cee', 2],
      ['Solo', 1],
      ['Twin', 1],
      ['bee', 2],
    ],
  );
  for (const [index, percent] of [(clvA + clvB) / 2, clvA, (clvA + clvB) / 2, (clvA + clvB) / 2].entries())
    t.equal(Number(books[index]?.avg_clv_percent).toFixed(9), percent.toFixed(9), String(books[index]?.book));
  t.strictSame(await by('book_pair', 'calls'), [
    { book_pair: 'Cee + bee', calls: 2 },
    { book_pair: 'Solo', calls: 1 },
    { book_pair: 'Twin + Twin', calls: 1 },
  ]);
  t.strictSame(await by('team', 'calls'), [
    { team: 'T', calls: 2 },
    { team: null, calls: 2 },
  ]);
});

t.test('groups are sorted by any measure or dimension, nulls last, and ties by the dimensions', async (t) => {
  const sent: [league: string, roi: number, profit: number | null][] = [
    ['c', 1, null],
    ['a', 1, 10],
    ['b', 2, null],
    ['d', 0, -10],
  ];
  await store(
    sent.flatMap(([league, roi_percent, profit_actual], index) => [
      callOf(`sorted-${index}`, { source: 'sorted', league, roi_percent }),
      resultOf(`sorted-${index}`, 'r', { outcome: 'push', profit_actual }),
    ]),
  );
  await store([callOf('sorted-null', { source: 'sorted', league: null, roi_percent: 1 })]);
  const order = async (
    by: Dimension | Measure,
    descending: boolean,
    changes: Partial<StatisticsQuestion> = {},
  ) => {
    const question = { groupBy: ['league'], filters: { source: 'sorted' }, measures: ['calls'] } as const;
    const { groups, groupsFound, total } = await ask({ ...question, sort: { by, descending }, ...changes });
    return { order: groups.map(({ league }) => league), groupsFound, total };
  };
  t.strictSame((await order('calls', true)).order, ['a', 'b', 'c', 'd', null]);
  t.strictSame((await order('league', false)).order, ['a', 'b', 'c', 'd', null]);
  t.strictSame((await order('league', true)).order, ['d', 'c', 'b', 'a', null]);
  t.strictSame(
    (await order('avg_roi_percent', true)).order,
    ['b', 'a', 'c', null, 'd'],
    'not asked for, as if it were',
  );
  t.strictSame((await order('avg_roi_percent', false)).order, ['d', 'a', 'c', null, 'b']);
  t.strictSame((await order('profit_actual', true)).order, ['a', 'd', 'b', 'c', null]);
  t.strictSame((await order('profit_actual', false)).order, ['d', 'a', 'b', 'c', null]);

  await store([callOf('sorted-more', { source: 'sorted', league: 'c' })]);
  const total = { calls: 6 };
  t.strictSame(await order('calls', true, { limit: 2 }), { order: ['c', 'a'], groupsFound: 5, total });
  t.strictSame(await order('calls', true, { minCalls: 2 }), { order: ['c'], groupsFound: 1, total });
  t.strictSame(await order('calls', true, { minCalls: 3 }), { order: [], groupsFound: 0, total });
});

t.test('numbers too small to divide are no obstacle', async (t) => {
  const rois = [5e-324, 0, 0, 0];
  await store(rois.map((roi_percent, index) => callOf(`tiny-${index}`, { league: 'tiny', roi_percent })));
  const { total } = await ask({ filters: { league: 'tiny' } });
  t.equal(total.avg_roi_percent, 0);
});

t.test('a median between two values has no digits of its own making', async (t) => {
  await store([
    ...['half-1', 'half-2'].map((id) => callOf(id, { league: 'half', sent_at: '2025-01-01T00:00:00Z' })),
    clickOf('half-1', 'k', { clicked_at: '2025-01-01T00:00:01Z' }),
    clickOf('half-2', 'k', { clicked_at: '2025-01-01T00:00:03.001Z' }),
  ]);
  const { total } = await ask({ filters: { league: 'half' } });
  t.equal(total.median_seconds_to_first_click, 2.0005);
});

t.test('a question changes nothing, and leaves its connection as it was', async (t) => {
  const show = async (): Promise<unknown> =>
    (
      await pool.query(
        `select current_setting('work_mem') as memory, current_setting('jit') as jit, current_setting('transaction_read_only') as read_only`,
      )
    ).rows;
  const before = await show();
  await ask({});
  await t.rejects(ask({ timeZone: 'nowhere' }));
  t.strictSame(await show(), before);
});
