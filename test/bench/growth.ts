/** How cost grows: with the calls in the store, with connections, with the size of events. */
import { cpus, loadavg } from 'node:os';
import { type ConnectionsLine, growConnections } from './growth-connections.js';
import { type RowsLine, growRows } from './growth-rows.js';
import { type SizesLine, growSizes } from './growth-sizes.js';
import type { Ground } from './ground.js';
import type { GrowthSettings, Progress } from './growth-settings.js';

export interface GrowthReport {
  readonly settings: GrowthSettings;
  readonly cpus: number;
  readonly loadAverage: number;
  readonly connections: readonly ConnectionsLine[];
  readonly sizes: readonly SizesLine[];
  readonly rows: readonly RowsLine[];
}

export async function runGrowth(
  ground: Ground,
  settings: GrowthSettings,
  progress: Progress,
): Promise<GrowthReport> {
  return {
    settings,
    cpus: cpus().length,
    loadAverage: loadavg()[0] ?? 0,
    connections: await growConnections(ground, settings, progress),
    sizes: await growSizes(ground, settings, progress),
    rows: await growRows(ground, settings, progress),
  };
}
