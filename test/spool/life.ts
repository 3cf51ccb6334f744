import { errorCode } from '../../src/lib/errors.js';
import { NoRoomError, SpoolClosedError, SpoolFailedError } from '../../src/spool/spool.js';
import type { Spool } from '../../src/spool/spool.js';
import { openOn, settled } from './helpers.js';
import type { MemoryDisk } from './memory-disk.js';
import type { Witness } from './witness.js';

export const SMALL = { maxBytes: 65_536, segmentBytes: 4096 };

/** Carries out what a test wants done with a spool, and tells the witness what came of it. */
export class Life {
  constructor(
    readonly spool: Spool,
    readonly witness: Witness,
  ) {}

  static async begin(disk: MemoryDisk, witness: Witness): Promise<Life> {
    const { spool } = await openOn(disk, SMALL);
    try {
      await witness.opened(spool);
    } catch (error) {
      await spool.close();
      throw error;
    }
    return new Life(spool, witness);
  }

  /** Whatever it is refused for has to be one of the errors that the interface names. */
  async append(...sizes: number[]): Promise<void> {
    const contents = this.witness.contents(sizes);
    try {
      const receipt = await this.spool.append(contents.map((content) => Buffer.from(content)));
      this.witness.accepted(this.spool, receipt, contents);
    } catch (error) {
      const known = [NoRoomError, SpoolFailedError, SpoolClosedError];
      if (!known.some((kind) => error instanceof kind)) throw error;
    }
  }

  release(first: number, last: number): void {
    this.witness.released(first, last);
    this.spool.release(first, last);
  }

  /** A disk that cannot be read now is no reason to complain. */
  async look(): Promise<void> {
    await this.witness.whileOpen(this.spool).catch((error: unknown) => {
      if (errorCode(error) === undefined) throw error;
    });
  }

  async renew(): Promise<void> {
    this.witness.renewing(this.spool);
    await this.spool.renew();
    this.witness.renewed(this.spool);
  }
}

/** Something of everything: groups, segments that follow one another, releases in and out of order, another id, an end. */
export async function live(life: Life, renew: boolean): Promise<void> {
  const { spool } = life;
  await Promise.all([life.append(20, 300), life.append(0)]);
  await life.append(1500, 1500);
  await life.append(3000);
  if (renew) await life.renew().catch(() => undefined);
  await life.append(100, 2000);
  life.release(spool.openedAt, spool.openedAt + 4);
  await life.append(900, 900, 900, 900);
  await settled();
  life.release(spool.openedAt + 7, spool.syncedThrough);
  await Promise.all([life.append(700, 700), life.append(90), life.append(2500)]);
  await life.look();
  await spool.close();
}
