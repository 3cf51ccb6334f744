import { chmod } from 'node:fs/promises';
import t from 'tap';
import { temporaryDirectory } from '../helpers/service.js';
import { kill9 } from './kill9.js';

t.test(
  'nothing acknowledged is lost or stored twice by kill -9 of service, PostgreSQL or both',
  async (t) => {
    const dataDir = await temporaryDirectory(t);
    // PostgreSQL's own account has to get through to its directory inside.
    await chmod(dataDir, 0o711);
    const report = await kill9({ dataDir, rounds: 3, connections: 8, loadMs: [200, 600] });
    t.match(report, { lost: 0, duplicated: 0, invented: 0, kills: { service: 1, postgresql: 1, both: 1 } });
    t.ok(report.acknowledged > 0);
    const { accepted, stored, duplicate, dead_letter: deadLetter, spooled } = report.counts;
    t.equal(stored, report.stored, 'the count of stored events is that of the rows');
    t.strictSame([deadLetter, spooled], [0, 0]);
    t.equal(accepted, (stored ?? 0) + (duplicate ?? 0));
  },
);
