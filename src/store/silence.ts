/**
 * Notices connections that wait for an answer which will never come, in pools whose questions have no time limit.
 *
 * Such a question may be silent for as long as it takes, while PostgreSQL sorts a table or builds an index, so silence
 * alone says nothing. PostgreSQL is asked, over a connection of its own, what it does for the session that waits:
 *
 *   it is at work                                  the connection is left alone, for hours if need be
 *   it has answered, and waits for a question      the answer, or the question, was lost: the connection is given up
 *   it waits for us to take rows, or to say some   we have taken what came, and said what there is: given up
 *   it knows no such session                       given up
 *   it cannot be asked                             nobody knows: asked again
 *
 * It has to say so twice, as the answer may be on its way at the first time. To give a connection up is to break it: its
 * user hears of it as of any other that breaks.
 */
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import pg from 'pg';
import type { ConnectionTarget } from './database.js';

export interface SilenceOptions {
  readonly lookEveryMs: number;
  /** A connection that has heard and said nothing for so long, and waits, is asked about. */
  readonly silentAfterMs: number;
}

const DEFAULTS: SilenceOptions = { lookEveryMs: 5_000, silentAfterMs: 30_000 };

const ASK_WITHIN_MS = 5_000;

interface Watched {
  readonly client: pg.ClientBase;
  readonly socket: Socket;
  /**
   * Of the session that serves its transaction; undefined before the first. Not from the protocol: there a pooler in
   * between gives numbers of its own.
   */
  pid: number | undefined;
  /** Of both directions, at the last look. */
  bytes: number;
  /** The look that saw the first of them as they are now; by performance.now(). */
  sinceMs: number;
  /** PostgreSQL has said once that it does nothing for it. */
  isDoubted: boolean;
}

/** Of one pool. Its timer keeps no process alive. */
export class SilenceWatch {
  readonly #watched = new Map<pg.ClientBase, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(
    private readonly target: ConnectionTarget,
    private readonly options: SilenceOptions = DEFAULTS,
  ) {}

  /** Watches the connection from now to its end. */
  add(client: pg.ClientBase): void {
    const socket = socketOf(client);
    if (socket === undefined) throw new Error('this version of pg does not tell its connection');
    const sinceMs = performance.now();
    this.#watched.set(client, { client, socket, pid: undefined, bytes: 0, sinceMs, isDoubted: false });
    client.once('end', () => {
      this.#watched.delete(client);
      if (this.#watched.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    this.#timer ??= setInterval(() => void this.#look(), this.options.lookEveryMs).unref();
  }

  /** A transaction has begun over the connection, in this session. */
  serves(client: pg.ClientBase, pid: number | undefined): void {
    const watched = this.#watched.get(client);
    if (watched !== undefined) watched.pid = pid;
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const silent = [...this.#watched.values()].filter((watched) => this.#listen(watched));
    if (silent.length === 0 || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const served = await this.#served(silent.flatMap(({ pid }) => pid ?? []));
      for (const watched of silent) {
        const wasDoubted = watched.isDoubted;
        watched.isDoubted = watched.pid === undefined || !served.has(watched.pid);
        if (wasDoubted && watched.isDoubted && this.#listen(watched))
          watched.socket.destroy(new SilentConnectionError());
      }
    } catch {
      // PostgreSQL cannot be asked: the next look tries again.
    } finally {
      this.#isLooking = false;
    }
  }

  /** Looks at it anew. @returns whether it has waited for PostgreSQL, with nothing going over it, for long enough */
  #listen(watched: Watched): boolean {
    const { client, socket } = watched;
    const bytes = socket.bytesRead + socket.bytesWritten;
    const now = performance.now();
    if (!isWaiting(client, socket) || bytes !== watched.bytes) {
      watched.sinceMs = now;
      watched.isDoubted = false;
    }
    watched.bytes = bytes;
    return now - watched.sinceMs >= this.options.silentAfterMs;
  }

  /** Which of the sessions PostgreSQL is at work for, or may be: of those it tells nothing of, nobody can say. */
  async #served(pids: readonly number[]): Promise<Set<number>> {
    const client = new pg.Client({
      ...this.target,
      // Not called like a connection of a service, which a restore would take it for.
      application_name: 'look of call-logger',
      connectionTimeoutMillis: ASK_WITHIN_MS,
      query_timeout: ASK_WITHIN_MS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>(
        `select pid from pg_stat_activity
         where pid = any ($1::int[])
           and (state like 'idle%' or state = 'active' and wait_event in ('ClientRead', 'ClientWrite')) is not true`,
        [pids],
      );
      return new Set(rows.map(({ pid }) => pid));
    } finally {
      // Not `end`, which waits for the other side.
      socketOf(client)?.destroy();
    }
  }
}

/** Told like any other connection that breaks, see labelOfMessage in errors.ts. */
export class SilentConnectionError extends Error {
  override readonly name = 'SilentConnectionError';
  constructor() {
    super('Connection terminated: PostgreSQL is not at work on what was asked over it, and no answer came');
  }
}

/* What pg knows and its types do not tell. Held by the tests of silence. */

function socketOf(client: pg.ClientBase): Socket | undefined {
  if (!('connection' in client) || !(client.connection instanceof pg.Connection)) return undefined;
  const { stream } = client.connection;
  return stream instanceof Socket ? stream : undefined;
}

/** It asked, or said goodbye, and does not wait for somebody here: to take what came, or to say the next row of a COPY. */
function isWaiting(client: pg.ClientBase, socket: Socket): boolean {
  if ('_ending' in client && client._ending === true) return true;
  if (!('readyForQuery' in client) || client.readyForQuery !== false || socket.readableLength > 0)
    return false;
  const question = '_activeQuery' in client ? client._activeQuery : undefined;
  if (!(question instanceof Writable) || question.writableEnded) return true;
  return question.writableLength > 0 || socket.writableLength > 0;
}
