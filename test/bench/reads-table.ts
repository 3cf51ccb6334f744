import { copyOutProgram } from './reads-exports.js';
import type { ProbeSample } from './reads-probe.js';
import type { ReadsReport, Timing } from './reads.js';
import type { Spread } from './statistics.js';
import { aligned } from './table.js';

/** The report for people: one table for each part that was measured. */
export function readsTables(report: ReadsReport): string {
  const { facts, settings, machine } = report;
  const tables = [
    timingTable('GET /v1/calls', report.pages),
    timingTable('GET /v1/stats, recipes', report.recipes),
    timingTable('GET /v1/stats, dimensions', report.dimensions),
    exportTable(report),
    probeTable(report),
    planTable(report),
  ].filter((table) => table !== '');
  return `${tables.join('\n\n')}

${facts.rows.calls} calls, ${facts.rows.clicks} clicks, ${facts.rows.results} results. Medians of ${settings.rounds} round(s) after one to warm up; over
HTTP, from the request to the last byte. ${machine.cpus} cores for client, service and PostgreSQL together, node ${machine.node}, load average
before: ${report.loadAverage.toFixed(2)}.
`;
}

/** Whether everything was answered. */
export function isWhole({ pages, recipes, dimensions }: ReadsReport): boolean {
  return [...pages, ...recipes, ...dimensions].every(({ error }) => error === null);
}

function timingTable(heading: string, timings: readonly Timing[]): string {
  if (timings.length === 0) return '';
  return aligned([
    [heading, 'ms', 'min–max', 'limit', 'bytes', ''],
    ...timings.map(({ question, ms, bytes, error }) => [
      question.title,
      fixed(ms, 1),
      range(ms),
      String(question.limitMs),
      String(bytes),
      error ?? ((ms?.median ?? 0) > question.limitMs ? 'late' : ''),
    ]),
  ]);
}

function exportTable({ exports, copyOut }: ReadsReport): string {
  if (exports.length === 0) return '';
  return aligned([
    ['exports', 'rows/s', 'min–max', 'ratio', 's', 'MB', 'CPU µs/row', 'MB resident before', 'peak'],
    [`\\copy by ${copyOutProgram}`, fixed(copyOut, 0), range(copyOut), '1', '', '', '', '', ''],
    ...exports.map(({ kind, figures, ratio }) => [
      kind.title,
      fixed(figures.rowsPerS, 0),
      range(figures.rowsPerS),
      fixed(ratio, 2),
      fixed(figures.seconds, 1),
      fixed(figures.mb, 0),
      fixed(figures.cpuUs, 1),
      fixed(figures.rssBeforeMb, 0),
      fixed(figures.rssPeakMb, 0),
    ]),
  ]);
}

function probeTable({ probes }: ReadsReport): string {
  if (probes === null) return '';
  const row = (title: string, { requests, p50Ms, p99Ms, maxMs }: ProbeSample): string[] => [
    title,
    String(requests),
    ...[p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)),
  ];
  return aligned([
    ['one after another', 'requests', 'p50 ms', 'p99 ms', 'max ms'],
    row('/livez at rest', probes.idle.livez),
    row('/livez beside a parquet export', probes.exporting.livez),
    row('POST /v1/calls at rest', probes.idle.post),
    row('POST /v1/calls beside a parquet export', probes.exporting.post),
  ]);
}

function planTable({ plans }: ReadsReport): string {
  if (plans.length === 0) return '';
  return aligned([
    ['plans of pages', 'ms', 'rows read', 'blocks', 'sort', 'scans'],
    ...plans.map(({ title, ms, rowsRead, blocks, sorts, scans }) => [
      title,
      ms.toFixed(1),
      String(rowsRead),
      String(blocks),
      sorts.join(', '),
      scans.join(', '),
    ]),
  ]);
}

function fixed(spread: Spread | null, digits: number): string {
  return spread === null ? '' : spread.median.toFixed(digits);
}

function range(spread: Spread | null): string {
  if (spread === null) return '';
  const digits = spread.min < 100 ? 1 : 0;
  return `${spread.min.toFixed(digits)}–${spread.max.toFixed(digits)}`;
}
