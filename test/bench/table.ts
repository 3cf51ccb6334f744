import type { Line, Report } from './bench.js';
import { copyProgram } from './copy.js';
import type { Spread } from './statistics.js';

/** Acknowledging faster than storing is borrowing: a rate counts when everything has landed so soon after it. */
const LANDING_LIMIT_MS = 2_000;

type Cell = (line: Line) => string;

const columns: readonly (readonly [heading: string, cell: Cell])[] = [
  ['', (line) => line.title],
  ['events/s', ({ figures }) => whole(figures.rate)],
  ['min–max', ({ figures }) => range(figures.rate)],
  ['ratio', (line) => line.ratios.map(({ to, spread }) => `${fixed(spread, 2)} × ${to}`).join(', ')],
  ['p50 ms', ({ figures }) => fixed(figures.p50Ms, 1)],
  ['p99 ms', ({ figures }) => fixed(figures.p99Ms, 1)],
  ['p99.9 ms', ({ figures }) => fixed(figures.p999Ms, 1)],
  ['errors', ({ figures }) => whole(figures.errors)],
  ['landed after', landed],
  ['service µs', ({ figures }) => fixed(figures.serviceCpuUs, 1)],
  ['PostgreSQL µs', ({ figures }) => fixed(figures.postgresCpuUs, 1)],
  ['peak MB', ({ figures }) => whole(figures.peakRssMb)],
  [
    'load CPU',
    ({ figures }) => (figures.loadCpuPercent === null ? '' : `${whole(figures.loadCpuPercent)} %`),
  ],
];

/** The report for people. */
export function tableOf({ settings, machine, loadAverage, lines }: Report): string {
  const rows = [
    columns.map(([heading]) => heading),
    ...lines.map((line) => columns.map(([, cell]) => cell(line))),
  ];
  const { rounds, connections, durationS, rows: events } = settings;
  return `${aligned(rows)}

Medians of ${rounds} round(s); ratios within a round. ${machine.cpus} cores for load, service and PostgreSQL ${machine.postgres} together,
node ${machine.node}, load average before: ${loadAverage.toFixed(2)}.
The first four: single POST /v1/calls over ${connections} connections for ${durationS} s, acknowledged per second; "whole" counts when all
has landed within ${LANDING_LIMIT_MS / 1000} s of the end. The others: ${events} events, in the store per second, from the first byte until a
flush returns; COPY by ${copyProgram} over one connection. Beside the rows that COPY writes, call-logger writes the event to
its spool with a sync, keeps call_users and call_states, and records each batch in drain_batches.
µs: CPU time per event. load CPU: of one core, by whatever makes the load; near 100 % the load is the limit, and the rate
a lower bound.
`;
}

/** Rows of cells in columns as wide as they have to be: the first to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const lines = rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

function landed({ figures: { landedAfterMs } }: Line): string {
  if (landedAfterMs === null) return '';
  const text = `${Math.round(landedAfterMs.median)} ms`;
  return landedAfterMs.max > LANDING_LIMIT_MS ? `${text} (late)` : text;
}

function whole(spread: Spread | null): string {
  return fixed(spread, 0);
}

function fixed(spread: Spread | null, digits: number): string {
  return spread === null ? '' : spread.median.toFixed(digits);
}

function range(spread: Spread | null): string {
  return spread === null ? '' : `${Math.round(spread.min)}–${Math.round(spread.max)}`;
}
