import type { GrowthSettings, Progress } from './growth-settings.js';
import type { Ground } from './ground.js';
import { measureSingles } from './measure-singles.js';
import { Samples } from './samples.js';
import type { Figures } from './statistics.js';
import { openService, withTarget } from './targets.js';

export interface ConnectionsLine {
  readonly connections: number;
  readonly paused: Figures;
  readonly whole: Figures;
}

export async function growConnections(
  ground: Ground,
  settings: GrowthSettings,
  progress: Progress,
): Promise<ConnectionsLine[]> {
  const levels = settings.connectionCounts.map((connections) => ({
    connections,
    samples: new Samples<'paused' | 'whole'>(),
  }));
  for (let round = 1; levels.length > 0 && round <= settings.rounds; round++) {
    for (const kind of ['paused', 'whole'] as const) {
      await withTarget(ground, openService({ drains: kind === 'whole' }), async (target) => {
        for (const { connections, samples } of levels) {
          const sample = await measureSingles(ground, target, { ...settings, connections });
          samples.add(kind, sample);
          progress(
            `round ${round}: ${kind}, ${connections} connections: ${sample.acknowledgedPerS?.toFixed(0)}/s`,
          );
        }
      });
    }
  }
  return levels.map(({ connections, samples }) => ({
    connections,
    paused: samples.figures('paused'),
    whole: samples.figures('whole'),
  }));
}
