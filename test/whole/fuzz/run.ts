import type { ApiDocument } from '../../../src/http/document/model.js';
import { Contract } from '../../helpers/contract.js';
import type { RunningService } from '../../helpers/service.js';
import { Known } from './known.js';
import { Ledger } from './ledger.js';
import { type Shot, shotsOf } from './shots.js';
import { type Complaint, Thrower } from './thrower.js';
import type { Pause } from './watch.js';

export interface RunOptions {
  readonly service: RunningService;
  readonly seed: number;
  /** The shots from this number on, and how many. */
  readonly first: number;
  readonly requests: number;
  readonly connections: number;
  readonly progress?: (line: string) => void;
}

export interface NumberedComplaint extends Complaint {
  readonly shot: number;
}

/** The longest that the event loop was blocked, and what was being asked then; wall counts a busy machine too. */
export type LongestPause = Pause & { readonly during: readonly string[] };

/** Of one kind; after so many nothing new is learned. */
const ENOUGH_COMPLAINTS = 5;
const PROGRESS_EVERY = 1_000;

/** The course of a run: what is thrown, what came back, and what was wrong with that. */
export class Run {
  readonly known = new Known();
  readonly ledger = new Ledger();
  readonly answers: Record<string, number> = {};
  readonly complaints: NumberedComplaint[] = [];
  longestPause: LongestPause = { wallMs: 0, blockedMs: 0, endedAt: 0, during: [] };
  /** Number of the next shot. */
  thrown: number;
  readonly #shotOf: (index: number) => Shot;
  readonly #contract: Contract;
  /** What was asked lately, with its end, for the pauses. */
  #recent: { readonly label: string; endedAt: number }[] = [];

  constructor(
    private readonly options: RunOptions,
    document: ApiDocument,
    private readonly port: number,
  ) {
    this.thrown = options.first;
    this.#shotOf = shotsOf(document, options.seed);
    this.#contract = new Contract(document);
  }

  async throwAll(): Promise<void> {
    const { first, requests, connections, service, progress } = this.options;
    await Promise.all(
      Array.from({ length: connections }, async () => {
        const thrower = this.#thrower();
        while (this.thrown < first + requests) {
          if (service.process.exitCode !== null || service.process.signalCode !== null) {
            this.complain([`the service has ended:\n${service.output()}`]);
            break;
          }
          if ((this.thrown - first) % PROGRESS_EVERY === 0)
            progress?.(`${this.thrown - first} of ${requests}, ${this.complaints.length} complaints`);
          await this.#throwNext(thrower, this.thrown++);
        }
        thrower.leave();
      }),
    );
  }

  complain(whats: readonly string[]): void {
    for (const what of whats) this.#keep({ shot: this.thrown, what, sent: Buffer.alloc(0) });
  }

  notePause(pause: Pause): void {
    if (pause.blockedMs <= this.longestPause.blockedMs) return;
    const beganAt = pause.endedAt - pause.wallMs;
    const during = this.#recent.filter(({ endedAt }) => endedAt >= beganAt).map(({ label }) => label);
    this.longestPause = { ...pause, during };
  }

  async #throwNext(thrower: Thrower, index: number): Promise<void> {
    const shot = this.#shotOf(index);
    const label = `${index} ${shot.kind === 'request' ? shot.request.name : shot.wire.name}`;
    const entry = { label, endedAt: Number.POSITIVE_INFINITY };
    this.#recent = [...this.#recent.slice(-200), entry];
    for (const complaint of await thrower.throw(shot)) this.#keep({ shot: index, ...complaint });
    entry.endedAt = Date.now();
  }

  #keep(complaint: NumberedComplaint): void {
    const alike = this.complaints.filter(({ what }) => what === complaint.what).length;
    if (alike < ENOUGH_COMPLAINTS) this.complaints.push(complaint);
  }

  #thrower(): Thrower {
    return new Thrower({
      port: this.port,
      contract: this.#contract,
      known: this.known,
      ledger: this.ledger,
      count: (status) => {
        this.answers[status] = (this.answers[status] ?? 0) + 1;
      },
    });
  }
}
