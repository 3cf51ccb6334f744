import { quoted } from '../../events/describe.js';
import { didYouMean } from '../did-you-mean.js';
import type { Mistake } from '../errors.js';
import { queryMistake } from './mistakes.js';

/** A list of names separated by commas, each known and each once; what is wrong is left out of the answer. */
export function readNames<Name extends string>(
  parameter: string,
  text: string,
  known: readonly Name[],
  mistakes: Mistake[],
): Name[] {
  const names: Name[] = [];
  for (const part of text.split(',')) {
    const name = known.find((candidate) => candidate === part);
    if (name === undefined) mistakes.push(unknownName(parameter, part, known));
    else if (names.includes(name)) mistakes.push(queryMistake(parameter, 'repeated', `has ${name} twice`));
    else names.push(name);
  }
  return names;
}

export function unknownName(parameter: string, name: string, known: readonly string[]): Mistake {
  const hint = didYouMean(name, known);
  return queryMistake(
    parameter,
    'not_allowed',
    `does not know ${quoted(name)}${hint}; known: ${known.join(', ')}`,
  );
}
