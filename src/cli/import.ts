import { performance } from 'node:perf_hooks';
import { messageOf } from '../lib/errors.js';
import { ConfigError } from '../config/config.js';
import { readClientKey } from '../config/client.js';
import { cutBatches } from './import/batches.js';
import { ServiceClient } from './import/client.js';
import { HELP, type ImportOptions, UsageError, readOptions } from './import/options.js';
import { type Progress, createProgress } from './import/progress.js';
import { run } from './import/run.js';
import { Source } from './import/source.js';
import { summarise } from './import/summary.js';
import { Tally } from './import/tally.js';

const ACCEPTED = 0;
const SOME_REJECTED = 1;
const UNFINISHED = 2;

async function importFile(options: ImportOptions): Promise<number> {
  const stop = new AbortController();
  const source = await Source.open(options.file, process.stdin, stop.signal);
  const startMs = performance.now();
  const tally = new Tally();
  const progress = createProgress(process.stderr, source.totalBytes);
  const interrupted = stopOnSignals(stop, progress);
  const client = new ServiceClient({
    ...options,
    stop: stop.signal,
    onAgain: (reason) => {
      progress.again(reason);
    },
  });

  const failure = await run({
    batches: cutBatches(source, options.batchEvents),
    post: (body, events) => client.post(body, events),
    tally,
    concurrency: options.concurrency,
    stop,
    onAnswered: ({ items, tooLong, sourceBytes }) => {
      progress.add(items.length + tooLong.length, sourceBytes);
    },
  });
  progress.end();
  const unfinished = failure?.message ?? (interrupted() ? 'stopped on request' : null);
  const seconds = (performance.now() - startMs) / 1000;
  process.stdout.write(summarise(tally, { seconds, waited: options.wait, unfinished }));
  if (unfinished !== null) return UNFINISHED;
  return tally.rejected > 0 ? SOME_REJECTED : ACCEPTED;
}

/** The first signal finishes what is under way, the second one does not wait for it. @returns whether there was one */
function stopOnSignals(stop: AbortController, progress: Progress): () => boolean {
  let signals = 0;
  const onSignal = (): void => {
    if (++signals > 1) {
      progress.end();
      process.exit(UNFINISHED);
    }
    progress.note('Stopping once the requests under way are answered; again to stop at once.');
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return () => signals > 0;
}

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2), readClientKey);
    if (options !== 'help') return await importFile(options);
    process.stdout.write(HELP);
    return ACCEPTED;
  } catch (error) {
    const message = messageOf(error);
    const hint = error instanceof UsageError || error instanceof ConfigError ? '\n--help tells more.' : '';
    process.stderr.write(`import: ${message}${hint}\n`);
    return UNFINISHED;
  }
}

process.exitCode = await main();
