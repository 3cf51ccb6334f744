import fc from 'fast-check';
import t from 'tap';
import { addMs, isCalendarDate, parseUtcTime, utcTimeFromMs, utcTimeToMs } from '../../src/lib/time.js';

t.test('an instant with any offset comes out in UTC with every microsecond it had', async (t) => {
  const cases: [string, string][] = [
    ['2025-08-17T10:00:00Z', '2025-08-17T10:00:00.000000Z'],
    ['2025-08-17T10:00:00.1Z', '2025-08-17T10:00:00.100000Z'],
    ['2025-08-17T10:00:00.123456Z', '2025-08-17T10:00:00.123456Z'],
    ['2025-08-17T12:00:00.123456+02:00', '2025-08-17T10:00:00.123456Z'],
    ['2025-08-17T06:30:00.999999-03:30', '2025-08-17T10:00:00.999999Z'],
    ['2025-08-17t10:00:00z', '2025-08-17T10:00:00.000000Z'],
    ['2025-08-17T10:00:00-00:00', '2025-08-17T10:00:00.000000Z'],
    ['2024-12-31T23:59:59.999999-00:01', '2025-01-01T00:00:59.999999Z'],
    ['2025-01-01T00:00:00.000001+00:01', '2024-12-31T23:59:00.000001Z'],
    ['2024-02-29T23:30:00-01:00', '2024-03-01T00:30:00.000000Z'],
    ['2023-03-01T00:30:00+01:00', '2023-02-28T23:30:00.000000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    ['0000-12-31T23:30:00-01:00', '0001-01-01T00:30:00.000000Z'],
    ['0050-06-01T00:30:00+01:00', '0050-05-31T23:30:00.000000Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
    ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
  ];
  for (const [text, utc] of cases) t.equal(parseUtcTime(text), utc, text);
});

t.test('what is no instant of the calendar to the microsecond is refused', async (t) => {
  const cases = [
    '',
    '2025-08-17',
    '2025-08-17T10:00:00',
    '2025-08-17 10:00:00Z',
    '2025-08-17T10:00Z',
    '2025-08-17T10:00:00.Z',
    '2025-08-17T10:00:00,5Z',
    '2025-08-17T10:00:00.1234567Z',
    '2025-08-17T10:00:00+0200',
    '2025-08-17T10:00:00+02',
    '2025-08-17T10:00:00+24:00',
    '2025-08-17T10:00:00+02:60',
    '2025-08-17T24:00:00Z',
    '2025-08-17T10:60:00Z',
    '2016-12-31T23:59:60Z',
    '2025-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2025-04-31T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-00-01T00:00:00Z',
    '2025-01-00T00:00:00Z',
    '0000-06-01T00:00:00Z',
    '0001-01-01T00:30:00+01:00',
    '9999-12-31T23:30:00-01:00',
    '10000-01-01T00:00:00Z',
    '-001-01-01T00:00:00Z',
    '2025-08-17T10:00:00Z\n',
    ' 2025-08-17T10:00:00Z',
    '２025-08-17T10:00:00Z',
    '1755424800',
  ];
  for (const text of cases) t.equal(parseUtcTime(text), undefined, JSON.stringify(text));
});

const instants = fc.record({
  ms: fc.integer({ min: Date.parse('0001-01-03T00:00:00Z'), max: Date.parse('9999-12-29T00:00:00Z') }),
  microseconds: fc.integer({ min: 0, max: 999 }),
  offsetMinutes: fc.integer({ min: -1439, max: 1439 }),
});

/** An independent spelling of an instant in an offset: whole seconds by Date, the fraction by hand. */
function spell(ms: number, microseconds: number, offsetMinutes: number): string {
  const local = new Date(ms + offsetMinutes * 60_000).toISOString();
  const [hours, minutes] = [Math.floor(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60];
  const offset = `${offsetMinutes < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
  return `${local.slice(0, 23)}${String(microseconds).padStart(3, '0')}${offset}`;
}

t.test('every spelling of an instant is read as the same text', async () => {
  fc.assert(
    fc.property(instants, ({ ms, microseconds, offsetMinutes }) => {
      const expected = `${new Date(ms).toISOString().slice(0, 23)}${String(microseconds).padStart(3, '0')}Z`;
      return parseUtcTime(spell(ms, microseconds, offsetMinutes)) === expected;
    }),
  );
});

t.test('instants sort as text', async () => {
  fc.assert(
    fc.property(instants, instants, (a, b) => {
      const [first, second] = [a, b].map(
        ({ ms, microseconds }) => parseUtcTime(spell(ms, microseconds, 0)) ?? '',
      );
      const earlier = a.ms < b.ms || (a.ms === b.ms && a.microseconds < b.microseconds);
      return String(first) < String(second) === earlier;
    }),
  );
});

t.test('milliseconds go to an instant and back, and adding keeps the microseconds', async (t) => {
  t.equal(utcTimeFromMs(0), '1970-01-01T00:00:00.000000Z');
  t.equal(utcTimeToMs('2025-08-17T10:00:00.123999Z'), Date.parse('2025-08-17T10:00:00.123Z'));
  t.equal(addMs('2024-12-31T23:59:59.999999Z', 1), '2025-01-01T00:00:00.000999Z');
  t.equal(addMs('2025-01-01T00:00:00.000999Z', -1), '2024-12-31T23:59:59.999999Z');
  fc.assert(fc.property(instants, ({ ms }) => utcTimeToMs(utcTimeFromMs(ms)) === ms));
});

t.test('an instant outside the years 1 to 9999 is an error and never another instant', async (t) => {
  t.throws(() => utcTimeFromMs(Date.parse('0000-12-31T23:59:59Z')), RangeError);
  t.throws(() => utcTimeFromMs(Date.parse('9999-12-31T23:59:59.999Z') + 1), RangeError);
  t.throws(() => utcTimeFromMs(Number.NaN), RangeError);
  t.throws(() => addMs('9999-12-31T23:59:59.999999Z', 1), RangeError);
});

t.test('a date is a day of the calendar as YYYY-MM-DD', async (t) => {
  for (const day of ['2025-08-17', '2024-02-29', '0001-01-01', '9999-12-31']) t.ok(isCalendarDate(day), day);
  for (const day of [
    '2025-02-29',
    '2025-8-17',
    '17.08.2025',
    '0000-01-01',
    '2025-08-17T00:00:00Z',
    '2025-08-17\n',
    '',
  ])
    t.notOk(isCalendarDate(day), JSON.stringify(day));
});
