/** Undoes what was set up, in reverse order, once; each step hears how long it may take. */
export class Undo {
  #steps: { readonly name: string; readonly step: UndoStep }[] = [];
  #undone: Promise<void> | undefined;

  /** @param report hears of each step when it is done, with its error if it failed; the others still run */
  constructor(private readonly report: (name: string, error?: unknown) => void) {}

  push(name: string, step: UndoStep): void {
    this.#steps.push({ name, step });
  }

  /** Later calls get the same promise. Never rejects. */
  run(graceMs: number): Promise<void> {
    this.#undone ??= this.#run(graceMs);
    return this.#undone;
  }

  async #run(graceMs: number): Promise<void> {
    const deadline = Date.now() + graceMs;
    for (const { name, step } of this.#steps.splice(0).reverse()) {
      try {
        await step(Math.max(deadline - Date.now(), MIN_STEP_MS));
        this.report(name);
      } catch (error) {
        this.report(name, error);
      }
    }
  }
}

/** Gets what is left of the grace period; what it cannot finish by then it has to leave. */
export type UndoStep = (withinMs: number) => Promise<void>;

/** Even when an earlier step has used up the time, the next ones get a moment: most need only that. */
const MIN_STEP_MS = 500;
