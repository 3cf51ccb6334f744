import { open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { lockDirectory } from '../lib/directory-lock.js';
import { diskSpace } from '../lib/disk-space.js';
import { makeDirectory, syncDirectory } from '../lib/durable-files.js';

/** All that the spool wants from a file. Methods reject with the system's error. */
export interface SpoolFile {
  /** Reads up to buffer.length bytes; returns how many, 0 at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes some of the buffer; returns how many bytes. */
  write(buffer: Uint8Array, position: number): Promise<number>;
  truncate(length: number): Promise<void>;
  /** After it the bytes and the length of the file survive a loss of power. */
  datasync(): Promise<void>;
  /** Length in bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** All that the spool wants from the file system; a test puts a failing disk here. */
export interface SpoolFiles {
  /** Makes the directory and its parents, durably. */
  makeDirectory(directory: string): Promise<void>;
  /** Keeps other processes out; rejects with DirectoryInUseError. */
  lock(directory: string): Promise<{ release(): Promise<void> }>;
  list(directory: string): Promise<string[]>;
  /** A new file for reading and writing; rejects with EEXIST. */
  create(path: string): Promise<SpoolFile>;
  /** An existing file for reading and writing; rejects with ENOENT. */
  open(path: string): Promise<SpoolFile>;
  rename(from: string, to: string): Promise<void>;
  /** Rejects with ENOENT when it is not there. */
  remove(path: string): Promise<void>;
  /** After it what was created, renamed and removed in the directory survives a loss of power. */
  syncDirectory(directory: string): Promise<void>;
  /** What is left on the disk of the directory; Infinity when it does not tell. Never rejects. */
  freeBytes(directory: string): Promise<number>;
}

class NodeFile implements SpoolFile {
  constructor(readonly handle: FileHandle) {}

  async read(buffer: Uint8Array, position: number): Promise<number> {
    return (await this.handle.read(buffer, 0, buffer.length, position)).bytesRead;
  }

  async write(buffer: Uint8Array, position: number): Promise<number> {
    return (await this.handle.write(buffer, 0, buffer.length, position)).bytesWritten;
  }

  truncate(length: number): Promise<void> {
    return this.handle.truncate(length);
  }

  datasync(): Promise<void> {
    return this.handle.datasync();
  }

  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** The file system of this machine. Files are for their owner only: records may hold what senders consider private. */
export const nodeFiles: SpoolFiles = {
  makeDirectory,
  lock: lockDirectory,
  list: (directory) => readdir(directory),
  create: async (path) => new NodeFile(await open(path, 'wx+', 0o600)),
  open: async (path) => new NodeFile(await open(path, 'r+')),
  rename,
  remove: (path) => rm(path),
  syncDirectory,
  freeBytes: async (directory) => (await diskSpace(directory))?.freeBytes ?? Infinity,
};

/** Writes the whole buffer, however short the single writes are. */
export async function writeAll(file: SpoolFile, buffer: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    const written = await file.write(buffer.subarray(done), position + done);
    if (written <= 0) throw new Error(`a write of ${buffer.length - done} bytes wrote nothing`);
    done += written;
  }
}

/** Reads until the buffer is full or the file ends; returns the part that was read. */
export async function readUpTo(file: SpoolFile, buffer: Buffer, position: number): Promise<Buffer> {
  let done = 0;
  while (done < buffer.length) {
    const read = await file.read(buffer.subarray(done), position + done);
    if (read <= 0) break;
    done += read;
  }
  return buffer.subarray(0, done);
}

const REWRITE_AT_ONCE_BYTES = 256 * 1024;

/**
 * Writes the bytes [from, to) again as they are. A failed write-back is told to one sync only: the pages then pass for clean,
 * can be read, and every later sync succeeds without them. Who does not know how earlier syncs of a file ended has to
 * make its pages dirty again, or the next sync proves nothing.
 */
export async function rewrite(file: SpoolFile, from: number, to: number): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(REWRITE_AT_ONCE_BYTES, to - from));
  for (let at = from; at < to;) {
    const bytes = await readUpTo(file, buffer.subarray(0, to - at), at);
    if (bytes.length === 0) break;
    await writeAll(file, bytes, at);
    at += bytes.length;
  }
}
