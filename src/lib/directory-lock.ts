import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/*
 * At most one process holds a directory, and a process that is killed holds nothing from that moment on.
 *
 * Each process that wants it listens on a Unix socket of its own in the directory, under a random name that is used once.
 * Whether somebody listens is known to the kernel, so it is right after kill -9, with process ids reused, and between
 * containers that share a volume but not their process ids (which a file with a pid in it is not). It is not known between
 * machines: a network file system does not carry it.
 *
 *  1. listen on lock.X.new, then rename it to lock.X.sock: what carries the final name has listened, so when a connection
 *     to it is refused its owner is dead, for good, and the file can be removed. There is no moment of taking over.
 *  2. list the others, connect to each. A holder says 'H': in use. One that is itself at this step says 'S': the greater
 *     name gives up; the lesser waits for the other to give up (end of connection) or to say 'H' after all.
 *  3. hold, and say 'H' from now on.
 * Of two that overlap, at least the one that listed later sees the other, so never do both hold. A process that is stopped
 * (SIGSTOP) or too busy to answer counts as holding.
 */

export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
  constructor(readonly directory: string) {
    super(`another process is using the directory ${directory}`);
  }
}

export interface DirectoryLock {
  /** Whether the last to hold it was killed, so that what it had begun may still be under way. */
  readonly inherited: boolean;
  /** Can be called again. */
  release(): Promise<void>;
}

const ANSWER_WITHIN_MS = 1000;
// sockaddr_un holds 108 bytes on Linux, 104 elsewhere, with the terminating zero.
const MAX_SOCKET_PATH_BYTES = 100;

/** Takes the directory, which must exist, or rejects with DirectoryInUseError. Does not keep the process alive. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const sockets = await socketDirectory(directory);
  try {
    return await Candidate.run(directory, sockets);
  } catch (error) {
    await sockets.close();
    throw error;
  }
}

/** A directory for the sockets, and the same one by a name short enough for bind and connect. */
interface SocketDirectory {
  readonly path: string;
  readonly shortPath: string;
  close(): Promise<void>;
}

async function socketDirectory(directory: string): Promise<SocketDirectory> {
  const path = await realpath(directory);
  const longest = Buffer.byteLength(join(path, fileName(randomBytes(8).toString('hex'), 'sock')));
  if (longest <= MAX_SOCKET_PATH_BYTES) return { path, shortPath: path, close: () => Promise.resolve() };
  if (process.platform === 'linux') {
    const handle: FileHandle = await open(path, 'r');
    return { path, shortPath: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
  }
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 16);
  const elsewhere = join(await realpath(tmpdir()), `lock-${hash}`);
  await mkdir(elsewhere, { recursive: true, mode: 0o700 });
  return { path: elsewhere, shortPath: elsewhere, close: () => Promise.resolve() };
}

function fileName(name: string, state: 'new' | 'sock'): string {
  return `lock.${name}.${state}`;
}

class Candidate implements DirectoryLock {
  readonly #name = randomBytes(8).toString('hex');
  readonly #server: Server;
  readonly #callers = new Set<Socket>();
  #holding = false;
  #inherited = false;
  #released: Promise<void> | null = null;

  static async run(directory: string, sockets: SocketDirectory): Promise<DirectoryLock> {
    const candidate = new Candidate(sockets);
    try {
      await candidate.#appear();
      if (!(await candidate.#isAlone())) throw new DirectoryInUseError(directory);
      candidate.#hold();
      return candidate;
    } catch (error) {
      await candidate.#withdraw();
      throw error;
    }
  }

  private constructor(private readonly sockets: SocketDirectory) {
    this.#server = createServer((caller) => {
      caller.unref();
      caller.on('error', () => caller.destroy());
      caller.on('close', () => this.#callers.delete(caller));
      this.#callers.add(caller);
      caller.write(this.#holding ? 'H' : 'S');
    });
  }

  get inherited(): boolean {
    return this.#inherited;
  }

  release(): Promise<void> {
    this.#released ??= this.#withdraw().then(() => this.sockets.close());
    return this.#released;
  }

  async #appear(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      // A lock, not a door: nothing is served here.
      this.#server.listen(
        { path: join(this.sockets.shortPath, fileName(this.#name, 'new')), exclusive: true },
        resolve,
      );
    });
    this.#server.unref();
    const made = join(this.sockets.path, fileName(this.#name, 'new'));
    // Whoever may enter the directory may ask, or a file left by another user could never be told to be dead.
    await chmod(made, 0o666);
    await rename(made, join(this.sockets.path, fileName(this.#name, 'sock')));
  }

  async #isAlone(): Promise<boolean> {
    for (const file of await readdir(this.sockets.path)) {
      const [, name, state] = /^lock\.([0-9a-f]{16})\.(new|sock)$/.exec(file) ?? [];
      if (name === undefined || name === this.#name) continue;
      if (state === 'new') {
        await removeIfOld(join(this.sockets.path, file));
        continue;
      }
      const answer = await ask(join(this.sockets.shortPath, file), name > this.#name);
      if (answer === 'in use') return false;
      if (answer === 'dead') {
        this.#inherited = true;
        await rm(join(this.sockets.path, file), { force: true });
      }
    }
    return true;
  }

  #hold(): void {
    this.#holding = true;
    for (const caller of this.#callers) caller.write('H');
  }

  async #withdraw(): Promise<void> {
    await rm(join(this.sockets.path, fileName(this.#name, 'sock')), { force: true });
    await rm(join(this.sockets.path, fileName(this.#name, 'new')), { force: true });
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const caller of this.#callers) caller.destroy();
    await closed;
  }
}

/**
 * Asks the owner of a socket; one that is still deciding is waited for only when our name goes first. A connection that
 * ends without an answer proves nothing (a process out of file descriptors ends them all), so it is asked again.
 */
async function ask(path: string, weGoFirst: boolean): Promise<'dead' | 'gave up' | 'in use'> {
  const deadline = Date.now() + ANSWER_WITHIN_MS;
  for (;;) {
    const answer = await askOnce(path, weGoFirst, deadline);
    if (answer !== 'nothing') return answer;
    if (Date.now() >= deadline) return 'in use';
    await setTimeout(20);
  }
}

function askOnce(
  path: string,
  weGoFirst: boolean,
  deadline: number,
): Promise<'dead' | 'gave up' | 'in use' | 'nothing'> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    // A connection that is never answered: a process that is stopped, or very busy.
    socket.setTimeout(Math.max(1, deadline - Date.now()), () => {
      socket.destroy();
    });
    socket.on('data', (said) => {
      if (!said.includes('H') && weGoFirst) return;
      resolve('in use');
      socket.destroy();
    });
    socket.on('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      if (code === 'ECONNREFUSED') resolve('dead');
      else if (code === 'ENOENT') resolve('gave up');
      else if (code !== 'ECONNRESET' && code !== 'EPIPE') resolve('in use');
    });
    socket.on('close', () => {
      resolve('nothing');
    });
  });
}

/** A socket that has not got its final name long after it was made belongs to a process that was killed in between. */
async function removeIfOld(path: string): Promise<void> {
  const made = await stat(path).catch(() => undefined);
  if (made && Date.now() - made.mtimeMs > 60_000) await rm(path, { force: true });
}
