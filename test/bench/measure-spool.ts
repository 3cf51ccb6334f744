import { meterBytes, meterCpu } from './costs.js';
import type { Ground } from './ground.js';
import type { SinglesRun } from './measure-singles.js';
import type { AppendRequest, AppendResult } from './spool-process.js';
import { nothingKnown, type Sample } from './statistics.js';
import { peakRssMb } from './usage.js';
import { WorkProcess } from './work-process.js';

/** The spool without a door: so many appends at once as connections, of one record each. */
export async function measureSpool(
  ground: Ground,
  { connections, durationS, warmUpS }: SinglesRun,
): Promise<Sample> {
  const directory = await ground.directory();
  const spool = new WorkProcess<AppendRequest, AppendResult>('spool-process', [directory]);
  try {
    const payers = { pid: spool.pid, databases: null };
    const bytes = meterBytes(payers);
    const warmUp = await spool.run({ atOnce: connections, durationS: warmUpS });
    const cpu = meterCpu(payers);
    const { appended, seconds, ...latency } = await spool.run({ atOnce: connections, durationS });
    return {
      ...nothingKnown,
      acknowledgedPerS: appended / seconds,
      errors: 0,
      ...latency,
      ...cpu(appended),
      ...(await bytes(warmUp.appended + appended)),
      peakRssMb: peakRssMb(spool.pid),
    };
  } finally {
    await spool.stop();
    await ground.clear();
  }
}
