import { basename } from 'node:path';
import type { SpoolFile, SpoolFiles } from '../../src/spool/files.js';

interface Inode {
  data: Buffer;
  // What a loss of power leaves.
  synced: Buffer;
}

export interface DiskCall {
  readonly operation:
    'create' | 'open' | 'read' | 'write' | 'truncate' | 'datasync' | 'rename' | 'remove' | 'syncDirectory';
  /** File name without its directory. */
  readonly name: string;
  /** Bytes asked for by a read or a write. */
  readonly length: number;
}

/** Where a crash may choose: a number below `below`. */
export type Choose = (below: number) => number;

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

/**
 * A disk of one directory in memory. What is written is lost in a crash unless it was synced, and so are names unless the
 * directory was.
 */
export class MemoryDisk implements SpoolFiles {
  readonly calls: DiskCall[] = [];
  /** Called, and waited for, before each call; throws to make it fail; a number makes a write that short. */
  onCall: (call: DiskCall) => unknown = () => undefined;
  #names: Map<string, Inode>;
  #durableNames: Map<string, Inode>;
  #locked = false;

  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    this.#names = new Map([...files].map(([name, data]) => [name, { data, synced: data }]));
    this.#durableNames = new Map(this.#names);
  }

  /** The files as a process sees them. */
  contents(): Map<string, Buffer> {
    return new Map([...this.#names].map(([name, { data }]) => [name, data]));
  }

  segmentNames(): string[] {
    return [...this.#names.keys()].filter((name) => name.endsWith('.seg')).sort();
  }

  /** The disk as the next process finds it after this one was killed: all that was written is there, durable or not. */
  killed(): MemoryDisk {
    const next = new MemoryDisk();
    const copies = new Map<Inode, Inode>();
    const copy = (inode: Inode) => copies.get(inode) ?? { ...inode };
    for (const inode of [...this.#names.values(), ...this.#durableNames.values()])
      copies.set(inode, copy(inode));
    next.#names = new Map([...this.#names].map(([name, inode]) => [name, copy(inode)]));
    next.#durableNames = new Map([...this.#durableNames].map(([name, inode]) => [name, copy(inode)]));
    return next;
  }

  /** The disk after a loss of power. Of what was not synced, `choose` says how much is there and whether it is zeros. */
  crashed(choose: Choose): MemoryDisk {
    const files = new Map<string, Buffer>();
    for (const name of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
      const [one, other] =
        choose(2) === 0 ? [this.#names, this.#durableNames] : [this.#durableNames, this.#names];
      const durable = this.#durableNames.get(name) === this.#names.get(name);
      const inode = durable
        ? this.#names.get(name)
        : (one.get(name) ?? (choose(2) === 0 ? undefined : other.get(name)));
      if (inode) files.set(name, torn(inode, choose));
    }
    return new MemoryDisk(files);
  }

  makeDirectory(): Promise<void> {
    return Promise.resolve();
  }

  lock(): Promise<{ release(): Promise<void> }> {
    if (this.#locked) return Promise.reject(new Error('locked twice'));
    this.#locked = true;
    return Promise.resolve({
      release: async () => {
        this.#locked = false;
      },
    });
  }

  async list(): Promise<string[]> {
    return [...this.#names.keys()];
  }

  async create(path: string): Promise<SpoolFile> {
    const name = basename(path);
    await this.#call('create', name);
    if (this.#names.has(name)) throw systemError('EEXIST');
    const inode: Inode = { data: Buffer.alloc(0), synced: Buffer.alloc(0) };
    this.#names.set(name, inode);
    return this.#file(name, inode);
  }

  async open(path: string): Promise<SpoolFile> {
    const name = basename(path);
    await this.#call('open', name);
    return this.#file(name, this.#inode(name));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call('rename', basename(from));
    this.#names.set(basename(to), this.#inode(basename(from)));
    this.#names.delete(basename(from));
  }

  async remove(path: string): Promise<void> {
    await this.#call('remove', basename(path));
    this.#inode(basename(path));
    this.#names.delete(basename(path));
  }

  async syncDirectory(): Promise<void> {
    await this.#call('syncDirectory', '.');
    this.#durableNames = new Map(this.#names);
  }

  #inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (!inode) throw systemError('ENOENT');
    return inode;
  }

  async #call(operation: DiskCall['operation'], name: string, length = 0): Promise<number> {
    const call = { operation, name, length };
    this.calls.push(call);
    const answer = await this.onCall(call);
    return typeof answer === 'number' ? answer : length;
  }

  #file(name: string, inode: Inode): SpoolFile {
    return {
      read: async (buffer, position) => {
        await this.#call('read', name, buffer.length);
        const found = inode.data.subarray(position, position + buffer.length);
        buffer.set(found);
        return found.length;
      },
      write: async (buffer, position) => {
        const length = await this.#call('write', name, buffer.length);
        const data = Buffer.alloc(Math.max(inode.data.length, position + length));
        data.set(inode.data);
        data.set(buffer.subarray(0, length), position);
        inode.data = data;
        return length;
      },
      truncate: async (length) => {
        await this.#call('truncate', name, length);
        inode.data = inode.data.subarray(0, length);
      },
      datasync: async () => {
        await this.#call('datasync', name);
        inode.synced = inode.data;
      },
      size: async () => inode.data.length,
      close: async () => undefined,
    };
  }
}

function torn(inode: Inode, choose: Choose): Buffer {
  const { data, synced } = inode;
  const kept =
    data.length <= synced.length
      ? synced
      : data.subarray(0, synced.length + choose(data.length - synced.length + 1));
  if (kept.length <= synced.length || choose(2) === 0) return kept;
  const result = Buffer.from(kept);
  result.fill(0, synced.length + choose(kept.length - synced.length));
  return result;
}
