/** Runs once before all test files, in a process of its own: the server then lives as long as tap does. */
import { acquireServer, dropOldDatabases } from './postgres.js';

const outside = process.env['TEST_DATABASE_URL'];
if (outside) await dropOldDatabases(outside);
else await acquireServer(process.ppid);
