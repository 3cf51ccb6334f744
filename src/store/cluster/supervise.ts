import { Backoff } from '../../lib/backoff.js';
import { launch } from './launch.js';
import { stopOrphans } from './orphans.js';
import type { Postmaster, ServerOptions } from './postmaster.js';

export interface Restart {
  /** How PostgreSQL ended: a signal's name or an exit code. */
  readonly reason: string;
  readonly downMs: number;
}

export interface Supervision {
  /** PostgreSQL ended without being asked. */
  readonly onExit: () => void;
  /** It answers again. Connections of before are broken. */
  readonly onRestart: (restart: Restart) => void;
  /** How long a fast stop may take before an immediate one. */
  readonly stopDeadlineMs: number;
  /** Stops PostgreSQL when aborted. */
  readonly signal: AbortSignal;
}

const longestBackoffMs = 10_000;

/** Restarts PostgreSQL whenever it ends. Resolves when it is stopped. */
export async function supervise(
  postmaster: Postmaster,
  server: ServerOptions,
  { onExit, onRestart, stopDeadlineMs, signal }: Supervision,
): Promise<void> {
  const backoff = new Backoff({ firstMs: 100, maxMs: longestBackoffMs });
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => {
      resolve(undefined);
    });
  });
  for (let running = postmaster; ;) {
    const upSince = Date.now();
    const reason = await Promise.race([aborted, running.exited]);
    if (reason === undefined) return running.stop(stopDeadlineMs);
    const downSince = Date.now();
    onExit();
    server.log.error({ reason }, 'PostgreSQL ended unexpectedly; restarting');
    // One that keeps dying soon after it answered is not started ever faster.
    if (downSince - upSince > longestBackoffMs) backoff.reset();
    const next = await relaunch(server, backoff, signal);
    if (next === undefined) return;
    running = next;
    if (signal.aborted) continue;
    onRestart({ reason, downMs: Date.now() - downSince });
  }
}

/** Undefined when it was aborted. */
async function relaunch(
  server: ServerOptions,
  backoff: Backoff,
  signal: AbortSignal,
): Promise<Postmaster | undefined> {
  for (;;) {
    await backoff.wait(signal);
    if (signal.aborted) return undefined;
    try {
      // Ours has ended: one that runs now is neither ours nor an orphan.
      await stopOrphans(server.data.path, false, server.log);
      return await launch(server, false, signal);
    } catch (error) {
      if (error !== signal.reason) server.log.error({ err: error }, 'PostgreSQL restart failed; retrying');
    }
  }
}
