import type { Stage } from '../stage.js';

/** What a plan says of one fault; everything else follows from what is there at the time. */
export interface Planned {
  /** How long it lasts, where that is for us to say. */
  readonly holdMs: number;
  /** In [0, 1), for a choice between kinds. */
  readonly choice: number;
}

export interface Fault {
  /** How long it may last, in seconds; short times are likelier. */
  readonly holdS: readonly [least: number, most: number];
  /** The door refuses because of it: a stall is as it should be. */
  readonly closesDoor?: true;
  /** Brings it about and takes it away; says in a few words what it came to. */
  readonly act: (stage: Stage, planned: Planned) => Promise<string>;
}
