import { printable } from './printable.js';
import { type Rejection, MAX_SHOWN, type Tally } from './tally.js';

export interface Ending {
  readonly seconds: number;
  /** Whether the service was asked what became of the events. */
  readonly waited: boolean;
  /** Why it ended early, for people; null: everything was sent and answered. */
  readonly unfinished: string | null;
}

/** What the import came to, and what the operator may want to do about it. */
export function summarise(tally: Tally, ending: Ending): string {
  const answered = tally.accepted + tally.rejected;
  const figures: [string, string][] = [
    ['lines', count(tally.lines)],
    ['accepted', count(tally.accepted)],
    ['rejected', count(tally.rejected)],
    ...outcomeFigures(tally, ending.waited),
    ['seconds', ending.seconds.toFixed(1)],
    ['events/s', count(Math.round(answered / Math.max(ending.seconds, 0.001)))],
  ];
  if (tally.unanswered > 0) figures.splice(3, 0, ['no answer', count(tally.unanswered)]);
  return [
    ...figures.map(([name, value]) => `${name.padEnd(12)}${value.padStart(14)}`),
    ...rejectionLines(tally),
    ...warnings(tally),
    ...(ending.unfinished === null ? [] : ['', ...unfinishedLines(ending.unfinished)]),
    '',
  ].join('\n');
}

function outcomeFigures({ accepted, outcomes }: Tally, waited: boolean): [string, string][] {
  if (!waited) return [['duplicates', 'see --wait']];
  const { stored, duplicate, dead_letter } = outcomes;
  const untold = accepted - stored - duplicate - dead_letter;
  return [
    ['stored', count(stored)],
    ['duplicate', count(duplicate)],
    ['dead letter', count(dead_letter)],
    ...(untold === 0 ? [] : [['not yet', count(untold)] satisfies [string, string]]),
  ];
}

function rejectionLines({ rejected, firstRejections }: Tally): string[] {
  if (rejected === 0) return [];
  return [
    '',
    rejected > MAX_SHOWN ? `The first ${MAX_SHOWN} of ${count(rejected)} rejected lines:` : 'Rejected lines:',
    ...firstRejections.map((rejection) => `  ${describe(rejection)}`),
  ];
}

function describe({ line, errors }: Rejection): string {
  const mistakes = errors.map(({ pointer, message }) =>
    pointer === '' ? message : `${pointer}: ${message}`,
  );
  return `line ${line}: ${printable(mistakes.join('; '))}`;
}

function warnings(tally: Tally): string[] {
  const lines: string[] = [];
  if (tally.outcomes.dead_letter > 0) {
    lines.push(
      '',
      `${count(tally.outcomes.dead_letter)} events became dead letters: the store cannot take them.`,
    );
  }
  if (tally.anonymous > 0) {
    lines.push(
      '',
      `WARNING: ${count(tally.anonymous)} events have no id of their own (call_id of a call, event_id of a click or result).`,
      'The service makes one up each time: sending these lines again stores them again.',
    );
  }
  return lines;
}

function unfinishedLines(reason: string): string[] {
  return [
    `NOT FINISHED: ${printable(reason)}`,
    'To resume, run the same command again: events with an id of their own that were taken already are duplicates',
    'and change nothing.',
  ];
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
