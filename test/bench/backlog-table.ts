import type { BacklogReport, PhaseLine } from './backlog.js';
import { aligned } from './table.js';

/** The report for people. */
export function backlogTables({
  settings,
  cpus,
  loadAverage,
  starts,
  phases,
  errors,
  missing,
}: BacklogReport): string {
  const startTable = aligned([
    ['start', 'ready ms', 'database ms'],
    ...starts.map(({ title, readyMs, databaseMs }) => [title, fixed(readyMs, 0), fixed(databaseMs, 0)]),
  ]);
  const phaseTable = aligned([
    ['', 'events/s', 'ratio', 'single POST/s', 'ratio', 'p99 ms', 'MB in the end', 'peak MB'],
    ...phases.map((phase) => [
      phase.title,
      fixed(phase.eventsPerS, 0),
      ratio(phase, phases, 'eventsPerS'),
      fixed(phase.singlesPerS, 0),
      ratio(phase, phases, 'singlesPerS'),
      fixed(phase.p99Ms, 1),
      fixed(phase.rssMb, 0),
      fixed(phase.peakRssMb, 0),
    ]),
  ]);
  return `${startTable}

${phaseTable}

Starts: from the start of the process until /readyz answers 200, and until the service knows its database. The backlog:
${settings.events} events. Ratios: by the first row that has such a figure. Single POSTs over ${settings.connections} connections for ${settings.durationS} s; beside the
drain as long as it takes, the highest p99 of slices of ${settings.sliceS} s. Drained: from readiness until all that was acknowledged before
is in the store. MB: resident, of a process that does nothing else. ${errors} errors, ${missing} acknowledged events missing.
${cpus} cores for load, service and PostgreSQL together, node ${process.version}, load average before: ${loadAverage.toFixed(2)}.
`;
}

function ratio(phase: PhaseLine, phases: readonly PhaseLine[], figure: 'eventsPerS' | 'singlesPerS'): string {
  const base = phases.find((other) => other[figure] !== null);
  const [own, its] = [phase[figure], base?.[figure] ?? null];
  return own === null || its === null || base === phase ? '' : (own / its).toFixed(2);
}

function fixed(value: number | null, digits: number): string {
  return value === null ? '' : value.toFixed(digits);
}
