/** Measures every contender in rounds, one after another within each round, on a PostgreSQL of its own. */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contender, contenders } from './contenders.js';
import { Databases } from './databases.js';
import { Load } from './load.js';
import { type Sample, type Spread, spreadOf } from './statistics.js';

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

/** What contenders need to measure themselves. */
export interface Bench {
  readonly settings: Settings;
  readonly databases: Databases;
  readonly load: Load;
  /** A new directory, open to be passed through. */
  directory(): Promise<string>;
}

export interface Line {
  readonly title: string;
  readonly figures: { readonly [Figure in keyof Sample]: Spread | null };
  /** This contender's rate by that of another in the same round. */
  readonly ratios: readonly { readonly to: string; readonly spread: Spread | null }[];
}

export interface Report {
  readonly settings: Settings;
  readonly machine: { readonly cpus: number; readonly node: string; readonly postgres: string };
  /** Of the last minute, before the first round. */
  readonly loadAverage: number;
  readonly lines: readonly Line[];
}

/** @param progress hears of each measurement */
export async function runBench(settings: Settings, progress: (note: string) => void): Promise<Report> {
  const loadAverage = loadavg()[0] ?? 0;
  const root = await mkdtemp(join(tmpdir(), 'call-logger-bench-'));
  await chmod(root, 0o711);
  const load = new Load();
  const databases = await Databases.start(root);
  let directories = 0;
  const directory = async (): Promise<string> => {
    const path = join(root, `run-${++directories}`);
    await mkdir(path, { mode: 0o711 });
    return path;
  };
  const samples = new Map<Contender, Sample[]>(contenders.map((contender) => [contender, []]));
  try {
    for (let round = 1; round <= settings.rounds; round++) {
      for (const contender of contenders) {
        const sample = await contender.measure({ settings, databases, load, directory });
        samples.get(contender)?.push(sample);
        progress(`round ${round}: ${contender.title}: ${Math.round(sample.rate)}/s`);
      }
    }
  } finally {
    await load.stop();
    await databases.stop();
    await rm(root, { recursive: true, force: true });
  }
  return {
    settings,
    machine: { cpus: cpus().length, node: process.version, postgres: databases.version },
    loadAverage,
    lines: contenders.map((contender) => lineOf(contender, samples)),
  };
}

function lineOf(contender: Contender, samples: ReadonlyMap<Contender, readonly Sample[]>): Line {
  const own = samples.get(contender) ?? [];
  const figure = (name: keyof Sample): Spread | null => spreadOf(own.map((sample) => sample[name]));
  return {
    title: contender.title,
    figures: {
      rate: figure('rate'),
      errors: figure('errors'),
      p50Ms: figure('p50Ms'),
      p99Ms: figure('p99Ms'),
      p999Ms: figure('p999Ms'),
      serviceCpuUs: figure('serviceCpuUs'),
      postgresCpuUs: figure('postgresCpuUs'),
      peakRssMb: figure('peakRssMb'),
      loadCpuPercent: figure('loadCpuPercent'),
      landedAfterMs: figure('landedAfterMs'),
    },
    ratios: contender.against.map((other) => ({
      to: other.name,
      spread: spreadOf(own.map(({ rate }, round) => rate / (samples.get(other)?.[round]?.rate ?? NaN))),
    })),
  };
}
