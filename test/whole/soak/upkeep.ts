import type pg from 'pg';
import { sleep } from '../../../src/lib/backoff.js';
import type { Problems } from './problems.js';
import { OLD_DAYS } from './scene.js';
import type { SoakService } from './soak-service.js';

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Late: there is none, and the connection did not break either. */
type Asked = Answer | 'unanswered' | 'late';

/** What may come of it while PostgreSQL and the services are killed: done, busy, not there. */
const EXPECTED: ReadonlySet<number> = new Set([200, 201, 409, 503]);
/** Such as one whose connection broke in the midst. */
const FAILED_BACKUP = 'urn:call-logger:problem:backup_failed';
/** Far more than the work, and whatever holds it up: PostgreSQL is away for a minute at most. */
const ANSWERED_WITHIN_MS = 240_000;

/** Nobody waits for it, and it waits for nobody. */
const AGE = `
  update calls set received_at = sent_at
  where call_id in (
    select call_id from calls
    where sent_at < now() - interval '${OLD_DAYS} days' and received_at > sent_at
    for update skip locked)`;

/** Cleanups and backups, one after the other, for as long as the run lasts. */
export class Upkeep {
  /** How often each ended so, such as "cleanup by victim: 200". */
  readonly endings = new Map<string, number>();

  constructor(
    private readonly pool: pg.Pool,
    private readonly services: readonly SoakService[],
    private readonly problems: Problems,
    private readonly everyMs: number,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      const service = this.services[turn % this.services.length];
      if (service === undefined) return;
      // PostgreSQL may be away.
      await this.pool.query(AGE).catch(() => undefined);
      this.#tell(`cleanup by ${service.name}`, await ask(service, '/v1/admin/cleanup', {}));
      this.#tell(`backup by ${service.name}`, await ask(service, '/v1/admin/backups?wait=true'));
      await sleep(this.everyMs, signal);
    }
  }

  /** Makes one more backup at each service and proves it by restoring it. */
  async prove(): Promise<void> {
    for (const service of this.services) {
      const made = await ask(service, '/v1/admin/backups?wait=true');
      const id = typeof made === 'object' ? String(made.body['id']) : 'none';
      const verified = await ask(service, `/v1/admin/backups/${id}/verify`);
      if (isAnswer(made, 201) && isAnswer(verified, 200) && verified.body['ok'] === true) continue;
      const told = JSON.stringify([made, verified, await lastRuns(service)]);
      this.problems.add('no good backup', `${service.name}: ${told}`);
    }
  }

  #tell(task: string, asked: Asked): void {
    const ending = `${task}: ${typeof asked === 'object' ? asked.status : asked}`;
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
    if (asked === 'late') this.problems.add('upkeep hangs', ending);
    if (typeof asked !== 'object' || EXPECTED.has(asked.status) || asked.body['type'] === FAILED_BACKUP)
      return;
    this.problems.add('wrong answer', `${ending}: ${JSON.stringify(asked.body)}`);
  }
}

function isAnswer(asked: Asked, status: number): asked is Answer {
  return typeof asked === 'object' && asked.status === status;
}

function ask(service: SoakService, path: string, body?: object): Promise<Asked> {
  return request(service, path, {
    method: 'POST',
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
}

/** What they say of their ends, for whoever looks for the reason. */
function lastRuns(service: SoakService): Promise<Asked> {
  return request(service, '/v1/admin/runs?limit=4', {});
}

async function request(service: SoakService, path: string, init: RequestInit): Promise<Asked> {
  const signal = AbortSignal.timeout(ANSWERED_WITHIN_MS);
  try {
    const response = await fetch(new URL(path, service.url), { ...init, signal });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  } catch {
    return signal.aborted ? 'late' : 'unanswered';
  }
}
