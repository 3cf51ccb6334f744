/** What a process has used so far, as Linux tells it; null on systems that do not. */
import { readdirSync, readFileSync } from 'node:fs';

/** The unit of /proc/PID/stat: USER_HZ, 100 on every Linux. */
const TICK_MS = 10;

/** CPU time of the process with all its threads. */
export function cpuMs(pid: number): number | null {
  const stat = readStat(pid);
  return stat === null ? null : (stat.user + stat.system) * TICK_MS;
}

/** CPU time of the process, of its living children, and of those it has seen end. */
export function familyCpuMs(pid: number): number | null {
  for (;;) {
    const own = readStat(pid);
    if (own === null) return null;
    let ticks = own.user + own.system + own.endedChildren;
    for (const name of readdirSync('/proc')) {
      const stat = /^\d+$/.test(name) ? readStat(Number(name)) : null;
      if (stat?.parent === pid) ticks += stat.user + stat.system;
    }
    // A child that ended meanwhile is in neither sum or in both.
    if (readStat(pid)?.endedChildren === own.endedChildren) return ticks * TICK_MS;
  }
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

/** From `before` to `after`, in microseconds per event. */
export function perEventUs(before: number | null, after: number | null, events: number): number | null {
  return before === null || after === null ? null : ((after - before) * 1000) / events;
}

interface Stat {
  readonly parent: number;
  readonly user: number;
  readonly system: number;
  readonly endedChildren: number;
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
