/** The document of a service that is built for nothing but to describe itself. */
import { pino } from 'pino';
import { buildApp } from '../../app.js';
import { version } from '../../config/version.js';
import type { AppDeps } from '../../http/deps.js';
import { judgingHere } from '../../http/judging/judging.js';
import { toYaml } from '../../lib/yaml.js';

export interface ExportedDocument {
  readonly json: string;
  readonly yaml: string;
}

/** The same text every time and everywhere: it depends on the code and on the version in package.json only. */
export async function exportDocument(): Promise<ExportedDocument> {
  const app = buildApp(deps);
  await app.ready();
  const document = app.swagger();
  await app.close();
  return { json: `${JSON.stringify(document, null, 2)}\n`, yaml: toYaml(document) };
}

function unasked(): never {
  throw new Error('this service only describes itself');
}

const deps: AppDeps = {
  logger: pino({ level: 'silent' }),
  version,
  keys: [],
  allowedHosts: [],
  judging: judgingHere,
  intake: { append: unasked, appendWatched: unasked, flush: unasked },
  calls: { call: unasked, calls: unasked },
  statistics: { statistics: unasked },
  exports: { openExport: unasked },
  status: { status: unasked, readiness: unasked },
  observer: {
    requestAnswered: unasked,
    requestRefused: unasked,
    eventsReceived: unasked,
    eventRejected: unasked,
    eventsUnacknowledged: unasked,
  },
  metrics: { contentType: 'text/plain', text: unasked },
  pythonSender: '',
  upkeep: {
    cleanUp: unasked,
    startBackup: unasked,
    backups: unasked,
    backup: unasked,
    openBackup: unasked,
    removeBackup: unasked,
    verifyBackup: unasked,
    deadLetters: unasked,
    replayDeadLetter: unasked,
    replayDeadLetters: unasked,
    removeDeadLetter: unasked,
    runs: unasked,
  },
};
