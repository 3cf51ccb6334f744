/** Who is measured, and against whom. */
import type { Ground } from './ground.js';
import { measureCopy } from './measure-copy.js';
import { measureNdjson } from './measure-ndjson.js';
import { measureSingles, type SinglesRun } from './measure-singles.js';
import { measureSpool } from './measure-spool.js';
import { callEvents, type Events, mixedEvents } from './rows.js';
import type { Sample } from './statistics.js';
import { openEmpty, openNaive, openService, type OpenTarget, withTarget } from './targets.js';

export interface Settings {
  /** Some of them, in their order. */
  readonly contenders: readonly string[];
  readonly rounds: number;
  /** Of the contenders that take single calls. */
  readonly connections: number;
  readonly durationS: number;
  readonly warmUpS: number;
  /** Events of the contenders that take many at once. */
  readonly rows: number;
  readonly warmUpRows: number;
}

/** What was measured in a round so far. */
export type Round = ReadonlyMap<Contender, Sample>;

export interface Contender {
  /** Short, for ratios and for the command line. */
  readonly name: string;
  readonly title: string;
  /** What it is compared by. */
  readonly headline: 'acknowledgedPerS' | 'landedPerS' | 'p99Ms';
  /** Whose figure in the same round its own is divided by. */
  readonly against: readonly Contender[];
  measure(ground: Ground, settings: Settings, round: Round): Promise<Sample>;
}

const singles = (
  { name, title, against }: Pick<Contender, 'name' | 'title' | 'against'>,
  open: OpenTarget,
): Contender => ({
  ...{ name, title, against, headline: 'acknowledgedPerS' },
  measure: (ground, settings) =>
    withTarget(ground, open, (target) => measureSingles(ground, target, settings)),
});

const bare = singles({ name: 'bare', title: 'bare Fastify, empty handler', against: [] }, openEmpty('bare'));
const floor = singles(
  { name: 'floor', title: 'floor: our door, empty handler', against: [bare] },
  openEmpty('floor'),
);
const naive = singles({ name: 'naive', title: 'naive: Fastify, INSERT per request', against: [] }, openNaive);
const paused = singles(
  { name: 'paused', title: 'call-logger, drain paused', against: [floor, bare] },
  openService({ drains: false }),
);
const whole = singles(
  { name: 'whole', title: 'call-logger, whole', against: [floor, bare, naive] },
  openService({ drains: true }),
);

/** An open loop at half of what `paused` acknowledged in the same round, whoever answers. */
const half = (
  { name, title, against }: Pick<Contender, 'name' | 'title' | 'against'>,
  open: OpenTarget,
): Contender => ({
  ...{ name, title, against, headline: 'p99Ms' },
  measure: (ground, settings, round) => {
    const saturation = round.get(paused)?.acknowledgedPerS ?? null;
    if (saturation === null)
      throw new Error('half load is half of what "paused" takes: measure that as well');
    const run: SinglesRun = { ...settings, ratePerS: saturation / 2 };
    return withTarget(ground, open, (target) => measureSingles(ground, target, run));
  },
});
const floorHalf = half({ name: 'floor-half', title: 'half load: floor', against: [] }, openEmpty('floor'));
const pausedHalf = half(
  { name: 'paused-half', title: 'half load: call-logger, drain paused', against: [floorHalf] },
  openService({ drains: false }),
);

const spool: Contender = {
  name: 'spool',
  title: 'raw spool, no HTTP',
  headline: 'acknowledgedPerS',
  against: [],
  measure: (ground, settings) => measureSpool(ground, settings),
};

const copy = (name: string, title: string, events: Events): Contender => ({
  name,
  title,
  headline: 'landedPerS',
  against: [],
  measure: (ground, settings) => measureCopy(ground, { ...settings, events }),
});
const copyCalls = copy('COPY', 'COPY of calls', callEvents);
const copyMix = copy('COPY-mix', 'COPY of calls, clicks, results', mixedEvents);

const ndjson = (
  name: string,
  title: string,
  events: Events,
  eventsPerBody: number,
  against: Contender,
): Contender => ({
  ...{ name, title, headline: 'landedPerS', against: [against] },
  measure: (ground, settings) =>
    withTarget(ground, openService({ drains: true }), (target) =>
      measureNdjson(ground, target, { ...settings, events, eventsPerBody }),
    ),
});
const accepted: Contender = {
  name: 'accepted',
  title: 'NDJSON of 10,000 calls, drain paused',
  headline: 'acknowledgedPerS',
  against: [paused],
  measure: (ground, settings) =>
    withTarget(ground, openService({ drains: false }), (target) =>
      measureNdjson(ground, target, { ...settings, events: callEvents, eventsPerBody: 10_000 }),
    ),
};

/** In the order in which they are measured. */
export const contenders: readonly Contender[] = [
  bare,
  floor,
  naive,
  paused,
  whole,
  floorHalf,
  pausedHalf,
  spool,
  accepted,
  copyCalls,
  ndjson('NDJSON-500', 'NDJSON of 500 calls', callEvents, 500, copyCalls),
  ndjson('NDJSON', 'NDJSON of 10,000 calls', callEvents, 10_000, copyCalls),
  copyMix,
  ndjson('NDJSON-mix', 'NDJSON of 10,000, mixed 1 : 5 : 1', mixedEvents, 10_000, copyMix),
];
