import type { Databases } from './databases.js';
import type { Sample } from './statistics.js';
import { cpuUs, dirtiedBytes, familyCpuUs, familyWrittenBytes, perEvent } from './usage.js';

/** Whose costs; null: nobody's. */
export interface Payers {
  /** Of the process that answers. */
  readonly pid: number | null;
  /** Of a PostgreSQL that the events get into. */
  readonly databases: Databases | null;
}

const of =
  <T>(payer: T | null, read: (payer: T) => number | null) =>
  (): number | null =>
    payer === null ? null : read(payer);

type Cpu = Pick<Sample, 'serviceCpuUs' | 'postgresCpuUs'>;

/** CPU time from now until it is asked for, by the number of events that took it. */
export function meterCpu({ pid, databases }: Payers): (events: number) => Cpu {
  const service = perEvent(of(pid, cpuUs));
  const postgres = perEvent(of(databases, (payer) => familyCpuUs(payer.pid)));
  return (events) => ({ serviceCpuUs: service(events), postgresCpuUs: postgres(events) });
}

type Written = Pick<Sample, 'serviceBytes' | 'postgresBytes'>;

/**
 * The same of bytes written to disk. PostgreSQL begins after a checkpoint and is asked for one in the end, because until
 * then it has written its log only.
 */
export function meterBytes({ pid, databases }: Payers): (events: number) => Promise<Written> {
  const service = perEvent(of(pid, dirtiedBytes));
  const postgres = perEvent(of(databases, (payer) => familyWrittenBytes(payer.pid)));
  return async (events) => {
    await databases?.checkpoint();
    return { serviceBytes: service(events), postgresBytes: postgres(events) };
  };
}
