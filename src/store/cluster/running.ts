import fs from 'node:fs/promises';
import path from 'node:path';
import { ifExists } from '../../lib/if-exists.js';
import { defaultFallback } from './fallback.js';
import { possiblePlaces } from './data-directory.js';
import { isPostgresIn } from './processes.js';
import type { Address } from './launch.js';
import { serviceName } from './roles.js';

/**
 * How to reach the embedded cluster of `dataDir` as the service does, when a process of ours runs it: for commands
 * beside a running service. Undefined when none runs.
 * @param dataDir DATA_DIR/postgres
 */
export async function findRunningCluster(
  dataDir: string,
  fallback = defaultFallback,
): Promise<Address | undefined> {
  const parent = path.dirname(path.resolve(dataDir));
  if ((await fs.stat(parent).catch(() => undefined)) === undefined) return undefined;
  const { wanted, elsewhere } = await possiblePlaces(dataDir, fallback);
  for (const directory of [wanted, elsewhere]) {
    // Written by PostgreSQL (manual, "Database File Layout"): process id, directory, start time, port, socket directory, …
    const lines =
      (await ifExists(fs.readFile(path.join(directory, 'postmaster.pid'), 'utf8')))?.split('\n') ?? [];
    const [pid, , , port, host] = lines;
    if (host === undefined || host === '' || !isPostgresIn(Number(pid), directory)) continue;
    return { host, port: Number(port), user: serviceName, database: serviceName };
  }
  return undefined;
}
