/** Random events that collide: few calls, few users, few times. */
import fc from 'fast-check';
import type { Body } from '../helpers/events.js';

/** Two pairs that a careless comparison takes for one: by case, and by Unicode normalisation. */
export const CALL_IDS = ['c1', 'C1', '\u00e9', 'e\u0301'] as const;
/** In UTF-16 the last but one is the greatest, bytewise the last. */
const EVENT_IDS = ['B', 'a', 'a1', 'b', '\u00e9', '\uff01', '\u{1f600}'] as const;
const USERS = ['u1', 'u2', 'U1', "o'x"] as const;

const cents = (min: number, max: number) => fc.integer({ min, max }).map((value) => value / 100);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 3 });
const instant = fc
  .tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 999_999 }))
  .map(([second, micros]) => `2025-10-22T05:00:${pad(second, 2)}.${pad(micros, 6)}Z`);

const americanOdds = fc.oneof(cents(10_000, 200_000), cents(-200_000, -10_000));
const decimalOdds = cents(101, 5_000);
/** Some make no sense in the format of their call. */
const closingLine = fc.oneof(americanOdds, decimalOdds);

const callArbitrary: fc.Arbitrary<Body> = fc
  .tuple(fc.constantFrom('arbitrage', 'middle', 'good_ev'), fc.constantFrom('american', 'decimal', null))
  .chain(([callType, format]) => {
    const odds = format === 'decimal' ? decimalOdds : americanOdds;
    const second = callType === 'good_ev' ? optional : <T>(value: fc.Arbitrary<T>) => value;
    return fc.record({
      type: fc.constant('call'),
      call_id: fc.constantFrom(...CALL_IDS),
      call_type: fc.constant(callType),
      sport: optional(fc.constantFrom('soccer', 'tennis')),
      team_a: optional(fc.constantFrom('Montréal', 'A "quoted" \\ team')),
      match_date: optional(fc.constantFrom('2025-10-22', '2024-02-29')),
      commence_time: optional(instant),
      book_a: fc.constantFrom('bet365', 'Pinnacle'),
      book_b: second(fc.constantFrom('bet365', 'Pinnacle')),
      odds_a: odds,
      odds_b: second(odds),
      odds_format: fc.constant(format),
      roi_percent: cents(-2_000, 2_000),
      stake_a: optional(fc.integer({ min: 0, max: 1_000 })),
      stake_b: optional(fc.integer({ min: 0, max: 1_000 })),
      sent_at: instant,
      users_notified: optional(fc.integer({ min: 0, max: 7 })),
      source: optional(fc.constant('sender')),
      raw: optional(fc.constant({ b: [1, 'two'], a: null })),
    });
  });

const clickArbitrary: fc.Arbitrary<Body> = fc.record({
  type: fc.constant('click'),
  call_id: fc.constantFrom(...CALL_IDS),
  event_id: fc.tuple(fc.constantFrom(...EVENT_IDS), fc.nat(9)).map(([id, index]) => `${id}${index}`),
  user_id: optional(fc.constantFrom(...USERS)),
  action: fc.constantFrom('bet', 'click', null),
  clicked_at: instant,
});

const resultArbitrary: fc.Arbitrary<Body> = fc
  .record({
    type: fc.constant('result'),
    call_id: fc.constantFrom(...CALL_IDS),
    event_id: fc.constantFrom(...EVENT_IDS),
    settled_at: fc.constantFrom(
      '2025-10-22T05:30:00Z',
      '2025-10-22T05:30:00.000001Z',
      '2025-10-22T05:29:59.9Z',
    ),
    outcome: optional(fc.constantFrom('a_won', 'b_won', 'both_won', 'push', 'void', 'unknown')),
    profit_actual: optional(cents(-10_000, 10_000)),
    closing_line_a: optional(closingLine),
    closing_line_b: optional(closingLine),
    clv_a: optional(cents(-1_000, 1_000)),
    line_movement_speed: optional(fc.constantFrom('fast', 'normal', 'slow')),
    closed_at: optional(instant),
  })
  .chain((result) =>
    fc.constantFrom(
      { ...result, ...noClosing },
      { ...result, ...noSettlement },
      // In full, and the fields of it that are null are left to chance.
      result,
    ),
  )
  .map((result) => (saysSomething(result) ? result : { ...result, outcome: 'void' }));

const noClosing = {
  closing_line_a: null,
  closing_line_b: null,
  clv_a: null,
  line_movement_speed: null,
  closed_at: null,
};
const noSettlement = { outcome: null, profit_actual: null };

function saysSomething(result: Body): boolean {
  return Object.keys({ ...noClosing, ...noSettlement }).some((field) => result[field] !== null);
}

export const eventArbitrary: fc.Arbitrary<Body> = fc.oneof(
  { arbitrary: callArbitrary, weight: 2 },
  { arbitrary: clickArbitrary, weight: 6 },
  { arbitrary: resultArbitrary, weight: 4 },
);

export function identityOf(event: Body): string {
  const { type, call_id, event_id = '' } = event;
  return [type, call_id, event_id].join(' ');
}

/** An event on its way: into which of two spools, and written down in which of several ways. */
export interface Sending {
  readonly event: Body;
  readonly spool: 0 | 1;
  readonly payload: Buffer;
}

/** Each event at least once, some again and in both spools, in any order. */
export function sendingsOf(events: readonly Body[]): fc.Arbitrary<Sending[]> {
  const sending = (event: Body): fc.Arbitrary<Sending[]> =>
    fc.array(
      fc.record({
        event: fc.constant(event),
        spool: fc.constantFrom(0 as const, 1 as const),
        payload: spellings(event),
      }),
      { minLength: 1, maxLength: 4 },
    );
  return fc.tuple(...events.map(sending)).chain((lists) => {
    const all = lists.flat();
    return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length });
  });
}

/** The same event in other bytes: spaces, order of names, nulls left out. */
function spellings(event: Body): fc.Arbitrary<Buffer> {
  const withoutNulls = Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null));
  const reversed = Object.fromEntries(Object.entries(event).reverse());
  return fc
    .constantFrom(JSON.stringify(event), JSON.stringify(withoutNulls), JSON.stringify(reversed, null, 1))
    .map((text) => Buffer.from(text));
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
