import { type Database, withClient } from './databases.js';
import { fill } from './fill.js';
import type { GrowthSettings, Progress } from './growth-settings.js';
import type { Ground } from './ground.js';
import { measureNdjson } from './measure-ndjson.js';
import { measureSingles } from './measure-singles.js';
import { callEvents, fixtureEvents, mixedEvents } from './rows.js';
import { Samples } from './samples.js';
import type { Figures } from './statistics.js';
import { openService } from './targets.js';

export interface RowsLine {
  /** In the store at the begin, each of those that were filled in with about 5 clicks and 1.2 results. */
  readonly calls: number;
  readonly singles: Figures;
  readonly ndjson: Figures;
  readonly mixed: Figures;
}

const FILL_WEEKS = 156;

/** One database is filled on and on, so every level is measured before the next. */
export async function growRows(
  ground: Ground,
  settings: GrowthSettings,
  progress: Progress,
): Promise<RowsLine[]> {
  const lines: RowsLine[] = [];
  const database = await ground.databases.create();
  for (const level of settings.callsInStore) {
    const missing = level - (await countCalls(database));
    if (missing > 0) {
      const options = { databaseUrl: database.url, events: fixtureEvents(), weeks: FILL_WEEKS, add: true };
      await fill({ ...options, calls: missing }, progress);
    }
    await ground.databases.checkpoint();
    lines.push(await measureLevel(ground, database, settings, progress));
  }
  await database.drop();
  return lines;
}

async function measureLevel(
  ground: Ground,
  database: Database,
  settings: GrowthSettings,
  progress: Progress,
): Promise<RowsLine> {
  const calls = await countCalls(database);
  const samples = new Samples<'singles' | 'ndjson' | 'mixed'>();
  const batch = { ...settings, eventsPerBody: 10_000 };
  for (let round = 1; round <= settings.rounds; round++) {
    const target = await openService({ drains: true })(ground, database);
    try {
      samples.add('singles', await measureSingles(ground, target, settings));
      samples.add('ndjson', await measureNdjson(ground, target, { ...batch, events: callEvents }));
      samples.add('mixed', await measureNdjson(ground, target, { ...batch, events: mixedEvents }));
    } finally {
      await target.server.stop();
      await ground.clear();
    }
    progress(`round ${round}: ${calls} calls in the store`);
  }
  return {
    calls,
    singles: samples.figures('singles'),
    ndjson: samples.figures('ndjson'),
    mixed: samples.figures('mixed'),
  };
}

function countCalls({ url }: Database): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ calls: string }>('select count(*) as calls from calls');
    return Number(rows[0]?.calls);
  });
}
