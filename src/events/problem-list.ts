import { PROBLEMS } from './problems.js';
import type { FieldError, ProblemCode } from './problems.js';

/** Mistakes listed of one event; the rest is counted in one last entry. */
export const MAX_LISTED_ERRORS = 20;

/** The mistakes found in one event, in the order found. However many they are, memory is bounded. */
export class ProblemList {
  readonly #errors: Record<400 | 422, FieldError[]> = { 400: [], 422: [] };
  /** Mistakes of class 400 beyond the listed ones. There are too few rules for so many 422s. */
  #unlisted = 0;

  add(pointer: string, code: ProblemCode, message: string): void {
    const [status] = PROBLEMS[code];
    if (this.#errors[status].length < MAX_LISTED_ERRORS)
      this.#errors[status].push({ pointer, code, message });
    else this.addUnlisted(1);
  }

  /** Counts mistakes of class 400 that need no entry of their own, since the list is full. */
  addUnlisted(mistakes: number): void {
    this.#unlisted += mistakes;
  }

  get isFull(): boolean {
    return this.#errors[400].length >= MAX_LISTED_ERRORS;
  }

  /** Whether a single field is wrong by itself, so that rules across fields cannot be judged. */
  get hasBadField(): boolean {
    return this.#errors[400].length > 0;
  }

  has(pointer: string): boolean {
    return this.hasBadField && this.#errors[400].some((error) => error.pointer === pointer);
  }

  /** Null when nothing is wrong. Rules across fields are reported once every field is right by itself. */
  verdict(): { ok: false; status: 400 | 422; errors: readonly FieldError[] } | null {
    const bad = this.#errors[400];
    if (this.#unlisted > 0) {
      const message = `${this.#unlisted} more mistakes are not listed`;
      return { ok: false, status: 400, errors: [...bad, { pointer: '', code: 'more_errors', message }] };
    }
    if (bad.length > 0) return { ok: false, status: 400, errors: bad };
    return this.#errors[422].length > 0 ? { ok: false, status: 422, errors: this.#errors[422] } : null;
  }
}
