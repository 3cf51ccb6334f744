/** Times the read side of the service over HTTP, on a database that `fill` has filled. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DIMENSIONS, MEASURES } from '../../src/http/schemas/statistics.js';
import { flush } from './ingest-client.js';
import { startServer } from './processes.js';
import { ReadsClient } from './reads-client.js';
import { copyOut, type ExportKind, exportKinds, type ExportSample, measureExport } from './reads-exports.js';
import { type Facts, readFacts } from './reads-facts.js';
import { explainPages, type PagePlan } from './reads-plans.js';
import { type Probes, probeUntil } from './reads-probe.js';
import { dimensionQuestions, pageQuestions, type Question, recipeQuestions } from './reads-questions.js';
import { type Spread, spreadOf } from './statistics.js';

export const PARTS = ['pages', 'recipes', 'dimensions', 'exports', 'probes', 'plans'] as const;
export type Part = (typeof PARTS)[number];

export interface ReadsSettings {
  /** Filled; nothing is written to it. */
  readonly databaseUrl: string;
  readonly rounds: number;
  /** Times that a page is asked for in a round. */
  readonly repeats: number;
  readonly parts: readonly Part[];
  /** What node is to run as the service. */
  readonly service: readonly string[];
}

export interface Timing {
  readonly question: Question;
  readonly ms: Spread | null;
  /** Of the answer. */
  readonly bytes: number;
  /** An answer other than 200; null when there was none. */
  readonly error: string | null;
}

export interface ExportTiming {
  readonly kind: ExportKind;
  readonly figures: { readonly [Figure in keyof ExportSample]: Spread | null };
  /** Rows per second by those of the contender in the same round. */
  readonly ratio: Spread | null;
}

export interface ReadsReport {
  readonly settings: Omit<ReadsSettings, 'databaseUrl'>;
  readonly machine: { readonly cpus: number; readonly node: string };
  /** Of the last minute, before the first round. */
  readonly loadAverage: number;
  readonly facts: Facts;
  readonly pages: readonly Timing[];
  readonly recipes: readonly Timing[];
  readonly dimensions: readonly Timing[];
  /** Rows per second. */
  readonly copyOut: Spread | null;
  readonly exports: readonly ExportTiming[];
  /** At rest, and while a parquet export streams; null when they were not asked for. */
  readonly probes: { readonly idle: Probes; readonly exporting: Probes } | null;
  readonly plans: readonly PagePlan[];
}

const WALK_PAGES = 100;

