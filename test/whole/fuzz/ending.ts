/** After the abuse everything has to be as it was before. */
import { setTimeout as delay } from 'node:timers/promises';
import { callOf } from '../../helpers/events.js';
import type { Counts } from '../audit.js';
import type { Answer } from './answers.js';
import { Connection } from './connection.js';
import type { Known } from './known.js';
import { bytesOf } from './request.js';
import { clientsOf } from './watch.js';

const LAST_CALL = 'the-last-call';
/** Whatever the queue holds by then. */
const FLUSH_S = 300;
/** How long the service may take to notice that a connection is gone. */
const LEAVING_MS = 10_000;
const LOOK_AGAIN_MS = 100;

export class Ending {
  constructor(
    private readonly port: number,
    private readonly known: Known,
  ) {}

  /** Whether it lives, is ready, and still stores a call. */
  async complaints(): Promise<string[]> {
    const complaints: string[] = [];
    const is = async (status: number, target: string, body?: object): Promise<string> => {
      const answer = await this.#ask(target, body);
      const text = answer.body.toString();
      if (answer.status !== status) complaints.push(`in the end ${target} answers ${answer.status}: ${text}`);
      return text;
    };
    await is(200, '/livez');
    await is(200, '/readyz');
    const last = await is(200, '/v1/calls?wait=stored', callOf(LAST_CALL));
    if (!last.includes('"stored"')) complaints.push(`in the end a call is not stored: ${last}`);
    await is(200, '/v1/admin/flush', { timeout_s: FLUSH_S });
    return complaints;
  }

  async counts(): Promise<Counts> {
    const { counts } = JSON.parse((await this.#ask('/v1/admin/status')).body.toString()) as {
      counts: Counts;
    };
    return counts;
  }

  /** Connections that nobody holds any more, and the service still does. */
  async clientsLeft(pid: number): Promise<number | null> {
    let left = clientsOf(pid, this.port);
    for (let waitedMs = 0; left !== null && left > 0 && waitedMs < LEAVING_MS; waitedMs += LOOK_AGAIN_MS) {
      await delay(LOOK_AGAIN_MS);
      left = clientsOf(pid, this.port);
    }
    return left;
  }

  /** Over a connection of its own, which is gone afterwards. */
  async #ask(target: string, value?: object): Promise<Answer> {
    const bytes = value === undefined ? null : Buffer.from(JSON.stringify(value));
    const method = bytes === null ? 'GET' : 'POST';
    const connection = await Connection.open(this.port);
    connection.send(
      bytesOf({
        name: 'the end',
        method,
        target,
        headers: [
          ['authorization', `Bearer ${this.known.value('admin')}`],
          ...(bytes === null ? [] : [['content-type', 'application/json'] as const]),
        ],
        body: bytes && { bytes, encoding: null, plain: bytes },
        chunked: false,
        isRight: true,
      }),
      method,
    );
    const answer = await connection.answer(2 * FLUSH_S * 1000);
    connection.destroy();
    if (answer === null) throw new Error(`in the end ${target} is not answered`);
    return answer;
  }
}
