import { type Figures, type Sample, spreadsOf } from './statistics.js';

/** What was measured at one level, of some kinds, round by round. */
export class Samples<Kind extends string> {
  readonly #samples: { readonly kind: Kind; readonly sample: Sample }[] = [];

  add(kind: Kind, sample: Sample): void {
    this.#samples.push({ kind, sample });
  }

  figures(kind: Kind): Figures {
    return spreadsOf(this.#samples.filter((one) => one.kind === kind).map(({ sample }) => sample));
  }
}
