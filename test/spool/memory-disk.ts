import { basename } from 'node:path';
import type { SpoolFile, SpoolFiles } from '../../src/spool/files.js';
import { MemoryFile } from './memory-file.js';
import type { Choose } from './memory-file.js';

export interface DiskCall {
  readonly operation:
    | 'list'
    | 'create'
    | 'open'
    | 'read'
    | 'write'
    | 'truncate'
    | 'datasync'
    | 'size'
    | 'close'
    | 'rename'
    | 'remove'
    | 'syncDirectory';
  /** File name without its directory. */
  readonly name: string;
  /** Bytes asked for by a read or a write; the new length of a truncated file. */
  readonly length: number;
  /** Offset of a read or a write. */
  readonly position: number;
}

/** A change of names that a loss of power may undo. */
type NameChange =
  | { do: 'set'; name: string; file: MemoryFile }
  | { do: 'rename'; from: string; name: string; file: MemoryFile }
  | { do: 'remove'; name: string };

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

/** A random choice that is the same again for the same seed. */
export function chooser(seed: number): Choose {
  let state = seed >>> 0;
  return (below) => {
    // mulberry32: near seeds give far numbers, from the first on.
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/**
 * A disk of one directory in memory. In a crash any part of what was written and not synced is lost, and so is any of the
 * changes of names since the directory was synced. After a failed sync, what it was about counts as written and is not.
 */
export class MemoryDisk implements SpoolFiles {
  readonly calls: DiskCall[] = [];
  /** Called, and waited for, before each call; throws to make it fail; a number makes a write that short. */
  onCall: (call: DiskCall) => unknown = () => undefined;
  /** Called after the effect of each call; throws to make it fail all the same. */
  onDone: (call: DiskCall) => void = () => undefined;
  /** Files that were opened and not closed. */
  openFiles = 0;
  /** Says that it synced and did not. */
  isLying = false;
  /** What it says is free. */
  free = Infinity;
  /** How often it was asked for that. */
  looks = 0;
  #names: Map<string, MemoryFile>;
  #durableNames: Map<string, MemoryFile>;
  // What made #names of #durableNames.
  #changes: NameChange[] = [];
  #locked = false;

  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    this.#names = new Map([...files].map(([name, data]) => [name, new MemoryFile(data)]));
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
    const copies = new Map<MemoryFile, MemoryFile>();
    const copy = (file: MemoryFile): MemoryFile => {
      const made = copies.get(file) ?? file.copy();
      copies.set(file, made);
      return made;
    };
    const copied = (names: Map<string, MemoryFile>) =>
      new Map([...names].map(([name, file]) => [name, copy(file)]));
    next.#names = copied(this.#names);
    next.#durableNames = copied(this.#durableNames);
    next.#changes = this.#changes.map((change) =>
      change.do === 'remove' ? change : { ...change, file: copy(change.file) },
    );
    return next;
  }

  /** The disk after a loss of power. */
  crashed(choose: Choose): MemoryDisk {
    const names = new Map(this.#durableNames);
    for (const change of this.#changes) if (choose(2) === 1) apply(change, names);
    return new MemoryDisk(new Map([...names].map(([name, file]) => [name, file.crashed(choose)])));
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

  list(): Promise<string[]> {
    return this.#call({ operation: 'list' }, () => [...this.#names.keys()]);
  }

  async create(path: string): Promise<SpoolFile> {
    const name = basename(path);
    const made = await this.#call({ operation: 'create', name }, () => {
      if (this.#names.has(name)) throw systemError('EEXIST');
      const file = new MemoryFile();
      this.#change({ do: 'set', name, file });
      return file;
    });
    return this.#file(name, made);
  }

  async open(path: string): Promise<SpoolFile> {
    const name = basename(path);
    return this.#file(name, await this.#call({ operation: 'open', name }, () => this.#found(name)));
  }

  rename(from: string, to: string): Promise<void> {
    const [source, name] = [basename(from), basename(to)];
    return this.#call({ operation: 'rename', name: source }, () => {
      this.#change({ do: 'rename', from: source, name, file: this.#found(source) });
    });
  }

  remove(path: string): Promise<void> {
    const name = basename(path);
    return this.#call({ operation: 'remove', name }, () => {
      this.#found(name);
      this.#change({ do: 'remove', name });
    });
  }

  syncDirectory(): Promise<void> {
    return this.#call({ operation: 'syncDirectory' }, () => {
      if (this.isLying) return;
      this.#durableNames = new Map(this.#names);
      this.#changes = [];
    });
  }

  async freeBytes(): Promise<number> {
    this.looks++;
    return this.free;
  }

  #change(change: NameChange): void {
    apply(change, this.#names);
    this.#changes.push(change);
  }

  #found(name: string): MemoryFile {
    const file = this.#names.get(name);
    if (!file) throw systemError('ENOENT');
    return file;
  }

  async #call<T>(
    asked: Partial<DiskCall> & Pick<DiskCall, 'operation'>,
    effect: (length: number) => T,
  ): Promise<T> {
    const call = { name: '.', length: 0, position: 0, ...asked };
    this.calls.push(call);
    const answer = await this.onCall(call);
    const result = effect(typeof answer === 'number' ? answer : call.length);
    this.onDone(call);
    return result;
  }

  #file(name: string, file: MemoryFile): SpoolFile {
    this.openFiles++;
    let isOpen = true;
    const call = <T>(
      asked: Partial<DiskCall> & Pick<DiskCall, 'operation'>,
      effect: (length: number) => T,
    ): Promise<T> => {
      if (!isOpen) return Promise.reject(systemError('EBADF'));
      return this.#call({ name, ...asked }, effect);
    };
    return {
      read: (buffer, position) =>
        call({ operation: 'read', length: buffer.length, position }, () => {
          const found = file.data.subarray(position, position + buffer.length);
          buffer.set(found);
          return found.length;
        }),
      write: (buffer, position) =>
        call({ operation: 'write', length: buffer.length, position }, (length) => {
          file.write(buffer.subarray(0, length), position);
          return length;
        }),
      truncate: (length) =>
        call({ operation: 'truncate', length }, () => {
          file.truncate(length);
        }),
      datasync: async () => {
        try {
          await call({ operation: 'datasync' }, () => undefined);
        } catch (error) {
          file.failedSync();
          throw error;
        }
        if (!this.isLying) file.sync();
      },
      size: () => call({ operation: 'size' }, () => file.data.length),
      close: () => {
        const closing = call({ operation: 'close' }, () => undefined);
        // Also when it fails.
        if (isOpen) this.openFiles--;
        isOpen = false;
        return closing;
      },
    };
  }
}

function apply(change: NameChange, names: Map<string, MemoryFile>): void {
  if (change.do === 'remove') names.delete(change.name);
  else names.set(change.name, change.file);
  if (change.do === 'rename') names.delete(change.from);
}
