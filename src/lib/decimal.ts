/** Sums of doubles as the decimal numbers they are written as. */

interface Decimal {
  readonly digits: bigint;
  /** Digits after the decimal point. */
  readonly scale: number;
}

/**
 * Adds numbers as people do on paper: each counts as the shortest decimal that reads back as the same double, the
 * sum is exact and rounded to a double once. So 0.1 + 0.2 is 0.3.
 *
 * @param terms finite numbers.
 */
export function addDecimals(...terms: readonly number[]): number {
  const hundredths = sumOfHundredths(terms);
  if (hundredths !== undefined) return hundredths / 100 + 0;
  const decimals = terms.map(decimalOf);
  const scale = Math.max(0, ...decimals.map((term) => term.scale));
  let sum = 0n;
  for (const term of decimals) sum += term.digits * 10n ** BigInt(scale - term.scale);
  return Number(`${sum}e-${scale}`);
}

/** Of up to 15 digits in all, which a double holds in one way only. */
const MAX_HUNDREDTHS = 1e15;

/** Most numbers are amounts with at most two digits after the point, whose sum needs no big integers. */
function sumOfHundredths(terms: readonly number[]): number | undefined {
  let sum = 0;
  for (const term of terms) {
    const hundredths = Math.round(term * 100);
    if (hundredths / 100 !== term || Math.abs(hundredths) >= MAX_HUNDREDTHS) return undefined;
    sum += hundredths;
  }
  return Math.abs(sum) < MAX_HUNDREDTHS ? sum : undefined;
}

function decimalOf(value: number): Decimal {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}
