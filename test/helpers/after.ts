/** Runs once after all test files, also when some failed. Killed before that, the server notices by itself. */
import { releaseServer } from './postgres.js';

if (!process.env['TEST_DATABASE_URL']) await releaseServer(process.ppid);
