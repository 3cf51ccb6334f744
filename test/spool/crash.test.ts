import t from 'tap';
import { messageOf } from '../../src/lib/errors.js';
import { SEAL_BYTES } from '../../src/spool/header.js';
import { settled } from './helpers.js';
import { Life, live } from './life.js';
import { chooser, MemoryDisk, systemError } from './memory-disk.js';
import type { DiskCall } from './memory-disk.js';
import type { Choose } from './memory-file.js';
import { Witness } from './witness.js';

const NOTHING: Choose = () => 0;
const ALL: Choose = (below) => below - 1;
/** `npx tsx test/spool/crash.test.ts 10 [seed]` looks ten times as long, with the seed of an earlier run if need be. */
const DEPTH = Number(process.argv[2] ?? 1);
const SEED = Number(process.argv[3] ?? Date.now() % 1_000_000);
/** Random crashes at each call. */
const ROUNDS = DEPTH;
/** One in so many of the calls of a recovery is crashed as well. */
const SECOND_CRASHES = Math.ceil(16 / DEPTH);
/** One in so many of the calls after a fault is crashed. */
const CRASHES_AFTER_FAULT = Math.ceil(17 / DEPTH);
t.setTimeout(240_000 * DEPTH);

/** What is on the disk, and what was promised, before one call of the spool. */
interface Moment {
  readonly call: string;
  readonly disk: MemoryDisk;
  readonly witness: Witness;
}

/** Every moment of what is done with a disk, those chosen by the number of the call. */
async function moments(
  disk: MemoryDisk,
  witness: Witness,
  wanted: (index: number) => boolean,
  act: () => Promise<void>,
): Promise<Moment[]> {
  const all: Moment[] = [];
  let index = 0;
  const note = (call: string) => {
    all.push({ call, disk: disk.killed(), witness: witness.copy() });
  };
  disk.onCall = ({ operation, name, length }) => {
    if (wanted(index++)) note(`call ${index}, ${operation} ${name} ${length}`);
  };
  await act();
  disk.onCall = () => undefined;
  note('the end');
  return all;
}

/** Opens what a crash left, twice, with an append and a loss of power in between; returns what was broken. */
async function recovered(disk: MemoryDisk, witness: Witness): Promise<string[]> {
  await (await Life.begin(disk, witness)).append(10, 20);
  await Life.begin(disk.crashed(NOTHING), witness);
  return witness.problems;
}

async function twoLives(disk: MemoryDisk, witness: Witness): Promise<void> {
  for (const renew of [true, false]) {
    await live(await Life.begin(disk, witness), renew);
    await settled();
  }
}

t.test(
  'a process killed, or a loss of power, before any call: what was acknowledged is there, also if it comes again while that is recovered',
  async (t) => {
    const [disk, witness] = [new MemoryDisk(), new Witness()];
    const all = await moments(
      disk,
      witness,
      () => true,
      () => twoLives(disk, witness),
    );
    t.same(witness.problems, []);
    const wrong: string[] = [];
    let crashes = 0;
    const check = async (moment: Moment, crashed: MemoryDisk, how: string) => {
      crashes++;
      for (const problem of await recovered(crashed, moment.witness.copy()))
        wrong.push(`${how} before ${moment.call}: ${problem}`);
    };
    for (const [index, moment] of all.entries()) {
      await check(moment, moment.disk.crashed(NOTHING), 'nothing unsynced kept');
      if (DEPTH > 1 || index % 2 === 0) await check(moment, moment.disk.killed(), 'killed');
      if (DEPTH > 1 || index % 2 === 1) await check(moment, moment.disk.crashed(ALL), 'all unsynced kept');
      for (let round = 0; round < ROUNDS; round++) {
        const choose = chooser(SEED + index * ROUNDS + round);
        await check(moment, moment.disk.crashed(choose), `crashed (seed ${SEED})`);
        const [again, after] = [moment.disk.crashed(choose), moment.witness.copy()];
        const seconds = await moments(
          again,
          after,
          (call) => (call + index + round) % SECOND_CRASHES === 0,
          async () => {
            await Life.begin(again, after);
          },
        );
        for (const second of seconds)
          await check(
            second,
            second.disk.crashed(choose),
            `crashed (seed ${SEED}) before ${moment.call}, and`,
          );
      }
    }
    t.same(wrong.slice(0, 10), []);
    t.comment(`${crashes} crashes at ${all.length} calls, seed ${SEED}`);
  },
);

