import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import type { Teardown } from './postgres.js';

/**
 * What becomes of a COMMIT on its way:
 * - lost_answer   PostgreSQL commits; the connection breaks before the client hears of it
 * - lost_request  the connection breaks before PostgreSQL hears of it
 * - hung_answer   PostgreSQL commits; the connection goes silent and stays open
 * - hung_request  PostgreSQL hears nothing; the connection goes silent and stays open
 */
export type CommitFate = 'lost_answer' | 'lost_request' | 'hung_answer' | 'hung_request';

/** Stands between a client and PostgreSQL, understands as much of the protocol as to know a COMMIT, and harms it. */
export interface CommitProxy {
  readonly url: string;
  /** Fates of the next COMMITs, in order; after them all pass. */
  readonly fates: CommitFate[];
  /** Breaks all connections. */
  cut(): void;
  /** From now on what is open stays open and says nothing; new connections work. */
  silence(): void;
  /** From now on nobody reads what is open: both sides find it full. New connections work. */
  stall(): void;
  /** From now on new connections are refused. */
  refuse(): void;
  /** From now on new connections are taken and hear nothing. */
  hold(): void;
  /** Ends both: those held go on, new ones work. */
  admit(): Promise<void>;
}

export async function createCommitProxy(t: Teardown, databaseUrl: string): Promise<CommitProxy> {
  const {
    host,
    port: targetPort,
    user,
    password,
    database,
  } = new pg.Client({ connectionString: databaseUrl });
  const target = host.startsWith('/')
    ? { path: `${host}/.s.PGSQL.${targetPort}` }
    : { host, port: targetPort };
  const passages = new Set<Passage>();
  const fates: CommitFate[] = [];
  /** Taken while nobody is let through; null: everybody is. */
  let held: Socket[] | null = null;
  const letThrough = (inside: Socket): void => {
    const passage = new Passage(inside, connect({ ...target, noDelay: true }), fates);
    passages.add(passage);
    inside.on('close', () => passages.delete(passage));
  };
  const server = createServer({ noDelay: true }, (inside) => {
    inside.on('error', () => undefined);
    if (held === null) letThrough(inside);
    else held.push(inside);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  const forAll = (act: (passage: Passage) => void) => () => {
    for (const passage of passages) act(passage);
  };
  const cut = forAll((passage) => {
    passage.cut();
  });
  t.teardown(() => {
    server.close();
    cut();
    for (const inside of held ?? []) inside.destroy();
  });
  return {
    url: `postgres://${user ?? ''}:${encodeURIComponent(password ?? '')}@127.0.0.1:${port}/${database ?? ''}`,
    fates,
    cut,
    silence: forAll((passage) => {
      passage.silence();
    }),
    stall: forAll((passage) => {
      passage.stall();
    }),
    refuse: () => {
      server.close();
    },
    hold: () => {
      held ??= [];
    },
    admit: async () => {
      const waiting = held ?? [];
      held = null;
      for (const inside of waiting) if (!inside.destroyed) letThrough(inside);
      if (server.listening) return;
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}

class Passage {
  /** Of the client, up to the next whole message. */
  #pending: Buffer = Buffer.alloc(0);
  /** The first message has no type byte. */
  #started = false;
  #isSilent = false;
  #fate: CommitFate | undefined;

  constructor(
    private readonly inside: Socket,
    private readonly outside: Socket,
    private readonly fates: CommitFate[],
  ) {
    inside.on('data', (chunk: Buffer) => {
      this.#fromClient(chunk);
    });
    outside.on('data', (chunk: Buffer) => {
      if (this.#fate === 'lost_answer') this.cut();
      else if (!this.#isSilent) inside.write(chunk);
    });
    for (const socket of [inside, outside]) socket.on('error', () => undefined);
    inside.on('close', () => outside.destroy());
    outside.on('close', () => {
      if (!this.#isSilent) inside.destroy();
    });
  }

  cut(): void {
    this.inside.destroy();
    this.outside.destroy();
  }

  silence(): void {
    this.#isSilent = true;
  }

  stall(): void {
    this.inside.pause();
    this.outside.pause();
  }

  #fromClient(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    for (let message = this.#take(); message !== null; message = this.#take()) {
      const isCommit =
        message.toString('latin1', 0, 1) === 'Q' && message.toString('latin1', 5, 11) === 'commit';
      if (isCommit) this.#fate = this.fates.shift();
      if (this.#fate === 'lost_request') this.cut();
      if (this.#fate === 'hung_request' || this.#fate === 'hung_answer') this.silence();
      const isHeld = this.#isSilent && this.#fate !== 'hung_answer';
      if (!isHeld && !this.outside.destroyed) this.outside.write(message);
    }
  }

  #take(): Buffer | null {
    const lengthAt = this.#started ? 1 : 0;
    if (this.#pending.length < lengthAt + 4) return null;
    const length = lengthAt + this.#pending.readUInt32BE(lengthAt);
    if (this.#pending.length < length) return null;
    const message = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    this.#started = true;
    return message;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return address.port;
}
