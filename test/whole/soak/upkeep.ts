import { sleep } from '../../../src/lib/backoff.js';
import type { Problems } from './problems.js';
import type { SoakService } from './soak-service.js';

interface Asked {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What may come of it while PostgreSQL and the services are killed: done, busy, not there. */
const EXPECTED: ReadonlySet<number> = new Set([200, 201, 409, 503]);
/** Such as one whose connection broke in the midst. */
const FAILED_BACKUP = 'urn:call-logger:problem:backup_failed';

/** Cleanups and backups, one after the other, for as long as the run lasts. */
export class Upkeep {
  /** How often each ended so, such as "cleanup by victim: 200". */
  readonly endings = new Map<string, number>();

  constructor(
    private readonly services: readonly SoakService[],
    private readonly problems: Problems,
    private readonly everyMs: number,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      const service = this.services[turn % this.services.length];
      if (service === undefined) return;
      this.#tell(`cleanup by ${service.name}`, await ask(service, '/v1/admin/cleanup', {}));
      this.#tell(`backup by ${service.name}`, await ask(service, '/v1/admin/backups?wait=true'));
      await sleep(this.everyMs, signal);
    }
  }

  /** Makes one more backup at each service and proves it by restoring it. */
  async prove(): Promise<void> {
    for (const service of this.services) {
      const made = await ask(service, '/v1/admin/backups?wait=true');
      const id = String(made?.body['id']);
      const verified = await ask(service, `/v1/admin/backups/${id}/verify`);
      if (made?.status !== 201 || verified?.body['ok'] !== true)
        this.problems.add('no good backup', `${service.name}: ${JSON.stringify([made, verified])}`);
    }
  }

  #tell(task: string, asked: Asked | null): void {
    const ending = `${task}: ${asked?.status ?? 'unanswered'}`;
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
    if (asked === null || EXPECTED.has(asked.status) || asked.body['type'] === FAILED_BACKUP) return;
    this.problems.add('wrong answer', `${ending}: ${JSON.stringify(asked.body)}`);
  }
}

/** Null without an answer. */
async function ask(service: SoakService, path: string, body?: object): Promise<Asked | null> {
  try {
    const response = await fetch(new URL(path, service.url), {
      method: 'POST',
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Asked['body'] };
  } catch {
    return null;
  }
}
