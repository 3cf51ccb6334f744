import fc from 'fast-check';
import t from 'tap';
import {
  americanOdds,
  clvPercent,
  decimalOdds,
  impliedProbability,
  impliedRoiPercent,
} from '../../src/events/odds.js';

const near = (a: number, b: number): boolean =>
  Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

t.test('American and decimal odds are the published equivalents of each other', async (t) => {
  const pairs: [american: number, decimal: number][] = [
    [100, 2],
    [150, 2.5],
    [154, 2.54],
    [1000, 11],
    [-110, 1 + 100 / 110],
    [-200, 1.5],
    [-400, 1.25],
    [-10_000, 1.01],
  ];
  for (const [american, decimal] of pairs) {
    t.ok(near(decimalOdds(american, 'american') ?? 0, decimal), `${american}`);
    t.ok(near(americanOdds(decimal), american), `${decimal}`);
  }
  t.equal(decimalOdds(-100, 'american'), 2, 'even money has two spellings');
});

t.test('a price that its format does not have is null', async (t) => {
  for (const odds of [99.99, 50, 1, 0, -1, -99.99]) t.equal(decimalOdds(odds, 'american'), null);
  for (const odds of [1, 0.5, 0, -110]) t.equal(decimalOdds(odds, 'decimal'), null);
});

t.test('implied return is what equal payout over both sides earns', async (t) => {
  const decimals = fc.double({ min: 1.01, max: 1000, noNaN: true });
  t.ok(near(impliedRoiPercent(2.1, 2.1), 5));
  t.ok(near(impliedRoiPercent(1.9, 1.9), -5));
  fc.assert(
    fc.property(decimals, decimals, (a, b) => {
      const stakeA = (100 * impliedProbability(a)) / (impliedProbability(a) + impliedProbability(b));
      return (
        near(stakeA * a - 100, impliedRoiPercent(a, b)) &&
        near((100 - stakeA) * b - 100, impliedRoiPercent(a, b))
      );
    }),
  );
});

t.test('closing line value is positive when the price taken was the better one', async (t) => {
  t.ok(near(clvPercent(2.1, 2), 5));
  t.ok(near(clvPercent(2, 2.5), -20));
  t.equal(clvPercent(1.87, 1.87), 0);
});
