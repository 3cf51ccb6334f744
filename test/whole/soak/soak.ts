/**
 * Two services on one database under load, while everything around them breaks, one thing after the other; and then the
 * account: what was acknowledged against what is in the store, row by row.
 *
 *   senders ──► victim ───┐
 *      │                  ├─► proxy ──► PostgreSQL
 *      └─────► survivor ──┘
 *
 * What is sent, in which order, and which faults come, with what particulars, is decided by the seed alone; when it
 * happens, and which sender sends what, by the machine.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { settlesWithin } from '../../../src/lib/deadline.js';
import { messageOf } from '../../../src/lib/errors.js';
import { Undo } from '../../../src/lib/undo.js';
import { createPool } from '../../../src/store/database.js';
import { flush } from '../audit.js';
import { auditAccounts } from './audit-accounts.js';
import { type RowAudit, RowAuditor } from './audit-rows.js';
import { type FaultName, faultOf } from './faults/index.js';
import { type Figures, type Happened, longestStall, recoveries } from './figures.js';
import type { Ledger } from './ledger.js';
import type { PlannedFault } from './plan.js';
import { Problems } from './problems.js';
import { atRest, handlesOf, processesAbout, watchMemory, watchPauses } from './resources.js';
import { type Scene, type Script, sceneOf } from './scene.js';
import { setUp, type SetUpOptions } from './set-up.js';
import type { Stage } from './stage.js';
import { Stream } from './stream.js';
import { Upkeep } from './upkeep.js';

export interface SoakOptions extends SetUpOptions {
  readonly seed: string;
  readonly faults: Iterable<PlannedFault>;
  /** No fault begins after this. */
  readonly forMs: number;
  /** Waits until idle connections are closed, to compare all handles; without it only files and pipes. */
  readonly waitsForRest: boolean;
  readonly progress?: (line: string) => void;
}

export interface SoakReport {
  readonly figures: Figures;
  /** What must not be, in lines; empty when all is well. */
  readonly problems: readonly string[];
}

const UPKEEP_EVERY_MS = 10_000;
const DRIVEN_WITHIN_MS = 120_000;
const FLUSH_WITHIN_S = 120;
const STOP_WITHIN_MS = 60_000;
const DAY_MS = 24 * 60 * 60 * 1000;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const problems = new Problems();
  const undo = new Undo((step, error) => {
    if (error !== undefined) problems.add('bad end', `${step}: ${messageOf(error)}`);
  });
  let figures: Omit<Figures, 'problems'>;
  try {
    figures = await run(options, problems, undo);
  } finally {
    await undo.run(STOP_WITHIN_MS);
  }
  for (const process of processesAbout(options.directory)) problems.add('orphan', process);
  return { figures: { ...figures, problems: problems.lines.length }, problems: problems.lines };
}