/** @param progress hears of each measurement */
export async function runReads(
  settings: ReadsSettings,
  progress: (note: string) => void,
): Promise<ReadsReport> {
  const { databaseUrl, parts, rounds } = settings;
  const loadAverage = loadavg()[0] ?? 0;
  const dataDir = await mkdtemp(join(tmpdir(), 'call-logger-bench-'));
  // The drain stands still, so that the probes' calls stay on the spool and out of the database.
  const env = {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    DRAIN_CONCURRENCY: '0',
    // The calls are years old, and to be there for the next run too.
    RETENTION_DAYS: '0',
    BACKUP_INTERVAL_DAYS: '0',
  };
  const server = await startServer(settings.service, env);
  const client = new ReadsClient(server.url);
  try {
    await flush(server.url);
    const facts = await readFacts(databaseUrl);
    const has = (part: Part): boolean => parts.includes(part);
    const timings = (part: Part, questions: readonly Question[], repeats: number): Promise<Timing[]> =>
      has(part) ? time(client, questions, rounds, repeats, progress) : Promise.resolve([]);

    const pages = await timings(
      'pages',
      has('pages') ? pageQuestions(facts, await cursorAt(client, facts.middle)) : [],
      settings.repeats,
    );
    if (has('pages')) pages.push(await walk(client, rounds));
    const recipes = await timings('recipes', recipeQuestions(facts), 1);
    const dimensions = await timings('dimensions', dimensionQuestions(DIMENSIONS, MEASURES), 1);
    const exported = has('exports')
      ? await timeExports(client, server.pid, databaseUrl, facts, rounds, progress)
      : { copyOut: null, exports: [] };
    const probes = has('probes') ? await probe(client) : null;
    const plans = has('plans') ? await explainPages(databaseUrl, facts) : [];
    return {
      settings: { rounds, repeats: settings.repeats, parts, service: settings.service },
      machine: { cpus: cpus().length, node: process.version },
      loadAverage,
      facts,
      pages,
      recipes,
      dimensions,
      ...exported,
      probes,
      plans,
    };
  } finally {
    client.close();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Each question once to warm up, and then in rounds, all of them in turn. */
async function time(
  client: ReadsClient,
  questions: readonly Question[],
  rounds: number,
  repeats: number,
  progress: (note: string) => void,
): Promise<Timing[]> {
  const samples = questions.map((question) => ({ question, ms: [] as number[], bytes: 0, error: '' }));
  for (let round = 0; round <= rounds; round++) {
    for (const sample of samples) {
      for (let i = 0; i < (round === 0 ? 1 : repeats); i++) {
        const { status, ms, bytes, body } = await client.get(sample.question.path);
        if (status !== 200) sample.error = `${status}: ${body}`;
        if (round === 0) progress(`warm-up: ${sample.question.title}: ${ms.toFixed(1)} ms`);
        else sample.ms.push(ms);
        sample.bytes = bytes;
      }
    }
    if (round > 0) progress(`round ${round} of ${rounds}`);
  }
  return samples.map(({ question, ms, bytes, error }) => ({
    question,
    ms: spreadOf(ms),
    bytes,
    error: error === '' ? null : error,
  }));
}

/** The cursor of the page that begins about there: deeper than anybody would page to find out. */
async function cursorAt(client: ReadsClient, to: string): Promise<string> {
  const { next_cursor } = await page(client, `/v1/calls?limit=1&to=${encodeURIComponent(to)}`);
  if (next_cursor === null) throw new Error('the database holds too few calls for a page in the middle');
  return next_cursor;
}

/** Pages from the newest call on, each with the cursor of the one before; the time for one of them. */
async function walk(client: ReadsClient, rounds: number): Promise<Timing> {
  const first = '/v1/calls?limit=100';
  const times: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    let next: string | null = first;
    let pages = 0;
    for (; next !== null && pages < WALK_PAGES; pages++) {
      const { next_cursor, size } = await page(client, next);
      next = next_cursor === null ? null : `${first}&cursor=${encodeURIComponent(next_cursor)}`;
      bytes = size;
    }
    times.push((performance.now() - begin) / pages);
  }
  const question = { title: `walk of ${WALK_PAGES} pages, per page`, path: first, limitMs: 30 };
  return { question, ms: spreadOf(times), bytes, error: null };
}

async function page(
  client: ReadsClient,
  path: string,
): Promise<{ readonly next_cursor: string | null; readonly size: number }> {
  const { status, body, bytes } = await client.get(path);
  if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`);
  // As in the service's description of the route.
  const { next_cursor } = JSON.parse(body) as { next_cursor: string | null };
  return { next_cursor, size: bytes };
}

async function timeExports(
  client: ReadsClient,
  pid: number,
  databaseUrl: string,
  facts: Facts,
  rounds: number,
  progress: (note: string) => void,
): Promise<Pick<ReadsReport, 'copyOut' | 'exports'>> {
  const kinds = exportKinds(facts);
  const copied: number[] = [];
  const samples = kinds.map((kind) => ({ kind, list: [] as ExportSample[] }));
  for (let round = 1; round <= rounds; round++) {
    const seconds = await copyOut(databaseUrl);
    copied.push(facts.rows.calls / seconds);
    progress(`round ${round}: \\copy: ${seconds.toFixed(1)} s`);
    for (const { kind, list } of samples) {
      const sample = await measureExport(client, pid, kind);
      list.push(sample);
      progress(`round ${round}: ${kind.title}: ${sample.seconds.toFixed(1)} s`);
    }
  }
  const exports = samples.map(({ kind, list }) => {
    const figure = (name: keyof ExportSample): Spread | null => spreadOf(list.map((sample) => sample[name]));
    return {
      kind,
      figures: {
        rowsPerS: figure('rowsPerS'),
        mb: figure('mb'),
        seconds: figure('seconds'),
        cpuUs: figure('cpuUs'),
        rssBeforeMb: figure('rssBeforeMb'),
        rssPeakMb: figure('rssPeakMb'),
      },
      ratio: spreadOf(list.map(({ rowsPerS }, round) => rowsPerS / (copied[round] ?? NaN))),
    };
  });
  return { copyOut: spreadOf(copied), exports };
}

const IDLE_PROBE_MS = 3_000;

async function probe(client: ReadsClient): Promise<{ idle: Probes; exporting: Probes }> {
  const idle = await probeUntil(client, sleep(IDLE_PROBE_MS));
  const exporting = await probeUntil(client, client.drain('/v1/exports/calls?format=parquet'));
  return { idle, exporting };
}
