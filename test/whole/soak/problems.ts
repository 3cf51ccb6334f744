/** What must not be and was seen all the same; the first few of each kind in full. */
export class Problems {
  readonly #byKind = new Map<string, { count: number; readonly examples: string[] }>();

  add(kind: string, detail: string): void {
    const known = this.#byKind.get(kind) ?? { count: 0, examples: [] };
    this.#byKind.set(kind, known);
    known.count++;
    if (known.examples.length < MAX_EXAMPLES) known.examples.push(detail);
  }

  count(kind: string): number {
    return this.#byKind.get(kind)?.count ?? 0;
  }

  get lines(): string[] {
    return [...this.#byKind].flatMap(([kind, { count, examples }]) => [
      `${kind}: ${count}`,
      ...examples.map((example) => `  ${example}`),
    ]);
  }
}

const MAX_EXAMPLES = 5;
