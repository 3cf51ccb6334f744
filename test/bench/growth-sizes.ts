import type { GrowthSettings, Progress } from './growth-settings.js';
import type { Ground } from './ground.js';
import { measureNdjson } from './measure-ndjson.js';
import { measureSingles } from './measure-singles.js';
import { sizedCalls } from './sized.js';
import { Samples } from './samples.js';
import type { Figures } from './statistics.js';
import { openService, withTarget } from './targets.js';

export interface SizesLine {
  /** Of an event as JSON, about. */
  readonly bytes: number;
  readonly singles: Figures;
  readonly ndjson: Figures;
}

/** So much at most goes into one body, and into all bodies of a measurement. */
const BODY_BYTES = 8 * 1024 * 1024;
const BODIES_BYTES = 64 * 1024 * 1024;

export async function growSizes(
  ground: Ground,
  settings: GrowthSettings,
  progress: Progress,
): Promise<SizesLine[]> {
  const levels = settings.eventSizes.map((bytes) => ({
    bytes,
    samples: new Samples<'singles' | 'ndjson'>(),
  }));
  for (let round = 1; round <= settings.rounds; round++) {
    for (const { bytes, samples } of levels) {
      const atMost = (rows: number, ofBytes: number): number => Math.min(rows, Math.floor(ofBytes / bytes));
      const batch = {
        events: sizedCalls(bytes),
        eventsPerBody: atMost(10_000, BODY_BYTES),
        rows: atMost(settings.rows, BODIES_BYTES),
        warmUpRows: atMost(settings.warmUpRows, BODY_BYTES),
      };
      await withTarget(ground, openService({ drains: true }), async (target) => {
        samples.add('singles', await measureSingles(ground, target, { ...settings, eventBytes: bytes }));
        samples.add('ndjson', await measureNdjson(ground, target, batch));
      });
      progress(`round ${round}: events of ${bytes} bytes`);
    }
  }
  return levels.map(({ bytes, samples }) => ({
    bytes,
    singles: samples.figures('singles'),
    ndjson: samples.figures('ndjson'),
  }));
}