async function run(options: SoakOptions, problems: Problems, undo: Undo): Promise<Omit<Figures, 'problems'>> {
  const begunAt = performance.now();
  const script = { seed: options.seed, dayMs: Math.floor(Date.now() / DAY_MS) * DAY_MS };
  const stream = new Stream(script);
  const stage = await setUp(options, stream, script, problems, undo);
  const { victim, survivor, sender, ledger, driver, probes } = stage;
  const services = [victim, survivor];
  for (const service of services) await probes.recovery(service);
  const firstHandles = handlesOf(survivor.pid);
  const memory = watchMemory(survivor.pid);
  const pausing = watchPauses();

  const ending = new AbortController();
  // However it ends, senders that try for ever are not to outlive their services.
  undo.push('senders', async () => {
    ending.abort();
    driver.leave();
    sender.close();
  });
  const ageing = poolOf(stage.postgres, 'ageing');
  undo.push('ageing', () => ageing.end());
  const upkeep = new Upkeep(ageing, services, problems, UPKEEP_EVERY_MS);
  const keeping = upkeep.run(ending.signal);
  const driving = driver.drive(ending.signal);
  const happened = await breakThings(options, stage);
  ending.abort();
  if (!(await settlesWithin(driving, DRIVEN_WITHIN_MS))) problems.add('no end', 'some are never answered');
  await keeping;

  for (const service of services)
    if (!(await flush(service.url, FLUSH_WITHIN_S))) problems.add('not drained', service.name);
  await upkeep.prove();
  const rows = await compare(stage, stream, script);
  // Its connections are not the service's affair.
  sender.close();
  const lastHandles = await atRest(survivor.pid, firstHandles, options.waitsForRest);
  if (
    lastHandles.others > firstHandles.others ||
    (options.waitsForRest && lastHandles.sockets > firstHandles.sockets)
  )
    problems.add('leaked handles', JSON.stringify({ firstHandles, lastHandles }));
  options.progress?.(
    `upkeep: ${[...upkeep.endings].map(([ending, count]) => `${ending} × ${count}`).join(', ')}`,
  );

  const pauses = pausing.stop();
  const stall = longestStall(driver.stalls, happened, pauses, (name) => faultOf(name).closesDoor === true);
  return {
    seed: options.seed,
    minutes: (performance.now() - begunAt) / 60_000,
    faults: countByName(happened),
    acknowledged: ledger.acknowledged,
    events: rows.events,
    lost: rows.lost,
    duplicated: rows.duplicated,
    invented: rows.invented,
    unknown: ledger.unknown,
    refused: ledger.refused,
    corrupt: ledger.damaged.size,
    longestStallMs: stall.ms,
    longestStallDuring: stall.during,
    recoveryMs: recoveries(happened),
    pausedMs: Math.max(0, ...pauses.map(({ fromMs, toMs }) => toMs - fromMs)),
    slowestStopMs: Math.max(...services.map((service) => service.slowestStopMs)),
    rssMb: memory.stop(),
    handles: {
      first: firstHandles.others + firstHandles.sockets,
      last: lastHandles.others + lastHandles.sockets,
    },
  };
}

/** One fault after the other, each followed by proof that all has recovered. */
async function breakThings(options: SoakOptions, stage: Stage): Promise<Happened[]> {
  const happened: Happened[] = [];
  const over = performance.now() + options.forMs;
  for (const planned of options.faults) {
    await delay(planned.pauseMs);
    if (performance.now() > over) break;
    const fromMs = performance.now();
    const note = await faultOf(planned.name).act(stage, planned);
    const services = [stage.victim, stage.survivor];
    const recovery = await Promise.all(services.map((service) => stage.probes.recovery(service)));
    const one = {
      name: planned.name,
      fromMs,
      toMs: performance.now(),
      note,
      recoveryMs: Math.max(...recovery),
    };
    happened.push(one);
    for (const service of services) await stage.probes.account(service);
    const seconds = ((one.toMs - fromMs) / 1000).toFixed(1);
    options.progress?.(
      `${planned.name}: ${note}; ${seconds} s, recovery ${Math.round(one.recoveryMs)} ms; ` +
        `${stage.ledger.acknowledged} acknowledged, ${stage.problems.lines.length} problems`,
    );
  }
  return happened;
}

async function compare(
  { postgres, victim, survivor, ledger, probes, problems }: Stage,
  stream: Stream,
  script: Script,
): Promise<RowAudit> {
  const pool = poolOf(postgres, 'audit');
  try {
    const rows = await new RowAuditor(pool, ledger, problems).audit(scenesOf(stream, script, ledger));
    const accounts = [await probes.account(victim), await probes.account(survivor)];
    const known = accounts.filter((account) => account !== null);
    await auditAccounts(pool, known, rows, ledger, problems);
    return rows;
  } finally {
    await pool.end();
  }
}

function poolOf({ url }: Stage['postgres'], name: string): pg.Pool {
  return createPool({ connectionString: url }, { name, max: 1, statementTimeoutMs: 0 }, () => undefined);
}

function* scenesOf({ scenes }: Stream, script: Script, { extras }: Ledger): Generator<Scene, void> {
  for (let number = 0; number < scenes; number++) yield sceneOf(script, number);
  yield* extras;
}

function countByName(happened: readonly Happened[]): Partial<Record<FaultName, number>> {
  const counts: Partial<Record<FaultName, number>> = {};
  for (const { name } of happened) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
