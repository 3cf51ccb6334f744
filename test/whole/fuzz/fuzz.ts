/**
 * Throws requests at every route of a running service, right, nearly right, absurd, and broken below HTTP, and holds
 * every answer to what the service promises. Afterwards it compares what was acknowledged with the store.
 */
import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import type { ApiDocument } from '../../../src/http/document/model.js';
import { peakRssMb } from '../../bench/usage.js';
import type { Counts } from '../audit.js';
import { Connection } from './connection.js';
import { Ending } from './ending.js';
import type { Ledger } from './ledger.js';
import { type LongestPause, type NumberedComplaint, Run, type RunOptions } from './run.js';
import { descriptorsOf, watch } from './watch.js';

export interface FuzzOptions extends RunOptions {
  /** On the service's database. */
  readonly pool: pg.Pool;
  /** Longer than this no request may block the event loop. */
  readonly mostBlockedMs: number;
}

export interface FuzzReport {
  readonly seed: number;
  readonly requests: number;
  readonly seconds: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly complaints: readonly NumberedComplaint[];
  readonly acknowledged: number;
  readonly counts: Counts;
  /** Events whose contents were compared with what was sent. */
  readonly compared: number;
  readonly deadLetters: Readonly<Record<string, number>>;
  readonly longestPause: LongestPause;
  readonly peakRssMb: number | null;
  readonly descriptors: { readonly before: number | null; readonly after: number | null };
  /** Connections of ours that the service holds although we do not. */
  readonly clientsLeft: number | null;
}

const DOCUMENT_MS = 30_000;
/** Far above what was ever seen (370 MB, 37 more); a leak is found by it. */
const MOST_RSS_MB = 700;
const MOST_DESCRIPTORS_MORE = 60;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { service, pool, seed, first, requests } = options;
  const { pid } = service.process;
  if (pid === undefined) throw new Error('a service that answers has no pid');
  const port = Number(new URL(service.url).port);
  const document = await documentAt(port);
  const run = new Run(options, document, port);
  const before = descriptorsOf(pid);
  const stopWatching = await watch(port, pid, (pause) => {
    run.notePause(pause);
  });
  const begin = performance.now();
  await run.throwAll();
  const seconds = (performance.now() - begin) / 1000;
  await stopWatching();
  const end = new Ending(port, run.known);
  run.complain(await end.complaints());
  const compared = await run.ledger.compare(pool);
  const counts = await end.counts();
  run.complain(compared.complaints);
  run.complain(judgeCounts(counts, run.ledger, compared.rows));
  const deadLetters = await reasonsOf(pool);
  run.complain(
    Object.keys(deadLetters)
      .filter((reason) => reason !== 'conflict')
      .map((reason) => `dead letters: ${reason}`),
  );
  const house = {
    longestPause: run.longestPause,
    peakRssMb: peakRssMb(pid),
    descriptors: { before, after: descriptorsOf(pid) },
    clientsLeft: await end.clientsLeft(pid),
  };
  run.complain(judgeHouse(house, options.mostBlockedMs));
  return {
    seed,
    requests: Math.min(requests, run.thrown - first),
    seconds,
    answers: run.answers,
    complaints: run.complaints,
    acknowledged: run.ledger.acknowledged,
    counts,
    compared: compared.compared,
    deadLetters,
    ...house,
  };
}

type House = Pick<FuzzReport, 'longestPause' | 'peakRssMb' | 'descriptors' | 'clientsLeft'>;

/** What a system does not tell is not judged. */
function judgeHouse(
  { longestPause, peakRssMb, descriptors, clientsLeft }: House,
  mostBlockedMs: number,
): string[] {
  const complaints: string[] = [];
  const { blockedMs } = longestPause;
  if (blockedMs > mostBlockedMs) complaints.push(`the event loop was blocked for ${blockedMs.toFixed(0)} ms`);
  if ((peakRssMb ?? 0) > MOST_RSS_MB) complaints.push(`${String(peakRssMb)} MB were resident`);
  const more = (descriptors.after ?? 0) - (descriptors.before ?? 0);
  if (more > MOST_DESCRIPTORS_MORE) complaints.push(`${more} more descriptors are open than before`);
  if ((clientsLeft ?? 0) > 0) complaints.push(`${String(clientsLeft)} connections are left`);
  return complaints;
}

async function documentAt(port: number): Promise<ApiDocument> {
  const connection = await Connection.open(port);
  connection.send(Buffer.from('GET /openapi.json HTTP/1.1\r\nhost: fuzz\r\n\r\n'), 'GET');
  const answer = await connection.answer(DOCUMENT_MS);
  connection.destroy();
  return JSON.parse(String(answer?.body)) as ApiDocument;
}

/** accepted = synced records: all that was acknowledged, and at most what was in doubt beside it. */
function judgeCounts(counts: Counts, ledger: Ledger, rows: number): string[] {
  const { accepted, stored, duplicate, dead_letter: deadLetter, spooled } = counts;
  const complaints: string[] = [];
  // The last call is no shot.
  const known = ledger.acknowledged + ledger.replayed + 1;
  if (accepted < known || accepted > known + ledger.inDoubt)
    complaints.push(`${accepted} accepted, ${known} acknowledged and ${ledger.inDoubt} in doubt`);
  if (accepted !== Number(stored) + Number(duplicate) + Number(deadLetter) + spooled)
    complaints.push(`counts that do not add up: ${JSON.stringify(counts)}`);
  if (stored !== rows) complaints.push(`${String(stored)} stored, and ${rows} rows`);
  return complaints;
}

async function reasonsOf(pool: pg.Pool): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ reason: string; count: number }>(
    'select reason, count(*)::int as count from dead_letters group by reason',
  );
  return Object.fromEntries(rows.map(({ reason, count }) => [reason, count]));
}
