import { Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { errorCode } from '../../../src/lib/errors.js';
import type { Ledger, Status } from './ledger.js';
import type { Problems } from './problems.js';
import { encode, type PlannedRequest } from './requests.js';

/**
 * answered  as the plan wants it: good events acknowledged, bad ones told
 * refused   nothing of it was taken, for sure: 503, 408, or there was nobody to connect to
 * unknown   no answer: it may have been taken or not
 * wrong     an answer that must not be
 */
export type Ending = 'answered' | 'refused' | 'unknown' | 'wrong';

/** ?wait=stored is answered after 10 s at the latest. */
const TIMEOUT_MS = 20_000;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Posts a request once, holds the answer to the plan, and enters in the ledger what was acknowledged. */
export class Sender {
  readonly #agent = new Agent({ keepAlive: true });
  /** Answers with 503, by the name of their problem. */
  readonly turnedAway = new Map<string, number>();

  constructor(
    private readonly ledger: Ledger,
    private readonly problems: Problems,
  ) {}

  async send(url: string, request: PlannedRequest): Promise<Ending> {
    const answer = await this.#post(url, request);
    if (answer === 'refused') return 'refused';
    if (answer === 'unknown') {
      this.ledger.leaveUnknown(request.items);
      return 'unknown';
    }
    if (answer.status === 503) {
      const name = /problem:(\w+)/.exec(answer.text)?.[1] ?? '';
      this.turnedAway.set(name, (this.turnedAway.get(name) ?? 0) + 1);
      this.ledger.refused += request.items.length;
      if (answer.headers['retry-after'] === undefined) this.#wrong(request, answer, 'without Retry-After');
      // The disk said no in the midst of a sync: what it kept is found out at the next start.
      if (name !== 'spool_failed') return 'refused';
      this.ledger.leaveUnknown(request.items);
      return 'unknown';
    }
    // Machine or service slept while the request was on its way, so that it did not arrive in time as a whole.
    if (answer.status === 408) return 'refused';
    return this.#judge(request, answer);
  }

  close(): void {
    this.#agent.destroy();
  }

  #judge(request: PlannedRequest, answer: Answer): Ending {
    const { items, form } = request;
    const isBad = items.map(({ event }) => event === null);
    const bad = isBad.filter(Boolean).length;
    const { status } = answer;
    const expected = bad === items.length ? [422] : bad > 0 ? [207] : request.isWaiting ? [200, 202] : [202];
    if (form === 'single' && bad > 0) expected.push(400);
    if (!expected.includes(status)) {
      this.#wrong(request, answer, `expected ${expected.join(' or ')}`);
      // Whatever it says, some of it may have been taken.
      this.ledger.leaveUnknown(items);
      return 'wrong';
    }
    // Written by the service as its document says; contract.test.ts holds it to that.
    const body = JSON.parse(answer.text) as BatchAnswer;
    if (form === 'single') {
      if (bad === 0) this.ledger.acknowledge(items, [body.status ?? null]);
      return 'answered';
    }
    const refused = isBad.flatMap((is, index) => (is ? [index] : []));
    if (refused.join() !== body.errors.map(({ index }) => index).join())
      this.#wrong(request, answer, `not just ${refused.join()} are bad`);
    this.ledger.acknowledge(items, body.statuses ?? null);
    return 'answered';
  }

  #wrong({ form, items, isWaiting }: PlannedRequest, { status, text }: Answer, why: string): void {
    const what = `${form}${isWaiting ? ' waiting' : ''} of ${items.length}`;
    this.problems.add('wrong answer', `${what}: ${status} ${why}: ${text.slice(0, 300)}`);
  }

  #post(url: string, request: PlannedRequest): Promise<Answer | 'refused' | 'unknown'> {
    const { path, headers, body } = encode(request);
    return new Promise((resolve) => {
      const options = {
        method: 'POST',
        agent: this.#agent,
        headers: { ...headers, 'content-length': body.length },
        timeout: TIMEOUT_MS,
      };
      const fail = (error: unknown): void => {
        resolve(errorCode(error) === 'ECONNREFUSED' ? 'refused' : 'unknown');
      };
      const sending = httpRequest(new URL(path, url), options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        // An answer counts when it is there as a whole.
        response.on('end', () => {
          const { statusCode = 0, headers: answered } = response;
          resolve({ status: statusCode, headers: answered, text: Buffer.concat(chunks).toString() });
        });
      });
      sending.on('timeout', () => sending.destroy());
      sending.on('error', fail);
      sending.end(body);
    });
  }
}

interface BatchAnswer {
  /** Of a single event. */
  readonly status?: Status;
  readonly statuses?: readonly (Status | null)[];
  readonly errors: readonly { readonly index: number }[];
}
