import type { CommitProxy } from '../../helpers/proxy.js';
import type { DatabaseServer } from './database-server.js';
import type { Driver } from './driver.js';
import type { Ledger } from './ledger.js';
import type { Probes } from './probes.js';
import type { Problems } from './problems.js';
import type { Sender } from './sender.js';
import type { SoakService } from './soak-service.js';

/** Everything a fault can get hold of. */
export interface Stage {
  readonly postgres: DatabaseServer;
  /** Between the services and PostgreSQL. */
  readonly proxy: CommitProxy;
  /** Is killed and restarted. */
  readonly victim: SoakService;
  /** Lives from the begin to the end, so that what leaks would add up. */
  readonly survivor: SoakService;
  /** The spool of the survivor lies on a small file system of its own, which can be filled. */
  readonly hasSmallDisk: boolean;
  readonly driver: Driver;
  readonly sender: Sender;
  readonly ledger: Ledger;
  readonly probes: Probes;
  readonly problems: Problems;
}
