import { FAULT_NAMES, type FaultName, faultOf } from './faults/index.js';
import type { Planned } from './faults/fault.js';
import { Random } from './random.js';

export interface PlannedFault extends Planned {
  readonly name: FaultName;
  /** Load without any fault before it. */
  readonly pauseMs: number;
}

const MAX_PAUSE_MS = 3_000;

/** Faults without end: each once in every round, in an order and with particulars that the seed decides. */
export function* planOf(seed: string): Generator<PlannedFault, never> {
  const random = new Random(seed, 'faults');
  for (;;) {
    for (const name of random.shuffled(FAULT_NAMES)) {
      const [least, most] = faultOf(name).holdS;
      const holdMs = Math.round((least + (most - least) * random.next() ** 3) * 1000);
      yield { name, holdMs, choice: random.next(), pauseMs: random.integer(0, MAX_PAUSE_MS) };
    }
  }
}

/** These faults, each once and for as short as can be. */
export function shortPlanOf(seed: string, names: readonly FaultName[]): PlannedFault[] {
  const random = new Random(seed, 'few faults');
  return names.map((name) => {
    const [leastS] = faultOf(name).holdS;
    return { name, holdMs: leastS * 1000, choice: random.next(), pauseMs: random.integer(50, 300) };
  });
}
