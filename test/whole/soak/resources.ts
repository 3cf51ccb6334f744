/** What a process holds, as Linux tells it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { rssMb } from '../../bench/usage.js';

const SAMPLE_EVERY_MS = 1_000;
/** Idle connections of a pool are closed after 30 s. */
const REST_WITHIN_MS = 45_000;

/** In MiB. */
export interface Memory {
  readonly first: number;
  readonly last: number;
  readonly most: number;
}

export interface Handles {
  /** Sockets: connections of senders and of pools come and go, at rest there are few. */
  readonly sockets: number;
  /** Files, pipes and all else. */
  readonly others: number;
}

export function handlesOf(pid: number): Handles {
  let sockets = 0;
  let others = 0;
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    const target = linkOf(`/proc/${pid}/fd/${name}`);
    if (target?.startsWith('socket:') === true) sockets++;
    else if (target !== null) others++;
  }
  return { sockets, others };
}

/** Processes, but for this one, that work in the directory or were told of it. */
export function processesAbout(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      [linkOf(`/proc/${pid}/cwd`), textOf(`/proc/${pid}/cmdline`), textOf(`/proc/${pid}/environ`)].some(
        (text) => text?.includes(directory) === true,
      ),
    )
    .map((pid) => `${pid} ${textOf(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') ?? ''}`);
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Follows the memory that the process has resident, until it is told to stop. In MiB. */
export function watchMemory(pid: number): { stop(): Memory } {
  const first = rssMb(pid) ?? 0;
  let most = first;
  const timer = setInterval(() => {
    most = Math.max(most, rssMb(pid) ?? 0);
  }, SAMPLE_EVERY_MS).unref();
  return {
    stop: () => {
      clearInterval(timer);
      return { first, last: rssMb(pid) ?? 0, most };
    },
  };
}

/** Waits until the process holds no more than in the beginning, if that is to be. */
export async function atRest(pid: number, first: Handles, waitsForAll: boolean): Promise<Handles> {
  const deadline = performance.now() + (waitsForAll ? REST_WITHIN_MS : 1_000);
  for (;;) {
    const now = handlesOf(pid);
    const isAtRest = now.others <= first.others && (now.sockets <= first.sockets || !waitsForAll);
    if (isAtRest || performance.now() > deadline) return now;
    await delay(100);
  }
}

export interface Pause {
  readonly fromMs: number;
  readonly toMs: number;
}

const LOOK_EVERY_MS = 100;
const PAUSE_MS = 500;

/** Notes when this process itself did not get to run: what takes long then is not the service's doing. */
export function watchPauses(): { stop(): Pause[] } {
  const pauses: Pause[] = [];
  let fromMs = performance.now();
  const timer = setInterval(() => {
    const toMs = performance.now();
    if (toMs - fromMs > PAUSE_MS) pauses.push({ fromMs, toMs });
    fromMs = toMs;
  }, LOOK_EVERY_MS).unref();
  return {
    stop: () => {
      clearInterval(timer);
      return pauses;
    },
  };
}
