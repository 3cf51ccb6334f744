import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Databases } from './databases.js';
import { Load } from './load.js';

/** What a bench stands on. All of it is gone when the bench is over. */
export class Ground {
  #directories: string[] = [];
  #made = 0;

  private constructor(
    private readonly root: string,
    readonly databases: Databases,
    readonly load: Load,
    /** What node is to run as the service. */
    readonly service: readonly string[],
  ) {}

  static async with<T>(service: readonly string[], use: (ground: Ground) => Promise<T>): Promise<T> {
    const root = await mkdtemp(join(tmpdir(), 'call-logger-bench-'));
    await chmod(root, 0o711);
    const load = new Load();
    try {
      const databases = await Databases.start(root);
      try {
        return await use(new Ground(root, databases, load, service));
      } finally {
        await databases.stop();
      }
    } finally {
      await load.stop();
      await rm(root, { recursive: true, force: true });
    }
  }

  /** Of call_ids; each time another. */
  prefix(): string {
    return `run-${++this.#made}`;
  }

  /** A new directory, open to be passed through. */
  async directory(): Promise<string> {
    const path = join(this.root, `directory-${++this.#made}`);
    await mkdir(path, { mode: 0o711 });
    this.#directories.push(path);
    return path;
  }

  /** Removes the directories that were made so far. */
  async clear(): Promise<void> {
    const directories = this.#directories;
    this.#directories = [];
    await Promise.all(directories.map((path) => rm(path, { recursive: true, force: true })));
  }
}
