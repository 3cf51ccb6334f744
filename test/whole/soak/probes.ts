import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../../src/lib/errors.js';
import { type Counts, countsOf } from '../audit.js';
import type { Ledger } from './ledger.js';
import type { Problems } from './problems.js';
import type { PlannedRequest } from './requests.js';
import type { Scene } from './scene.js';
import type { Sender } from './sender.js';
import type { SoakService } from './soak-service.js';

const RECOVERED_WITHIN_MS = 120_000;
const MIN_ATTEMPTS = 10;
const PAUSE_MS = 20;

/** Asks the services themselves how they are: by an event of its own, and by their account. */
export class Probes {
  #made = 0;
  readonly #lastCounts = new Map<string, Counts>();

  constructor(
    private readonly sender: Sender,
    private readonly ledger: Ledger,
    private readonly problems: Problems,
    private readonly sentAt: string,
  ) {}

  /** A call that nobody else ever tells of. */
  make(): { readonly scene: Scene; readonly request: PlannedRequest } {
    const callId = `probe-${this.#made++}-x`;
    const body = {
      type: 'call',
      call_id: callId,
      call_type: 'good_ev',
      book_a: 'bet365',
      odds_a: 110,
      roi_percent: 1,
      sent_at: this.sentAt,
      source: 'probe',
    };
    const event = { type: 'call', callId, eventId: callId, variants: [body] } as const;
    const scene = { callId, isOld: false, events: [event] };
    this.ledger.extras.push(scene);
    const items = [{ event, variant: 0, body }];
    return {
      scene,
      request: { form: 'single', items, isWaiting: false, isPersistent: true, isKeyed: false },
    };
  }

  /** The time until an event that is sent now is in the store, and the service says so. */
  async recovery(service: SoakService): Promise<number> {
    const begunAt = performance.now();
    for (let attempt = 1; ; attempt++) {
      const { scene, request } = this.make();
      const ending = await this.sender.send(service.url, { ...request, isWaiting: true });
      const isStored =
        ending === 'answered' && this.ledger.find({ type: 'call', eventId: scene.callId })?.toldStored;
      if (isStored === 1) return performance.now() - begunAt;
      // A machine that slept for long is given a few more chances.
      if (attempt > MIN_ATTEMPTS && performance.now() - begunAt > RECOVERED_WITHIN_MS) {
        this.problems.add(
          'no recovery',
          `${service.name} stored nothing for ${RECOVERED_WITHIN_MS} ms: ${ending}`,
        );
        return RECOVERED_WITHIN_MS;
      }
      await delay(PAUSE_MS);
    }
  }

  /** Holds the account of the service to what is promised; null when it cannot be had. */
  async account(service: SoakService): Promise<Counts | null> {
    const counts = await countsOf(service.url)
      // Once more: a kept connection may have been closed, or a request slept through with the machine.
      .catch(() => countsOf(service.url))
      .catch((error: unknown) => {
        this.problems.add('no account', `${service.name}: ${messageOf(error)}`);
        return null;
      });
    if (counts === null) return null;
    const { accepted, stored, duplicate, dead_letter: deadLetter, spooled } = counts;
    if (stored === null || duplicate === null || deadLetter === null) return counts;
    const told = `${service.name}: ${JSON.stringify(counts)}`;
    if (accepted !== stored + duplicate + deadLetter + spooled)
      this.problems.add('account does not balance', told);
    const before = this.#lastCounts.get(service.name);
    const isLower = (name: keyof Counts): boolean => (counts[name] ?? 0) < (before?.[name] ?? 0);
    if ((['accepted', 'stored', 'duplicate', 'dead_letter'] as const).some(isLower))
      this.problems.add('a count was lowered', `${told} after ${JSON.stringify(before)}`);
    this.#lastCounts.set(service.name, counts);
    return counts;
  }
}
