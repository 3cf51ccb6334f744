/** What is wrong with a query string beyond what its schema checks: collected, and told all at once. */
import { type Mistake, Problem } from '../errors.js';

export function queryMistake(parameter: string, code: string, message: string): Mistake {
  return { pointer: `query:${parameter}`, code, message };
}

export function invalidQuery(mistakes: readonly Mistake[]): Problem {
  const detail = mistakes.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
  return new Problem('invalid_request', { detail: `${detail}.`, errors: mistakes });
}

/** @throws Problem `invalid_request` when there are any */
export function refuseMistakes(mistakes: readonly Mistake[]): void {
  if (mistakes.length > 0) throw invalidQuery(mistakes);
}
