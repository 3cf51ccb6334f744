import type { GrowthReport } from './growth.js';
import type { Figures, Spread } from './statistics.js';
import { aligned, fixed } from './table.js';

/** The report for people. */
export function growthTables({ settings, cpus, loadAverage, ...parts }: GrowthReport): string {
  const tables = [
    table(
      `Single POST over so many connections`,
      ['connections', ...both('paused', SINGLES), ...both('whole', SINGLES), 'errors'],
      parts.connections.map(({ connections, paused, whole }) => [
        count(connections),
        ...singles(paused),
        ...singles(whole),
        errors(paused, whole),
      ]),
    ),
    table(
      'Events of so many bytes: single POST, and NDJSON, all into the store',
      [
        'bytes',
        ...both('single', SINGLES),
        'MB/s',
        'landed after',
        ...both('NDJSON', ['landed/s', 'MB/s']),
        'peak MB',
        'errors',
      ],
      parts.sizes.map(({ bytes, singles: one, ndjson }) => [
        count(bytes),
        ...singles(one),
        megabytes(one.acknowledgedPerS, bytes),
        landedAfter(one),
        fixed(ndjson.landedPerS, 0),
        megabytes(ndjson.landedPerS, bytes),
        fixed(ndjson.peakRssMb, 0),
        errors(one, ndjson),
      ]),
    ),
    table(
      'So many calls in the store: single POST, NDJSON of 10,000 calls, and of calls, clicks, results 1 : 5 : 1',
      [
        'calls',
        ...both('single', SINGLES),
        'landed after',
        'calls landed/s',
        'PostgreSQL µs',
        'bytes',
        ...both('mixed', ['landed/s', 'PostgreSQL µs', 'bytes']),
        'errors',
      ],
      parts.rows.map(({ calls, singles: one, ndjson, mixed }) => [
        count(calls),
        ...singles(one),
        landedAfter(one),
        ...stored(ndjson),
        ...stored(mixed),
        errors(one, ndjson, mixed),
      ]),
    ),
  ];
  const { rounds, durationS, connections, rows } = settings;
  return `${tables.filter((text) => text !== '').join('\n\n')}

Medians of ${rounds} round(s). Single POST: for ${durationS} s, each connection waiting for its answer, ${connections} of them where their number is
not what grows; acknowledged/s, p50 and p99 in ms. NDJSON: ${rows} events, of large ones 64 MiB, until all are in the store.
${cpus} cores for load, service and PostgreSQL together, node ${process.version}, load average before: ${loadAverage.toFixed(2)}.
`;
}

const SINGLES = ['acknowledged/s', 'p50', 'p99'];

function both(kind: string, headings: readonly string[]): string[] {
  return headings.map((heading, i) => (i === 0 ? `${kind}: ${heading}` : heading));
}

function table(title: string, headings: readonly string[], rows: readonly string[][]): string {
  return rows.length === 0 ? '' : `${title}\n\n${aligned([headings, ...rows])}`;
}

function singles({ acknowledgedPerS, p50Ms, p99Ms }: Figures): string[] {
  return [fixed(acknowledgedPerS, 0), fixed(p50Ms, 1), fixed(p99Ms, 1)];
}

function stored({ landedPerS, postgresCpuUs, postgresBytes }: Figures): string[] {
  return [fixed(landedPerS, 0), fixed(postgresCpuUs, 0), fixed(postgresBytes, 0)];
}

function landedAfter({ landedAfterMs }: Figures): string {
  return landedAfterMs === null ? '' : `${fixed(landedAfterMs, 0)} ms`;
}

function megabytes(perS: Spread | null, bytes: number): string {
  return perS === null ? '' : ((perS.median * bytes) / 1e6).toFixed(1);
}

function errors(...figures: readonly Figures[]): string {
  return String(figures.reduce((sum, { errors }) => sum + (errors?.max ?? 0), 0));
}

function count(value: number): string {
  return value.toLocaleString('en');
}
