/** Values to ask for, found in the data itself: for each filter one that many calls have, and one that few have. */
import { withClient } from './databases.js';

export interface Values {
  readonly common: string;
  readonly rare: string;
}

export interface Facts {
  readonly rows: { readonly calls: number; readonly clicks: number; readonly results: number };
  readonly filters: Readonly<Record<FilterName, Values>>;
  /** Percent that one call in ten thousand reaches. */
  readonly high_roi: number;
  /** When half of the calls had been sent, and thirty days later. */
  readonly middle: string;
  readonly month_later: string;
  readonly call_id: string;
}

const filters = {
  call_type: 'select call_type as value from calls',
  sport: 'select sport as value from calls',
  league: 'select league as value from calls',
  market: 'select market as value from calls',
  book: 'select unnest(array[book_a, book_b]) as value from calls',
  team: 'select unnest(array[team_a, team_b]) as value from calls',
  source: 'select source as value from calls',
  outcome: 'select outcome as value from call_states',
  user_id: 'select user_id as value from call_users',
};
export type FilterName = keyof typeof filters;

/** @throws Error when the database holds too little to ask about */
export async function readFacts(databaseUrl: string): Promise<Facts> {
  return withClient(databaseUrl, async (client) => {
    const one = async <Row extends object>(text: string): Promise<Row> => {
      const { rows } = await client.query<Row>(text);
      if (rows[0] === undefined) throw new Error('the database holds no calls to ask about');
      return rows[0];
    };
    const valuesOf = (values: string): Promise<Values> =>
      one(`
        with counted as (
          select value, count(*) as calls from (${values}) as listed where value is not null group by value
        )
        select
          (select value from counted order by calls desc, value limit 1) as common,
          (select value from counted order by calls, value limit 1) as rare`);
    return {
      rows: await one(`
        select
          (select count(*) from calls)::integer as calls,
          (select count(*) from clicks)::integer as clicks,
          (select count(*) from results)::integer as results`),
      filters: {
        call_type: await valuesOf(filters.call_type),
        sport: await valuesOf(filters.sport),
        league: await valuesOf(filters.league),
        market: await valuesOf(filters.market),
        book: await valuesOf(filters.book),
        team: await valuesOf(filters.team),
        source: await valuesOf(filters.source),
        outcome: await valuesOf(filters.outcome),
        user_id: await valuesOf(filters.user_id),
      },
      ...(await one<Pick<Facts, 'high_roi'>>(`
        select (percentile_disc(0.9999) within group (order by roi_percent))::double precision as high_roi
        from calls`)),
      ...(await one<Pick<Facts, 'middle' | 'month_later' | 'call_id'>>(`
        select
          to_json(sent_at at time zone 'UTC') #>> '{}' || 'Z' as middle,
          to_json((sent_at + interval '30 days') at time zone 'UTC') #>> '{}' || 'Z' as month_later,
          call_id
        from calls order by sent_at desc
        offset (select count(*) / 2 from calls) limit 1`)),
    };
  });
}
