/** What a process has used so far, as Linux tells it; null on systems that do not. */
import { readdirSync, readFileSync } from 'node:fs';

/** The unit of /proc/PID/stat: USER_HZ, 100 on every Linux. */
const TICK_US = 10_000;

/** CPU time of the process with all its threads. */
export function cpuUs(pid: number): number | null {
  const stat = readStat(pid);
  return stat === null ? null : (stat.user + stat.system) * TICK_US;
}

/** CPU time of the process, of its living children, and of those it has seen end. */
export function familyCpuUs(pid: number): number | null {
  for (;;) {
    const own = readStat(pid);
    if (own === null) return null;
    let ticks = own.user + own.system + own.endedChildren;
    for (const child of childrenOf(pid)) {
      const stat = readStat(child);
      if (stat !== null) ticks += stat.user + stat.system;
    }
    // A child that ended meanwhile is in neither sum or in both.
    if (readStat(pid)?.endedChildren === own.endedChildren) return ticks * TICK_US;
  }
}

/**
 * Bytes that the process caused to be written to disks: pages it made dirty, each as a whole and as often as it was
 * written back meanwhile. Nothing on a file system in memory counts.
 */
export function dirtiedBytes(pid: number): number | null {
  return readIo(pid, /^write_bytes: (\d+)$/m);
}

/**
 * Bytes that the process, its living children, and those it has seen end handed to write(); of PostgreSQL, which speaks
 * with its clients by send(), these are what it wrote to files. The pages it made dirty are no measure: its log lies in the
 * page cache in folios of up to some hundred KiB, and the kernel (6.18, ext4) counts the whole folio for each commit.
 */
export function familyWrittenBytes(pid: number): number | null {
  const of = (process: number): number | null => readIo(process, /^wchar: (\d+)$/m);
  for (;;) {
    const own = of(pid);
    if (own === null) return null;
    const bytes = childrenOf(pid).reduce((sum, child) => sum + (of(child) ?? 0), own);
    // A child that ended meanwhile went from one sum to the other, or is in both.
    if (of(pid) === own) return bytes;
  }
}

function readIo(pid: number, line: RegExp): number | null {
  const bytes = line.exec(readProc(pid, 'io') ?? '')?.[1];
  return bytes === undefined ? null : Number(bytes);
}

/** The most memory it ever had resident. */
export function peakRssMb(pid: number): number | null {
  return statusMb(pid, /^VmHWM:\s+(\d+) kB$/m);
}

/** The memory it has resident now. */
export function rssMb(pid: number): number | null {
  return statusMb(pid, /^VmRSS:\s+(\d+) kB$/m);
}

function statusMb(pid: number, line: RegExp): number | null {
  const kib = line.exec(readProc(pid, 'status') ?? '')?.[1];
  return kib === undefined ? null : Number(kib) / 1024;
}

/**
 * A counter from now on, by the number of events that moved it.
 * @param read null where it cannot be told
 */
export function perEvent(read: () => number | null): (events: number) => number | null {
  const before = read();
  return (events) => {
    const after = read();
    return before === null || after === null ? null : (after - before) / events;
  };
}

interface Stat {
  readonly parent: number;
  readonly user: number;
  readonly system: number;
  readonly endedChildren: number;
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => readStat(other)?.parent === pid);
}

function readStat(pid: number): Stat | null {
  const text = readProc(pid, 'stat');
  if (text === null) return null;
  // The name, in parentheses, may hold anything; after it come the state, the parent and numbers.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [parent = 0, user = 0, system = 0, childUser = 0, childSystem = 0] = [
    fields[1],
    ...fields.slice(11, 15),
  ];
  return { parent, user, system, endedChildren: childUser + childSystem };
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return null;
  }
}
