import { tmpdir } from 'node:os';
import type { Line, Report } from './bench.js';
import { copyProgram } from './copy.js';
import type { Spread } from './statistics.js';

/** Acknowledging faster than storing is borrowing: a rate counts when everything has landed so soon after it. */
const LANDING_LIMIT_MS = 2_000;

type Cell = (line: Line) => string;

const columns: readonly (readonly [heading: string, cell: Cell])[] = [
  ['', (line) => line.title],
  ['acknowledged/s', ({ figures }) => fixed(figures.acknowledgedPerS, 0)],
  ['landed/s', ({ figures }) => fixed(figures.landedPerS, 0)],
  ['min–max', range],
  [
    'ratio',
    (line) =>
      line.ratios
        .filter(({ spread }) => spread !== null)
        .map(({ to, spread }) => `${fixed(spread, 2)} × ${to}`)
        .join(', '),
  ],
  ['p50 ms', ({ figures }) => fixed(figures.p50Ms, 1)],
  ['p99 ms', ({ figures }) => fixed(figures.p99Ms, 1)],
  ['p99.9 ms', ({ figures }) => fixed(figures.p999Ms, 1)],
  ['landed after', landed],
  ['errors', ({ figures }) => fixed(figures.errors, 0)],
  ['µs', ({ figures }) => pair(figures.serviceCpuUs, figures.postgresCpuUs)],
  ['bytes', ({ figures }) => pair(figures.serviceBytes, figures.postgresBytes)],
  ['peak MB', ({ figures }) => fixed(figures.peakRssMb, 0)],
  ['load', ({ figures }) => (figures.loadCpuPercent === null ? '' : `${fixed(figures.loadCpuPercent, 0)} %`)],
  ['lag ms', ({ figures }) => fixed(figures.loadLagMs, 1)],
];

/** The report for people. */
export function tableOf({ settings, machine, loadAverage, lines }: Report): string {
  const rows = [
    columns.map(([heading]) => heading),
    ...lines.map((line) => columns.map(([, cell]) => cell(line))),
  ];
  const { rounds, connections, durationS, rows: events } = settings;
  const memory = machine.inMemory
    ? `; ${tmpdir()} is in memory, where those of the service do not count`
    : '';
  return `${aligned(rows)}

Medians of ${rounds} round(s); min–max and ratio of what is compared, within a round: acknowledged/s or landed/s, and p99 at half
load. ${machine.cpus} cores for load, service and PostgreSQL ${machine.postgres} together, node ${machine.node}, load average before: ${loadAverage.toFixed(2)}.
The first five: single POST /v1/calls over ${connections} connections for ${durationS} s, each waiting for its answer; "whole" counts when all
has landed within ${LANDING_LIMIT_MS / 1000} s of the end. Half load: an open loop over as many connections at half of what call-logger with its
drain paused acknowledged in the same round, the floor at this rate too; latencies count from when a call was due, lag is
the load's own share of their p99. Raw spool: ${connections} appends of one record at once.
The others: ${events} events, acknowledged and landed per second from the first byte until the last answer or until a flush
returns; COPY by ${copyProgram} over one connection. Beside the rows that COPY writes, call-logger writes the event to its
spool with a sync, keeps call_users and call_states, and records each batch in drain_batches.
µs: CPU time per event, of the process that answers + of PostgreSQL. bytes: written to disk per event, likewise, warm-up and
a checkpoint in the end included${memory}. load: of one core, by whatever makes the load;
near 100 % the load is the limit, and the rate a lower bound.
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

/** The service's and PostgreSQL's. */
function pair(service: Spread | null, postgres: Spread | null): string {
  if (service === null) return postgres === null ? '' : `+ ${fixed(postgres, 0)}`;
  return postgres === null ? fixed(service, 0) : `${fixed(service, 0)} + ${fixed(postgres, 0)}`;
}

function range({ headline, figures }: Line): string {
  const spread = figures[headline];
  if (spread === null) return '';
  const digits = headline === 'p99Ms' ? 1 : 0;
  return `${spread.min.toFixed(digits)}–${spread.max.toFixed(digits)}`;
}

/** The median. */
export function fixed(spread: Spread | null, digits: number): string {
  return spread === null ? '' : spread.median.toFixed(digits);
}
