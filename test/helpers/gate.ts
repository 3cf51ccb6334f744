import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import type { Teardown } from './postgres.js';

/** A way to a PostgreSQL that can be shut and opened: while shut nothing listens, and whoever was inside is cut off. */
export interface Gate {
  /** Of the database behind the gate. Good from the start, whether or not the gate is open. */
  readonly url: string;
  open(): Promise<void>;
  shut(): Promise<void>;
}

export async function createGate(t: Teardown, databaseUrl: string): Promise<Gate> {
  const { host, port, user, password, database } = new pg.Client({ connectionString: databaseUrl });
  const target = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  const own = await freePort();
  const gate: Gate = {
    url: `postgres://${encodeURIComponent(user ?? '')}:${encodeURIComponent(password ?? '')}@127.0.0.1:${own}/${database ?? ''}`,
    open: async () => {
      server = createServer((inside) => {
        const outside = connect(target);
        for (const [one, other] of [
          [inside, outside],
          [outside, inside],
        ] as const) {
          sockets.add(one);
          one.pipe(other);
          one.on('error', () => undefined);
          one.on('close', () => {
            sockets.delete(one);
            other.destroy();
          });
        }
      });
      server.listen(own, '127.0.0.1');
      await once(server, 'listening');
    },
    shut: async () => {
      if (server === undefined) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      server = undefined;
    },
  };
  t.teardown(() => gate.shut());
  return gate;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
