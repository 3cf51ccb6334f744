import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type Cluster, createCluster, type StartedCluster } from '../../../src/store/cluster/cluster.js';
import { postgresProcessesIn, signal } from '../../../src/store/cluster/processes.js';

const ignore = (): void => undefined;

const SETTINGS = {
  max_connections: '40',
  deadlock_timeout: '200ms',
  // For recovery from an archive, see `recover`: there is none, and it takes its time to say so.
  restore_command: 'sleep 1; false',
};

/** A PostgreSQL with durable settings of its own, which is there to be ill-treated. It comes back by itself when killed. */
export class DatabaseServer {
  private constructor(
    private readonly cluster: Cluster,
    private readonly started: StartedCluster,
  ) {}

  /** @param directory can be passed through by PostgreSQL's account */
  static async start(directory: string): Promise<DatabaseServer> {
    const log = { info: ignore, warn: ignore, error: ignore };
    const dataDir = join(directory, 'postgres');
    const cluster = createCluster({ dataDir, port: 0, log, settings: SETTINGS });
    return new DatabaseServer(cluster, await cluster.start());
  }

  /** As the service's role, without any proxy. */
  get url(): string {
    return this.#urlAs(this.started.connection.user);
  }

  get directory(): string {
    return this.started.directory;
  }

  async start(): Promise<void> {
    await this.cluster.start();
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }

  /** SIGKILL to the main process. */
  async kill(): Promise<void> {
    const [pid] = (await readFile(join(this.directory, 'postmaster.pid'), 'utf8')).split('\n');
    signal(Number(pid), 'SIGKILL');
  }

  /** All its processes stop where they are, until they are thawed. */
  freeze(): void {
    for (const pid of postgresProcessesIn(this.directory)) signal(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of postgresProcessesIn(this.directory)) signal(pid, 'SIGCONT');
  }

  /** It is killed, and when it comes back looks for an archive for some seconds: reads only, if anything, until then. */
  async recover(): Promise<void> {
    const file = join(this.directory, 'recovery.signal');
    await writeFile(file, '');
    // PostgreSQL, which is another user, has to sync it.
    await chmod(file, 0o666);
    await this.kill();
  }

  /** Replaces the rules of who may connect; the function puts them back. */
  async admitOnly(rules: string): Promise<() => Promise<void>> {
    const file = join(this.directory, 'pg_hba.conf');
    const before = await readFile(file, 'utf8');
    const put = async (text: string): Promise<void> => {
      await writeFile(file, text);
      await this.administer((client) => client.query('select pg_reload_conf()'));
    };
    await put(rules);
    return () => put(before);
  }

  /** As superuser, in the service's database. */
  async administer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await this.connect('postgres');
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  async connect(user: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#urlAs(user), application_name: 'soak' });
    client.on('error', ignore);
    await client.connect();
    return client;
  }

  /** Ends the connections of all services; they are free to come back. */
  async disconnectServices(): Promise<void> {
    await this.administer((client) =>
      client.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like $1`, [
        SERVICES,
      ]),
    );
  }

  #urlAs(user: string): string {
    const { host, port, database } = this.started.connection;
    return `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  }
}

/** How the connections of services are named, for `like`. */
export const SERVICES = 'call-logger %';
