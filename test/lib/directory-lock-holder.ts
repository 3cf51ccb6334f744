import { lockDirectory } from '../../src/lib/directory-lock.js';

const [, , directory = ''] = process.argv;
await lockDirectory(directory);
process.stdout.write('held\n');
// The lock does not keep a process alive; this does, until it is killed.
setInterval(() => undefined, 60_000);
