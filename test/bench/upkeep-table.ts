import { aligned } from './table.js';
import type { UpkeepReport } from './upkeep.js';

/** The report for people. */
export function upkeepTable({ lines, cpus, loadAverage }: UpkeepReport): string {
  const table = aligned([
    [
      '',
      's alone',
      's beside ingest',
      'acknowledged/s at rest',
      'beside it',
      'ratio',
      'p99 ms',
      'peak MB',
      '',
    ],
    ...lines.map(({ title, aloneS, besideS, restingRate, besideRate, besideP99Ms, peakRssMb, note }) => [
      title,
      fixed(aloneS, 1),
      fixed(besideS, 1),
      fixed(restingRate, 0),
      fixed(besideRate, 0),
      restingRate === null || besideRate === null ? '' : fixed(besideRate / restingRate, 2),
      fixed(besideP99Ms, 1),
      fixed(peakRssMb, 0),
      note,
    ]),
  ]);
  return `${table}

Ingest is a load that never pauses, on the same ${cpus} cores as the service and PostgreSQL; at rest is the mean of before and
after. Node ${process.version}, load average before: ${loadAverage.toFixed(2)}.
`;
}

function fixed(value: number | null, digits: number): string {
  return value === null ? '' : value.toFixed(digits);
}
