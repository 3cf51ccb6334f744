/** The spool has no room, or a disk that fails, tears or forgets. */
import { constants } from 'node:fs';
import { open, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCode } from '../../../../src/lib/errors.js';
import type { Stage } from '../stage.js';
import type { Fault } from './fault.js';

/** The least that is allowed. */
const SMALL_SPOOL = { SPOOL_MAX_BYTES: String(1024 * 1024) };
const REFUSED_WITHIN_MS = 30_000;
/** DISK_RESERVE_BYTES is twice as much. */
const LESS_THAN_RESERVE_BYTES = 8 * 1024 * 1024;

export const fillSpool: Fault = {
  holdS: [0.2, 5],
  closesDoor: true,
  act: async (stage, { holdMs }) => {
    const { postgres, victim, probes } = stage;
    await postgres.stop();
    await victim.stop();
    await victim.start(SMALL_SPOOL);
    await untilRefused(stage, victim.name, 'spool_full');
    await delay(holdMs);
    await postgres.start();
    const tookMs = await probes.recovery(victim);
    await victim.stop();
    await victim.start();
    return `the spool of ${victim.name}; open again ${Math.round(tookMs)} ms after PostgreSQL was back`;
  },
};

export const fillDisk: Fault = {
  holdS: [0.2, 5],
  closesDoor: true,
  act: async (stage, { choice, holdMs }) => {
    const { survivor, hasSmallDisk } = stage;
    if (!hasSmallDisk) return 'skipped: this user may not mount a small file system';
    const filler = join(survivor.dataDir, 'spool', 'filler');
    const left = choice < 0.5 ? 0 : LESS_THAN_RESERVE_BYTES;
    await fill(filler, left);
    await untilRefused(stage, survivor.name, 'disk_full');
    await delay(holdMs);
    await rm(filler);
    return `the disk of ${survivor.name}, ${left} bytes left`;
  },
};

/** After it nothing is acknowledged any more, until the service is started again: whoever trusted the sync must not go on. */
export const failSync: Fault = {
  holdS: [0.2, 5],
  closesDoor: true,
  act: async (stage, { choice, holdMs }) => {
    const { victim } = stage;
    await victim.harmDisk('failed_sync');
    await untilRefused(stage, victim.name, 'spool_failed');
    await victim.healDisk();
    await delay(holdMs);
    if (choice < 0.5) await victim.stop();
    else await victim.kill();
    await victim.start();
    return `at ${victim.name}`;
  },
};

export const tearWrite: Fault = {
  holdS: [0, 0],
  act: async ({ victim }) => {
    await victim.harmDisk('torn_write');
    await victim.ended();
    await victim.healDisk();
    await victim.kill();
    await victim.start();
    return `at ${victim.name}`;
  },
};

export const shortenWrites: Fault = {
  holdS: [0.2, 5],
  act: async ({ victim, survivor }, { choice, holdMs }) => {
    const service = choice < 0.5 ? victim : survivor;
    await service.harmDisk('short_writes');
    await delay(holdMs);
    await service.healDisk();
    return `at ${service.name}`;
  },
};

/** @param problem the name of the problem it has to be refused for */
async function untilRefused(
  { driver, sender, problems }: Stage,
  name: string,
  problem: string,
): Promise<void> {
  const refusals = (): number => sender.turnedAway.get(problem) ?? 0;
  const before = refusals();
  const deadline = performance.now() + REFUSED_WITHIN_MS;
  driver.isInHurry = true;
  while (refusals() === before && performance.now() < deadline) await delay(5);
  driver.isInHurry = false;
  if (refusals() === before)
    problems.add('never refused', `${name} refused nothing as ${problem} within ${REFUSED_WITHIN_MS} ms`);
}

/** Takes all there is, to the last block, or all but so many bytes. */
async function fill(path: string, left: number): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT);
  try {
    for (let bytes = 1024 * 1024; bytes >= 512;) {
      const { bavail, bsize } = await statfs(path);
      if (bavail * bsize <= left) break;
      try {
        await file.write(Buffer.alloc(bytes));
      } catch (error) {
        if (errorCode(error) !== 'ENOSPC') throw error;
        bytes /= 2;
      }
    }
  } finally {
    await file.close();
  }
}

/** Of a record that was acknowledged, sealed and not stored yet: it has to become a dead letter. */
export const flipByte: Fault = {
  holdS: [0, 0],
  act: async ({ postgres, victim, probes, sender, ledger, problems }) => {
    await postgres.stop();
    let { scene, request } = probes.make();
    // One that is acknowledged at the first attempt, so that there is one record of it.
    while ((await sender.send(victim.url, request)) !== 'answered') ({ scene, request } = probes.make());
    await victim.stop();
    const found = await flip(join(victim.dataDir, 'spool'), scene.callId);
    if (found === 1) ledger.damaged.add(scene.callId);
    else problems.add('nothing to flip', `${scene.callId} stands in ${found} segments`);
    await victim.start();
    await postgres.start();
    return `in the record of ${scene.callId}`;
  },
};

/** Turns over one bit of the text where it stands first; returns in how many segments it stands. */
async function flip(directory: string, text: string): Promise<number> {
  const segments = (await readdir(directory)).filter((name) => name.endsWith('.seg'));
  let found = 0;
  for (const name of segments) {
    const path = join(directory, name);
    const bytes = await readFile(path);
    const at = bytes.indexOf(text);
    if (at === -1) continue;
    found++;
    const file = await open(path, 'r+');
    await file.write(Buffer.of((bytes[at] ?? 0) ^ 1), 0, 1, at);
    await file.sync();
    await file.close();
  }
  return found;
}
