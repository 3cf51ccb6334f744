/** Who is measured, and against whom. */
import type { Ground } from './ground.js';
import { measureCopy } from './measure-copy.js';
import { measureNdjson } from './measure-ndjson.js';
import { measureSingles, type SinglesRun } from './measure-singles.js';
import { measureSpool } from './measure-spool.js';
import { callEvents, type Events, mixedEvents } from './rows.js';
import type { Sample } from './statistics.js';
import { openFloor, openNaive, openService, type OpenTarget, withTarget } from './targets.js';

export interface Settings {
  readonly rounds: number;
  /** Of the contenders that take single calls. */
  readonly connections: number;
  readonly durationS: number;
  readonly warmUpS: number;
  /** Events of the contenders that take many at once. */
  readonly rows: number;
  readonly warmUpRows: number;
  /** What node is to run as the service. */
  readonly service: readonly string[];
}

/** What was measured in a round so far. */
export type Round = ReadonlyMap<Contender, Sample>;

export interface Contender {
  /** Short, for ratios. */
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

const bare = singles({ name: 'bare', title: 'bare Fastify, empty handler', against: [] }, openFloor('bare'));
const floor = singles(
  { name: 'floor', title: 'floor: our door, empty handler', against: [bare] },
  openFloor('plumbed'),
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
    if (saturation === null) throw new Error('half of what is not known yet');
    const run: SinglesRun = { ...settings, ratePerS: saturation / 2 };
    return withTarget(ground, open, (target) => measureSingles(ground, target, run));
  },
});
const floorHalf = half({ name: 'floor', title: 'half load: floor', against: [] }, openFloor('plumbed'));
const pausedHalf = half(
  { name: 'paused', title: 'half load: call-logger, drain paused', against: [floorHalf] },
  openService({ drains: false }),
);

const spool: Contender = {
  name: 'spool',
  title: 'raw spool, no HTTP',
  headline: 'acknowledgedPerS',
  against: [],
  measure: (ground, settings) => measureSpool(ground, settings),
};

const copy = (title: string, events: Events): Contender => ({
  name: 'COPY',
  title,
  headline: 'landedPerS',
  against: [],
  measure: (ground, settings) => measureCopy(ground, { ...settings, events }),
});
const copyCalls = copy('COPY of calls', callEvents);
const copyMix = copy('COPY of calls, clicks, results', mixedEvents);

const ndjson = (title: string, events: Events, eventsPerBody: number, against: Contender): Contender => ({
  ...{ name: 'NDJSON', title, headline: 'landedPerS', against: [against] },
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
  ndjson('NDJSON of 500 calls', callEvents, 500, copyCalls),
  ndjson('NDJSON of 10,000 calls', callEvents, 10_000, copyCalls),
  copyMix,
  ndjson('NDJSON of 10,000, mixed 1 : 5 : 1', mixedEvents, 10_000, copyMix),
];
