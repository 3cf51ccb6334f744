/**
 * Odds arithmetic, as bookmakers publish it. Decimal odds are what one unit of stake pays back, stake included;
 * American odds are what 100 win (positive) or what must be staked to win 100 (negative).
 *
 * SQL computes the same from stored odds; these functions are what it is tested against.
 */
import type { OddsFormat } from './call.js';

/**
 * Decimal odds of a price, or null when no such price exists in its format: American odds are ≤ -100 or ≥ 100,
 * decimal odds are > 1.
 *
 * American to decimal: 1 + odds / 100 when positive, 1 + 100 / |odds| when negative.
 * Source: https://en.wikipedia.org/wiki/Odds#Moneyline_odds
 */
export function decimalOdds(odds: number, format: OddsFormat): number | null {
  if (format === 'decimal') return odds > 1 ? odds : null;
  if (odds >= 100) return 1 + odds / 100;
  return odds <= -100 ? 1 + 100 / -odds : null;
}

/**
 * American odds of decimal odds > 1: (odds - 1) × 100 from 2.0 on, -100 / (odds - 1) below. Even money, which
 * American odds can spell as both 100 and -100, is 100.
 */
export function americanOdds(decimal: number): number {
  return decimal >= 2 ? (decimal - 1) * 100 : -100 / (decimal - 1);
}

/** The chance of winning at which decimal odds are fair, 0 to 1, bookmaker's margin included: 1 / odds. */
export function impliedProbability(decimal: number): number {
  return 1 / decimal;
}

/**
 * Return in percent of all stakes when both sides of a bet are backed for equal payout and one of them wins:
 * (1 / (1/a + 1/b) - 1) × 100 in decimal odds. Positive for a true arbitrage.
 * Source: https://en.wikipedia.org/wiki/Arbitrage_betting
 */
export function impliedRoiPercent(decimalA: number, decimalB: number): number {
  return (1 / (impliedProbability(decimalA) + impliedProbability(decimalB)) - 1) * 100;
}

/**
 * Closing line value in percent: (decimal odds ÷ decimal closing odds - 1) × 100. Positive when the price taken was
 * better than the last one before the match.
 */
export function clvPercent(decimal: number, closingDecimal: number): number {
  return (decimal / closingDecimal - 1) * 100;
}
