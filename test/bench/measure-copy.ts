import { copyAll, type CsvFile, writeCsv } from './copy.js';
import { meterBytes, meterCpu } from './costs.js';
import type { Ground } from './ground.js';
import type { NdjsonRun } from './measure-ndjson.js';
import { nothingKnown, type Sample } from './statistics.js';

/** COPY of the rows that these events become, after the same warm-up. */
export async function measureCopy(
  ground: Ground,
  { events, rows, warmUpRows }: Omit<NdjsonRun, 'eventsPerBody'>,
): Promise<Sample> {
  const { databases } = ground;
  const payers = { pid: null, databases };
  const warmUp = await writeCsv(await ground.directory(), events(ground.prefix(), warmUpRows));
  const measured = await writeCsv(await ground.directory(), events(ground.prefix(), rows));
  const [inWarmUp, inMeasured] = [rowsIn(warmUp), rowsIn(measured)];
  const database = await databases.create();
  const bytes = meterBytes(payers);
  await copyAll(database.url, warmUp);
  const cpu = meterCpu(payers);
  const tookMs = await copyAll(database.url, measured);
  const cpuUsed = cpu(inMeasured);
  const errors = inWarmUp + inMeasured - (await database.countRows());
  const written = await bytes(inWarmUp + inMeasured);
  await database.drop();
  await ground.clear();
  return { ...nothingKnown, landedPerS: inMeasured / (tookMs / 1000), errors, ...cpuUsed, ...written };
}

function rowsIn(files: readonly CsvFile[]): number {
  return files.reduce((sum, file) => sum + file.rows, 0);
}
