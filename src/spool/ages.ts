const FINEST_SPACING_MS = 1000;
const MAX_MARKS = 1024;

/** When records were appended, roughly and in little memory: marks of (sequence, time), further apart the more there are. */
export class Ages {
  // Ascending by sequence.
  #marks: { readonly sequence: number; readonly timeMs: number }[] = [];
  #spacingMs = FINEST_SPACING_MS;

  note(sequence: number, timeMs: number): void {
    const at = this.#indexAfter(sequence);
    const before = this.#marks[at - 1];
    if (before && Math.abs(timeMs - before.timeMs) < this.#spacingMs) return;
    this.#marks.splice(at, 0, { sequence, timeMs });
    if (this.#marks.length <= MAX_MARKS) return;
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0);
    this.#spacingMs *= 2;
  }

  /** The time of a record at or a little before this one; undefined when none is known. Forgets everything earlier. */
  of(sequence: number): number | undefined {
    const at = this.#indexAfter(sequence) - 1;
    if (at > 0) this.#marks.splice(0, at);
    if (this.#marks.length === 1) this.#spacingMs = FINEST_SPACING_MS;
    return at < 0 ? undefined : this.#marks[0]?.timeMs;
  }

  #indexAfter(sequence: number): number {
    const last = this.#marks.at(-1);
    if (!last || last.sequence <= sequence) return this.#marks.length;
    return this.#marks.findIndex((mark) => mark.sequence > sequence);
  }
}
