/** A spool of its own that real records are appended to: what the door could acknowledge if it cost nothing. */
import { openSpool } from '../../src/spool/spool.js';
import { Latencies, type Percentiles } from './latencies.js';
import { freshCalls, recordOf } from './rows.js';

export interface AppendRequest {
  /** Appends that are under way at any time. */
  readonly atOnce: number;
  readonly durationS: number;
}

export interface AppendResult extends Percentiles {
  readonly appended: number;
  readonly seconds: number;
}

const RECORDS = 1_000;
const MAX_BYTES = 64 * 1024 ** 3;

const source = freshCalls('spool');
const records = Array.from({ length: RECORDS }, () => [recordOf(source.next().value)]);
const opened = openSpool({ directory: process.argv[2] ?? '', maxBytes: MAX_BYTES });

async function append({ atOnce, durationS }: AppendRequest): Promise<AppendResult> {
  const spool = await opened;
  const latencies = new Latencies();
  let appended = 0;
  const begin = performance.now();
  const end = begin + durationS * 1000;
  const appendUntilEnd = async (): Promise<void> => {
    for (let now = begin; now < end;) {
      const before = now;
      await spool.append(records[appended++ % RECORDS] ?? []);
      now = performance.now();
      latencies.record(now - before);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, appendUntilEnd));
  return { appended, seconds: (performance.now() - begin) / 1000, ...latencies.percentiles() };
}

process.on('message', (request: AppendRequest) => {
  void append(request).then((result) => process.send?.(result));
});
