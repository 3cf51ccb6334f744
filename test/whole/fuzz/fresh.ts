import { setTimeout as delay } from 'node:timers/promises';
import { createMigratedDatabase, type Teardown } from '../../helpers/postgres.js';
import { startService, temporaryDirectory } from '../../helpers/service.js';
import { fuzz, type FuzzOptions, type FuzzReport } from './fuzz.js';
import { KEYS } from './known.js';

type Options = Omit<FuzzOptions, 'service' | 'pool'> & {
  /** Node's arguments; default: as all tests run the service. */
  readonly program?: readonly string[];
};

/** Far longer than SHUTDOWN_GRACE_MS. */
const STOP_MS = 60_000;

/** Fuzzes a new service on an empty database, and stops it, which is the last it has to do right. */
export async function fuzzFresh(t: Teardown, options: Options): Promise<FuzzReport> {
  const database = await createMigratedDatabase(t);
  const directory = await temporaryDirectory(t);
  const service = await startService(
    {
      DATABASE_URL: database.url,
      DATA_DIR: directory,
      LOG_LEVEL: 'error',
      BACKUP_INTERVAL_DAYS: '0',
      ...KEYS,
    },
    options.program,
  );
  t.teardown(() => service.process.kill('SIGKILL'));
  const report = await fuzz({ ...options, service, pool: database.pool() });
  const ended = await Promise.race([
    service.end('SIGTERM'),
    delay(STOP_MS, 'not at all' as const, { ref: false }),
  ]);
  if (ended === 0) return report;
  const what = `SIGTERM ended it with ${String(ended)}:\n${service.output()}`;
  return {
    ...report,
    complaints: [...report.complaints, { shot: options.requests, what, sent: Buffer.alloc(0) }],
  };
}
