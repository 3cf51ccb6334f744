/** What became of a spooled record. Every record ends as exactly one of these. */
export type Outcome = 'stored' | 'duplicate' | 'dead_letter';

export type DeadLetterReason = 'conflict' | 'corrupt' | 'data_error' | 'unstorable';

export interface Verdict {
  readonly reason: DeadLetterReason;
  /** For an operator; never sent to a sender. */
  readonly detail: string;
}

export interface OutcomeCounts {
  stored: number;
  duplicate: number;
  deadLetter: number;
}

const letters = { stored: 's', duplicate: 'd', dead_letter: 'x' } as const satisfies Record<Outcome, string>;
const outcomes: Readonly<Record<string, Outcome>> = { s: 'stored', d: 'duplicate', x: 'dead_letter' };

/** One letter per record, as `drain_batches.outcomes` keeps them. */
export function encodeOutcomes(list: readonly Outcome[]): string {
  return list.map((outcome) => letters[outcome]).join('');
}

/** @throws Error for a letter that is none of ours */
export function decodeOutcomes(text: string): Outcome[] {
  return Array.from(text, (letter) => {
    const outcome = outcomes[letter];
    if (outcome === undefined) throw new Error(`drain_batches.outcomes has an unknown letter "${letter}"`);
    return outcome;
  });
}

export function countOutcomes(list: readonly Outcome[]): OutcomeCounts {
  const counts: OutcomeCounts = { stored: 0, duplicate: 0, deadLetter: 0 };
  for (const outcome of list) counts[outcome === 'dead_letter' ? 'deadLetter' : outcome]++;
  return counts;
}
