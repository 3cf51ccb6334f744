/** `service.ts DATA_DIR/postgres`: runs a cluster, prints its connection, stops when told by SIGTERM. */
import { createCluster } from '../../../src/store/cluster/cluster.js';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const cluster = createCluster({ dataDir: process.argv[2] ?? '', port: 0, log, settings: { fsync: 'off' } });
const { connection } = await cluster.start();
process.stdout.write(`${JSON.stringify({ connection, uid: process.getuid?.() })}\n`);
process.once('SIGTERM', () => void cluster.stop());
