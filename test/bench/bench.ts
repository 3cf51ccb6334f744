/** Measures every contender in rounds, one after another within each round, on a PostgreSQL of its own. */
import { statfs } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { type Contender, contenders, type Round, type Settings } from './contenders.js';
import type { Ground } from './ground.js';
import { type Figures, type Sample, type Spread, spreadOf, spreadsOf } from './statistics.js';

export interface Line {
  readonly title: string;
  readonly headline: Contender['headline'];
  readonly figures: Figures;
  /** This contender's headline by that of another in the same round. */
  readonly ratios: readonly { readonly to: string; readonly spread: Spread | null }[];
}

export interface Report {
  readonly settings: Settings;
  readonly machine: Machine;
  /** Of the last minute, before the first round. */
  readonly loadAverage: number;
  readonly lines: readonly Line[];
}

interface Machine {
  readonly cpus: number;
  readonly node: string;
  readonly postgres: string;
  /** The disk is none: nothing that is written there costs, nor is it counted. */
  readonly inMemory: boolean;
}

/** @param progress hears of each measurement */
export async function runBench(
  ground: Ground,
  settings: Settings,
  progress: (note: string) => void,
): Promise<Report> {
  const loadAverage = loadavg()[0] ?? 0;
  const chosen = contenders.filter(({ name }) => settings.contenders.includes(name));
  const rounds: Map<Contender, Sample>[] = [];
  for (let n = 1; n <= settings.rounds; n++) {
    const round = new Map<Contender, Sample>();
    rounds.push(round);
    for (const contender of chosen) {
      const sample = await contender.measure(ground, settings, round);
      round.set(contender, sample);
      progress(`round ${n}: ${contender.title}: ${summary(sample)}`);
    }
  }
  return {
    settings,
    machine: await machineOf(ground),
    loadAverage,
    lines: chosen.map((contender) => lineOf(contender, rounds)),
  };
}

const TMPFS = 0x01021994;

async function machineOf({ databases }: Ground): Promise<Machine> {
  const { type } = await statfs(tmpdir());
  return {
    cpus: cpus().length,
    node: process.version,
    postgres: databases.version,
    inMemory: type === TMPFS,
  };
}

function summary({ acknowledgedPerS, landedPerS, p99Ms }: Sample): string {
  const parts = [
    acknowledgedPerS === null ? null : `${Math.round(acknowledgedPerS)}/s acknowledged`,
    landedPerS === null ? null : `${Math.round(landedPerS)}/s landed`,
    p99Ms === null ? null : `p99 ${p99Ms.toFixed(1)} ms`,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

function lineOf(contender: Contender, rounds: readonly Round[]): Line {
  const { title, headline, against } = contender;
  const figure = (of: Contender, round: Round): number => round.get(of)?.[headline] ?? NaN;
  const ratios = (other: Contender): number[] =>
    rounds.map((round) => figure(contender, round) / figure(other, round));
  return {
    title,
    headline,
    figures: spreadsOf(rounds.flatMap((round) => round.get(contender) ?? [])),
    ratios: against.map((other) => ({ to: other.name, spread: spreadOf(ratios(other)) })),
  };
}
