import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { arbitrageCalls as c } from '../../schema/index.js';
import { userOfPair } from './pairs.js';

export type Dimension =
  | 'call_type'
  | 'sport'
  | 'league'
  | 'market'
  | 'source'
  | 'book_a'
  | 'book_b'
  | 'book'
  | 'book_pair'
  | 'team'
  | 'match'
  | 'roi_band'
  | 'outcome'
  | 'line_movement_speed'
  | 'user'
  | 'hour'
  | 'weekday'
  | 'day'
  | 'month';

/** How calls are told apart. */
export interface Grouping {
  /** Columns of a row that tell its group, or its two groups; by names that are the dimensions' own. */
  readonly keys: Readonly<Record<string, SQL>>;
  /** What a group has in common, over the names of `keys`; groups are ordered by it. */
  readonly key: SQL;
  /** There when a call counts under each of its two sides. */
  readonly sides?: Sides;
  /** How a key reads in the answer. */
  readonly written: (key: SQL) => SQL;
}

interface Sides {
  /** Two rows for each, to be joined in a FROM clause. */
  readonly from: SQL;
  /** Which of the two stand for a side of their own. */
  readonly condition: SQL;
  /** Whether a leg of the bet belongs to the side; absent: sides have nothing to do with legs. */
  readonly hasLeg?: Readonly<Record<'a' | 'b', SQL>>;
}

/** @param timeZone a parameter; hours, weekdays, days and months are told in it */
export function groupings(timeZone: SQL): Readonly<Record<Dimension, Grouping>> {
  const local = sql`(${c.sent_at} at time zone ${timeZone})`;
  return {
    call_type: text('call_type', c.call_type),
    sport: text('sport', c.sport),
    league: text('league', c.league),
    market: text('market', c.market),
    source: text('source', c.source),
    book_a: bookA,
    book_b: bookB,
    book: eitherSide('book', bookA, bookB, true),
    book_pair: text('book_pair', bookPair),
    team: eitherSide('team', text('team_a', c.team_a), text('team_b', c.team_b), false),
    match: text('match', match),
    roi_band: { ...by('roi_band', roiBand), written: (band) => sql`(${roiBands})[${band}]` },
    outcome: text('outcome', c.outcome),
    line_movement_speed: text('line_movement_speed', c.line_movement_speed),
    user: text('user', userOfPair),
    // `date_part` and not `extract`: a double becomes an integer sooner than a numeric does.
    hour: by('hour', sql`date_part('hour', ${local})::integer`),
    weekday: by('weekday', sql`date_part('isodow', ${local})::integer`),
    day: { ...by('day', sql`${local}::date`), written: (day) => sql`to_char(${day}, 'YYYY-MM-DD')` },
    month: {
      ...by('month', sql`date_trunc('month', ${local})`),
      written: (month) => sql`to_char(${month}, 'YYYY-MM')`,
    },
  };
}

/** The name is not the dimension's alone, because measures have a column `outcome` too. */
function by(name: string, value: SQLWrapper): Grouping {
  const key = `by_${name}`;
  return { keys: { [key]: sql`${value}` }, key: sql`${sql.identifier(key)}`, written: (same) => same };
}

/** In the order of bytes, which is the same on every server, and fast to sort. */
function text(name: string, value: SQLWrapper): Grouping {
  return by(name, sql`(${value}) collate "C"`);
}

/** One group where both sides are the same; a side that is null has none, unless both are. */
function eitherSide(name: string, a: Grouping, b: Grouping, areLegs: boolean): Grouping {
  const side = sql.identifier(`${name}_side`);
  const isA = sql`${side}.is_a`;
  return {
    keys: { ...a.keys, ...b.keys },
    key: sql`case when ${isA} then ${a.key} else ${b.key} end`,
    written: a.written,
    sides: {
      from: sql`(values (true), (false)) as ${side} (is_a)`,
      condition: sql`case
        when ${isA} then ${a.key} is not null or ${b.key} is null
        else ${b.key} is not null and ${b.key} is distinct from ${a.key}
      end`,
      ...(areLegs && { hasLeg: { a: isA, b: sql`(not ${isA} or ${b.key} = ${a.key})` } }),
    },
  };
}

const bookA = text('book_a', c.book_a);
const bookB = text('book_b', c.book_b);

/** Whichever side each book is on. */
const bookPair = sql`
  case
    when ${c.book_b} is null then ${c.book_a}
    when ${c.book_a} collate "C" <= ${c.book_b} then ${c.book_a} || ' + ' || ${c.book_b}
    else ${c.book_b} || ' + ' || ${c.book_a}
  end`;

const matchDay = sql`to_char(
  coalesce(${c.match_date}::timestamp, ${c.commence_time} at time zone 'UTC'), 'YYYY-MM-DD')`;
const match = sql`
  case when ${c.team_a} is not null or ${c.team_b} is not null
    then concat_ws(', ', concat_ws(' - ', ${c.team_a}, ${c.team_b}), ${matchDay})
  end`;

/** As positions in `roiBands`, so that they sort as numbers do. */
const roiBand = sql`
  case
    when ${c.roi_percent} < 2 then 1
    when ${c.roi_percent} < 3 then 2
    when ${c.roi_percent} < 5 then 3
    else 4
  end`;
const roiBands = sql`array['<2', '2-3', '3-5', '5+']`;
