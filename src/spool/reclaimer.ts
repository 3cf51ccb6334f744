import { messageOf } from '../lib/errors.js';
import { ifExists } from '../lib/if-exists.js';
import type { SpoolFiles } from './files.js';
import type { Segments } from './segments.js';
import type { OnFault } from './types.js';

/** Deletes the files of segments nobody needs any more, one after the other. */
export class Reclaimer {
  #running: Promise<void> | null = null;

  constructor(
    private readonly files: SpoolFiles,
    private readonly directory: string,
    private readonly segments: Segments,
    private readonly onFault: OnFault,
  ) {}

  /** Resolves when there is nothing left to delete or a deletion failed (it is tried again with the next call). Never rejects. */
  run(): Promise<void> {
    if (this.#running) return this.#running;
    if (!this.segments.removable()) return Promise.resolve();
    this.#running = this.#removeAll();
    return this.#running;
  }

  async #removeAll(): Promise<void> {
    try {
      for (;;) {
        const segment = this.segments.removable();
        if (!segment) break;
        if (segment.header && !segment.isUnreadable) {
          await ifExists(this.files.remove(segment.path));
        } else {
          // What was handed out is not all that lies there: left for a human.
          await this.files.rename(segment.path, segment.path.replace(/\.seg$/, '.bad'));
        }
        this.segments.remove(segment);
        await this.files.syncDirectory(this.directory);
      }
    } catch (error) {
      this.onFault({ kind: 'remove', message: `a segment could not be deleted: ${messageOf(error)}`, error });
    }
    // In the same step as the last look, so that a segment released now is not overlooked.
    this.#running = null;
  }
}
