import { Gauge, type Registry } from 'prom-client';

/** One series for each state there is: 1 for the one that holds, 0 for the others, so that alerts can name any of them. */
export class StateGauge<State extends string> {
  readonly #series: ReadonlyMap<State, Gauge.Internal<'state'>>;

  constructor(registry: Registry, name: string, help: string, states: readonly State[]) {
    const gauge = new Gauge({ name, help, labelNames: ['state'], registers: [registry] });
    this.#series = new Map(states.map((state) => [state, gauge.labels({ state })]));
  }

  set(holding: State): void {
    for (const [state, series] of this.#series) series.set(state === holding ? 1 : 0);
  }
}
