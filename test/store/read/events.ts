/** Calls, clicks and results that differ in whatever a question can ask for; the same ones in every run. */
import fc from 'fast-check';
import { addMs } from '../../../src/lib/time.js';
import { type Body, callOf, clickOf, resultOf } from '../../helpers/events.js';

const books = ['Pinnacle', 'bet365', 'Åland', "O'Book"];
const teams = ['Ajax', 'Bayern', 'Ümraniye'];
const orNull = <T>(...values: T[]) => fc.constantFrom(...values, null);

/** Around both changes of the clock in Paris, ends of days, months and years, and Sundays. */
export const awkwardTimes = [
  '2024-03-31T00:59:59.999999Z',
  '2024-03-31T01:00:00.000000Z',
  '2024-10-27T00:30:00.000000Z',
  '2024-10-27T01:30:00.000000Z',
  '2024-12-31T22:59:59.999999Z',
  '2024-12-31T23:00:00.000000Z',
  '2025-02-28T23:30:00.000001Z',
  '2025-08-17T17:00:00.000000Z',
];

const decimal = { odds_format: 'decimal', odds_a: 2.1, odds_b: 1.95, closing: [2.04, 1.7] };
const american = { odds_format: 'american', odds_a: -110, odds_b: 150, closing: [-125, 130, 1.5] };

const call = fc
  .record({
    call_type: fc.constantFrom('arbitrage', 'middle', 'good_ev'),
    sport: orNull('soccer', 'tennis', 'it\'s "x"; --'),
    league: orNull('E0', 'e0'),
    market: orNull('moneyline', 'total_2.5'),
    source: orNull('bot-1', 'bot-2'),
    team_a: orNull(...teams),
    team_b: orNull(...teams),
    match_date: orNull('2024-03-31', '2025-08-17'),
    commence_time: orNull('2024-03-31T23:30:00.000000Z', '2024-10-27T00:30:00.000000Z'),
    book_a: fc.constantFrom(...books),
    book_b: fc.constantFrom(...books),
    isAlone: fc.boolean(),
    prices: fc.constantFrom(decimal, american),
    roi_percent: fc.constantFrom(-3.25, 1.999999, 2, 2.5, 3, 4.999999, 5, 7.125),
    profit_expected: orNull(12.35, -4.4),
    users_notified: fc.constantFrom(0, 3, 7, 40),
    sent_at: fc.constantFrom(...awkwardTimes),
    clicks: fc.array(
      fc.record({
        user_id: orNull('u1', 'u2', 'u3'),
        action: fc.constantFrom('bet', 'click'),
        afterMs: fc.integer({ min: 1, max: 9_000_000 }),
      }),
      { maxLength: 5 },
    ),
    settlement: fc.option(
      fc.record({
        outcome: fc.constantFrom('a_won', 'b_won', 'both_won', 'push', 'void', 'unknown'),
        profit_actual: orNull(0, 31.5, -750),
      }),
      { nil: null },
    ),
    closing: fc.option(
      fc.record({
        lines: fc.tuple(fc.option(fc.nat(2), { nil: null }), fc.option(fc.nat(2), { nil: null })),
        clv_a: orNull(-1.75),
        line_movement_speed: fc.constantFrom('fast', 'normal', 'slow'),
        openMs: fc.option(fc.integer({ min: 1, max: 9_000_000 }), { nil: null }),
      }),
      { nil: null },
    ),
  })
  .map(({ isAlone, prices, clicks, settlement, closing, ...fields }) => (id: string): Body[] => {
    const { closing: lines, odds_b, ...odds } = prices;
    const isOneSided = isAlone && fields.call_type === 'good_ev';
    const events = [
      callOf(id, { ...fields, ...odds, ...(isOneSided ? { book_b: null, odds_b: null } : { odds_b }) }),
      ...clicks.map(({ afterMs, ...click }, index) =>
        clickOf(id, `k${index}`, { ...click, clicked_at: addMs(fields.sent_at, afterMs) }),
      ),
    ];
    if (settlement !== null) events.push(resultOf(id, 'settlement', settlement));
    if (closing !== null) {
      const { lines: chosen, openMs, ...rest } = closing;
      const [line_a, line_b] = chosen.map((index) => (index === null ? null : (lines[index] ?? null)));
      const closed_at = openMs === null ? null : addMs(fields.sent_at, openMs);
      events.push(
        resultOf(id, 'closing', { ...rest, closing_line_a: line_a, closing_line_b: line_b, closed_at }),
      );
    }
    return events;
  });

export function manyEvents(calls: number): Body[] {
  return fc
    .sample(call, { numRuns: calls, seed: 20_250_817 })
    .flatMap((make, index) => make(`many-${index}`));
}
