/** Who is measured, against whom, and what with. */
import type { Bench } from './bench.js';
import { measureCopy, measureNdjson } from './measure-batches.js';
import { measureSingles, type SinglesServer } from './measure-singles.js';
import { startServer } from './processes.js';
import { EVENTS_PER_CALL, type Events, freshCalls, freshMix } from './rows.js';
import type { Sample } from './statistics.js';

export interface Contender {
  /** Short, for ratios. */
  readonly name: string;
  readonly title: string;
  /** Whose rate in the same round its own is divided by. */
  readonly against: readonly Contender[];
  measure(bench: Bench): Promise<Sample>;
}

const floorOf = (kind: 'bare' | 'plumbed') => async (): Promise<SinglesServer> => ({
  server: await startServer(['--import', 'tsx', 'test/bench/floor.ts', kind], {}),
  isOurs: false,
  drains: false,
});
const ours =
  (drains: boolean) =>
  async (bench: Bench, databaseUrl: string): Promise<SinglesServer> => ({
    server: await startServer(bench.settings.service, {
      DATABASE_URL: databaseUrl,
      DATA_DIR: await bench.directory(),
      ...(drains ? undefined : { DRAIN_CONCURRENCY: '0' }),
    }),
    isOurs: true,
    drains,
  });

const bare: Contender = {
  name: 'bare',
  title: 'bare Fastify, empty handler',
  against: [],
  measure: (bench) => measureSingles(bench, floorOf('bare')),
};
const floor: Contender = {
  name: 'floor',
  title: 'floor: our door, empty handler',
  against: [bare],
  measure: (bench) => measureSingles(bench, floorOf('plumbed')),
};
const paused: Contender = {
  name: 'paused',
  title: 'call-logger, drain paused',
  against: [floor, bare],
  measure: (bench) => measureSingles(bench, ours(false)),
};
const whole: Contender = {
  name: 'whole',
  title: 'call-logger, whole',
  against: [floor, bare],
  measure: (bench) => measureSingles(bench, ours(true)),
};

const calls: Events = function* (prefix, rows) {
  const source = freshCalls(prefix);
  for (let n = 0; n < rows; n++) yield source.next().value;
};
const mix: Events = (prefix, rows) => freshMix(prefix, Math.ceil(rows / EVENTS_PER_CALL));

const copyCalls: Contender = {
  name: 'COPY',
  title: 'COPY of calls',
  against: [],
  measure: (bench) => measureCopy(bench, calls),
};
const copyMix: Contender = {
  name: 'COPY',
  title: 'COPY of calls, clicks, results',
  against: [],
  measure: (bench) => measureCopy(bench, mix),
};
const ndjson = (title: string, events: Events, eventsPerBody: number, against: Contender): Contender => ({
  name: title,
  title,
  against: [against],
  measure: (bench) => measureNdjson(bench, events, eventsPerBody),
});

/** In the order in which they are measured. */
export const contenders: readonly Contender[] = [
  bare,
  floor,
  paused,
  whole,
  copyCalls,
  ndjson('NDJSON of 500 calls', calls, 500, copyCalls),
  ndjson('NDJSON of 10,000 calls', calls, 10_000, copyCalls),
  copyMix,
  ndjson('NDJSON of 10,000, mixed 1 : 5 : 1', mix, 10_000, copyMix),
];
