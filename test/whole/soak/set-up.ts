import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Undo } from '../../../src/lib/undo.js';
import { startPgbouncer } from '../../helpers/pgbouncer.js';
import { createCommitProxy } from '../../helpers/proxy.js';
import { mountSmallDisk } from '../../helpers/small-disk.js';
import { DatabaseServer } from './database-server.js';
import { Driver } from './driver.js';
import { Ledger } from './ledger.js';
import { Probes } from './probes.js';
import type { Problems } from './problems.js';
import type { Script } from './scene.js';
import { Sender } from './sender.js';
import { SoakService } from './soak-service.js';
import type { Stage } from './stage.js';
import type { Stream } from './stream.js';

export interface SetUpOptions {
  /** Empty, and reachable for PostgreSQL's account. */
  readonly directory: string;
  /** What Node has to be given to run the service, see programOf. */
  readonly program: readonly string[];
  /** Events a second. */
  readonly rate: number;
  /** A PgBouncer in transaction mode stands between the proxy and PostgreSQL. */
  readonly isPooled?: boolean;
}

/** Senders at each service. */
const CONNECTIONS = 6;
/** Room for a PostgreSQL that is away for a minute, and for requests in a hurry. */
const SMALL_DISK_MIB = 256;

/** Starts everything, and pushes how to take it down. */
export async function setUp(
  options: SetUpOptions,
  stream: Stream,
  script: Script,
  problems: Problems,
  undo: Undo,
): Promise<Stage> {
  const { directory, program, rate } = options;
  // PostgreSQL's own account has to get through to its directory inside.
  await chmod(directory, 0o711);
  const postgres = await DatabaseServer.start(directory);
  undo.push('PostgreSQL', () => postgres.stop());
  const closers: (() => unknown)[] = [];
  const closing = { teardown: (close: () => unknown) => closers.push(close) };
  const behind = options.isPooled === true ? await startPgbouncer(closing, postgres.url) : postgres.url;
  const proxy = await createCommitProxy(closing, behind);
  undo.push('proxy', async () => {
    for (const close of closers) await close();
  });
  const survivorDir = join(directory, 'survivor');
  await mkdir(survivorDir, { mode: 0o711 });
  const unmount = await mountSmallDisk(join(survivorDir, 'spool'), SMALL_DISK_MIB);
  if (unmount !== null) undo.push('small disk', unmount);
  const open = async (name: string): Promise<SoakService> => {
    const service = new SoakService(
      { name, dataDir: join(directory, name), databaseUrl: proxy.url, program },
      problems,
    );
    undo.push(name, () => service.stop());
    await service.start();
    return service;
  };
  const victim = await open('victim');
  const survivor = await open('survivor');
  const ledger = new Ledger();
  const sender = new Sender(ledger, problems);
  const probes = new Probes(sender, ledger, problems, new Date(script.dayMs).toISOString());
  const driver = new Driver(stream, sender, [victim, survivor], { connections: CONNECTIONS, rate });
  const hasSmallDisk = unmount !== null;
  return { postgres, proxy, victim, survivor, hasSmallDisk, driver, sender, ledger, probes, problems };
}
