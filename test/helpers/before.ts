/** Runs once before all test files, in a process of its own: the server then lives as long as tap does. */
import { execFileSync } from 'node:child_process';
import { acquireServer, dropOldDatabases } from './postgres.js';

// For the files that run the service and the commands as processes (program.ts).
execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });

const outside = process.env['TEST_DATABASE_URL'];
if (outside) await dropOldDatabases(outside);
else await acquireServer(process.ppid);
