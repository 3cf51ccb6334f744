import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { fileOf, loader } from '../../helpers/program.js';

/** One answer to /livez that took its time. */
export interface Pause {
  readonly wallMs: number;
  /** Without what the service and the watcher waited for a processor. */
  readonly blockedMs: number;
  /** Date.now() */
  readonly endedAt: number;
}

const program = fileOf(new URL('watch-process', import.meta.url));

/** Watches the event loop of a service until it is stopped. */
export async function watch(
  port: number,
  pid: number,
  tell: (pause: Pause) => void,
): Promise<() => Promise<void>> {
  const watcher = fork(program, [String(port), String(pid)], { execArgv: [...loader] });
  const gone = once(watcher, 'exit');
  watcher.on('message', (pause) => {
    // Our own process sends nothing else.
    tell(pause as Pause);
  });
  // The first time is the longest so far: from then on it watches.
  await once(watcher, 'message');
  return async () => {
    watcher.kill('SIGTERM');
    await gone;
  };
}

/** File descriptors of a process; null where the system does not tell. */
export function descriptorsOf(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

/** Sockets of a process that are connections to its own port, in whatever state; null where the system does not tell. */
export function clientsOf(pid: number, port: number): number | null {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  try {
    const inodes = new Set<string>();
    for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
      const [, address = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/);
      if (address.endsWith(local) && !remote.endsWith(':0000')) inodes.add(`socket:[${inode}]`);
    }
    return readdirSync(`/proc/${pid}/fd`).filter((fd) => inodes.has(linkOf(`/proc/${pid}/fd/${fd}`))).length;
  } catch {
    return null;
  }
}

/** Nothing for one that has been closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
