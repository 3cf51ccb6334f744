import type { Stall } from './driver.js';
import type { FaultName } from './faults/index.js';
import type { Memory, Pause } from './resources.js';

/** A fault that was, with what came of it. Times in ms, of performance.now(). */
export interface Happened {
  readonly name: FaultName;
  readonly fromMs: number;
  readonly toMs: number;
  readonly note: string;
  /** From the end of the fault until both services stored again. */
  readonly recoveryMs: number;
}

export interface Figures {
  readonly seed: string;
  readonly minutes: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Acknowledgements of events; some of them again and again. */
  readonly acknowledged: number;
  /** Different events among them. */
  readonly events: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly invented: number;
  readonly unknown: number;
  readonly refused: number;
  readonly corrupt: number;
  /** Of one service, while its door had to be open and the test was awake. */
  readonly longestStallMs: number;
  readonly longestStallDuring: string;
  readonly recoveryMs: { readonly median: number; readonly max: number; readonly maxAfter: string };
  /** The longest time in which the test itself did not get to run. */
  readonly pausedMs: number;
  /** From SIGTERM to the end of the process. */
  readonly slowestStopMs: number;
  readonly rssMb: Memory;
  readonly handles: { readonly first: number; readonly last: number };
  readonly problems: number;
}

/** The longest of those that neither a closed door nor a pause of ours explains, and the fault it fell into. */
export function longestStall(
  stalls: readonly Stall[],
  happened: readonly Happened[],
  pauses: readonly Pause[],
  closesDoor: (name: FaultName) => boolean,
): { readonly ms: number; readonly during: string } {
  let longest = { ms: 0, during: 'nothing' };
  for (const { service, fromMs, toMs } of stalls) {
    const isMeanwhile = (one: Pause): boolean => one.fromMs < toMs && one.toMs > fromMs;
    const meanwhile = happened.filter(isMeanwhile);
    if (toMs - fromMs <= longest.ms || pauses.some(isMeanwhile)) continue;
    if (meanwhile.some(({ name }) => closesDoor(name))) continue;
    const names = meanwhile.map(({ name }) => name).join('+') || 'no fault';
    longest = { ms: toMs - fromMs, during: `${names} at ${service}` };
  }
  return longest;
}

export function recoveries(happened: readonly Happened[]): Figures['recoveryMs'] {
  const sorted = [...happened].sort((a, b) => a.recoveryMs - b.recoveryMs);
  const last = sorted.at(-1);
  return {
    median: Math.round(sorted[sorted.length >> 1]?.recoveryMs ?? 0),
    max: Math.round(last?.recoveryMs ?? 0),
    maxAfter: last?.name ?? 'nothing',
  };
}

/** All of it in one line. */
export function lineOf(figures: Figures): string {
  const { recoveryMs: recovery, rssMb: rss, handles } = figures;
  const faults = Object.entries(figures.faults);
  const total = faults.reduce((sum, [, count]) => sum + count, 0);
  return [
    `soak seed=${figures.seed} minutes=${figures.minutes.toFixed(1)}`,
    `faults=${total} (${faults.map(([name, count]) => `${name} ${count}`).join(', ')})`,
    `acknowledged=${figures.acknowledged} events=${figures.events}`,
    `lost=${figures.lost} duplicated=${figures.duplicated} invented=${figures.invented}`,
    `corrupt=${figures.corrupt} unknown=${figures.unknown} refused=${figures.refused}`,
    `longest_stall_ms=${Math.round(figures.longestStallMs)} (${figures.longestStallDuring})`,
    `test_paused_ms=${Math.round(figures.pausedMs)}`,
    `recovery_ms median=${recovery.median} max=${recovery.max} (${recovery.maxAfter})`,
    `slowest_stop_ms=${Math.round(figures.slowestStopMs)}`,
    `rss_mb first=${rss.first.toFixed(0)} last=${rss.last.toFixed(0)} most=${rss.most.toFixed(0)}`,
    `handles first=${handles.first} last=${handles.last}`,
    `problems=${figures.problems}`,
  ].join(' ');
}
