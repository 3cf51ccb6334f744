import type { SpoolFiles } from './files.js';

const LOOK_EVERY_MS = 100;
/** More than all who write there put on a disk between two looks. With less than that to spare each group is preceded by one. */
const NEAR_BYTES = 64 * 1024 * 1024;

/**
 * What the spool may still take of its disk, which others fill as well: what is free, but for a reserve. While there is plenty
 * the system is asked so seldom that it costs nothing.
 */
export class DiskRoom {
  #freeBytes = Infinity;
  #lookedAt = -Infinity;

  constructor(
    private readonly files: SpoolFiles,
    private readonly directory: string,
    readonly reserveBytes: number,
  ) {}

  /** At the last look, less what was taken since. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  get spareBytes(): number {
    return this.reserveBytes === 0 ? Infinity : this.#freeBytes - this.reserveBytes;
  }

  /** Whether so many bytes can be taken. */
  async has(bytes: number): Promise<boolean> {
    if (this.reserveBytes === 0) return true;
    const isDue = performance.now() - this.#lookedAt >= LOOK_EVERY_MS;
    if (isDue || this.spareBytes < bytes + NEAR_BYTES) await this.look();
    return bytes <= this.spareBytes;
  }

  took(bytes: number): void {
    this.#freeBytes -= bytes;
  }

  async look(): Promise<void> {
    this.#freeBytes = await this.files.freeBytes(this.directory);
    this.#lookedAt = performance.now();
  }
}