/** Where an error can come from. */
const CALLS: Record<string, readonly DiskCall['operation'][]> = {
  EIO: [
    'open',
    'read',
    'write',
    'truncate',
    'datasync',
    'create',
    'close',
    'list',
    'rename',
    'remove',
    'syncDirectory',
  ],
  ENOSPC: ['create', 'write', 'datasync', 'rename', 'remove', 'syncDirectory', 'close'],
  EMFILE: ['create', 'open', 'list', 'syncDirectory', 'datasync'],
};

interface Fault {
  readonly code: string;
  /** The number of the first call that fails, among those that can fail so. */
  readonly from: number;
  readonly how: 'once' | 'once, after its effect' | 'from then on';
}

/**
 * A life with a fault in it; what it was that failed, null when there were not so many calls, and some moments after it.
 * A spool may refuse to open, as long as the next opening finds all.
 */
async function liveWith(
  { code, from, how }: Fault,
  disk: MemoryDisk,
  witness: Witness,
): Promise<{ hit: string | null; after: Moment[] }> {
  let hit: string | null = null;
  let calls = 0;
  const after: Moment[] = [];
  const fail = ({ operation, name, length }: DiskCall) => {
    if (!CALLS[code]?.includes(operation)) return;
    const call = `${operation} ${name} ${length}`;
    const number = calls++;
    if (number > from && (number - from) % CRASHES_AFTER_FAULT === from % CRASHES_AFTER_FAULT)
      after.push({ call, disk: disk.killed(), witness: witness.copy() });
    if (number < from || (number > from && how !== 'from then on')) return;
    hit ??= call;
    throw systemError(code);
  };
  if (how === 'once, after its effect') disk.onDone = fail;
  else disk.onCall = fail;
  const life = await Life.begin(disk, witness).catch((error: unknown) => {
    if (!messageOf(error).includes(code)) throw error;
    return null;
  });
  if (life) await live(life, true);
  disk.onCall = () => undefined;
  disk.onDone = () => undefined;
  await settled();
  after.push({ call: 'the end', disk: disk.killed(), witness: witness.copy() });
  if (disk.openFiles > 0) witness.problems.push(`${disk.openFiles} files are left open`);
  return { hit, after };
}

/** A disk on which a process was killed. */
async function killedDisk(): Promise<{ disk: MemoryDisk; witness: Witness }> {
  const [disk, witness] = [new MemoryDisk(), new Witness()];
  const life = await Life.begin(disk, witness);
  await life.append(50, 60);
  await life.append(500);
  return { disk: disk.killed(), witness };
}

for (const code of Object.keys(CALLS)) {
  t.test(
    `${code} of any call, once or from then on, breaks no promise, also when a crash follows`,
    async (t) => {
      const wrong: string[] = [];
      let runs = 0;
      for (const how of ['once', 'once, after its effect', 'from then on'] as const) {
        for (let from = 0; ; from++) {
          const { disk, witness } = await killedDisk();
          const { hit, after } = await liveWith({ code, from, how }, disk, witness);
          if (hit === null) break;
          wrong.push(...witness.problems.map((problem) => `${hit} failed ${how}: ${problem}`));
          for (const { call, disk: left, witness: then } of after) {
            const crashes: [string, () => MemoryDisk][] = [
              ['killed', () => left.killed()],
              ['nothing unsynced kept', () => left.crashed(NOTHING)],
              [`crashed (seed ${SEED})`, () => left.crashed(chooser(SEED + runs))],
            ];
            runs++;
            for (const [index, [crash, next]] of crashes.entries()) {
              // In the short form one of them at each moment.
              if (DEPTH === 1 && index !== runs % crashes.length) continue;
              for (const problem of await recovered(next(), then.copy()))
                wrong.push(`${hit} failed ${how}, ${crash} before ${call}: ${problem}`);
            }
          }
        }
      }
      t.same(wrong.slice(0, 10), []);
      t.comment(`${runs} moments, seed ${SEED}`);
    },
  );
}

t.test('an error that passes while a header is read costs nothing', async (t) => {
  const { disk, witness } = await killedDisk();
  let failures = 2;
  disk.onCall = ({ operation }) => {
    if (operation === 'read' && failures-- > 0) throw systemError('EIO');
  };
  t.same(await recovered(disk, witness), []);
  t.ok(failures < 0);
});

t.test(
  'what a failed sync left for the next process to read is on the disk before it is handed out',
  async (t) => {
    const [disk, witness] = [new MemoryDisk(), new Witness()];
    const life = await Life.begin(disk, witness);
    await life.append(10);
    disk.onCall = ({ operation }) => {
      if (operation === 'datasync') throw systemError('EIO');
    };
    await life.append(100);
    const next = disk.killed();
    const { spool } = await Life.begin(next, witness);
    t.equal(spool.stats().spooled, 2, 'it was found, and counts from now on');
    await Life.begin(next.crashed(NOTHING), witness);
    t.same(witness.problems, []);
  },
);

t.test(
  'what a killed process had not synced is synced before it is handed out, with or without room for a seal',
  async (t) => {
    for (const hasRoom of [true, false]) {
      const [disk, witness] = [new MemoryDisk(), new Witness()];
      const life = await Life.begin(disk, witness);
      disk.onCall = ({ operation }) => (operation === 'datasync' ? new Promise(() => undefined) : undefined);
      void life.append(100);
      await settled();
      const next = disk.killed();
      next.onCall = ({ operation, length }) => {
        if (operation === 'write' && length === SEAL_BYTES && !hasRoom) throw systemError('ENOSPC');
      };
      const { spool } = await Life.begin(next, witness);
      t.equal(spool.stats().spooled, 1, 'it was found, and counts from now on');
      await Life.begin(next.crashed(NOTHING), witness);
      t.same(witness.problems, []);
    }
  },
);

t.test('an id that a killed process had half renewed is on the disk before it is used', async (t) => {
  const { disk, witness } = await killedDisk();
  const life = await Life.begin(disk, witness);
  disk.onCall = ({ operation }) => {
    // The process is killed between the new name and the sync of the directory.
    if (operation === 'syncDirectory') throw systemError('EIO');
  };
  await t.rejects(life.renew(), /EIO/);
  const next = disk.killed();
  next.onCall = ({ operation }) => {
    if (operation === 'write') throw systemError('ENOSPC');
  };
  const { spool } = await Life.begin(next, witness);
  t.not(spool.id, life.spool.id);
  await Life.begin(next.crashed(NOTHING), witness);
  t.same(witness.problems, []);
});

t.test(
  'a segment that was given up and comes back in a crash does not hide what the one before it took afterwards',
  async (t) => {
    const [disk, witness] = [new MemoryDisk(), new Witness()];
    const life = await Life.begin(disk, witness);
    await life.append(10);
    disk.onCall = ({ operation }) => {
      if (operation === 'syncDirectory') throw systemError('EMFILE');
    };
    await life.append(4000);
    t.equal(witness.acknowledged, 1, 'refused');
    disk.onCall = () => undefined;
    await life.append(20);
    t.equal(witness.acknowledged, 2, 'the segment before goes on');
    const wrong: string[] = [];
    for (let seed = 0; seed < 64; seed++)
      wrong.push(...(await recovered(disk.crashed(chooser(seed)), witness.copy())));
    t.same(wrong, []);
  },
);
