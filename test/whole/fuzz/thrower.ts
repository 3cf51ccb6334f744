/** Throws one shot at the service and says what was wrong with what came back. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Contract } from '../../helpers/contract.js';
import type { Answer } from './answers.js';
import { Connection } from './connection.js';
import { judgeAnswer, judgeProblem } from './judge.js';
import type { Known } from './known.js';
import type { Ledger } from './ledger.js';
import { bytesOf, filled, type FuzzRequest } from './request.js';
import type { Shot } from './shots.js';
import type { BrokenWire, Step } from './wire.js';

/** Longer than anything the service itself gives up after (30 s), and than a verification takes on a busy machine. */
const ANSWER_MS = 120_000;
/** For an answer that may come or not. */
const BRIEF_MS = 5;

export interface Complaint {
  readonly what: string;
  /** What was sent, to be sent again. */
  readonly sent: Buffer;
}

interface House {
  readonly port: number;
  readonly contract: Contract;
  readonly known: Known;
  readonly ledger: Ledger;
  /** Counts an answer, or that there was none. */
  readonly count: (status: number | 'none') => void;
}

/** One of those that throw at the same time, over a connection that is kept for as long as the service keeps it. */
export class Thrower {
  #connection: Connection | null = null;
  /** The name of the request before, and its status: what closes a connection is often the one before. */
  #before = 'nothing';

  constructor(private readonly house: House) {}

  throw(shot: Shot): Promise<Complaint[]> {
    return shot.kind === 'request' ? this.#ask(shot.request) : this.#abuse(shot.wire);
  }

  leave(): void {
    this.#connection?.destroy();
    this.#connection = null;
  }

  async #ask(made: FuzzRequest): Promise<Complaint[]> {
    const { known, count, port } = this.house;
    const request = filled(made, (name) => known.value(name, made.name));
    const sent = bytesOf(request);
    const connection = (this.#connection ??= await Connection.open(port));
    connection.send(sent, request.method);
    const complaints: string[] = [];
    try {
      const answer = await connection.answer(ANSWER_MS);
      count(answer?.status ?? 'none');
      const before = this.#before;
      this.#before = `${request.method} ${request.name} ${String(answer?.status)}`;
      if (answer === null)
        complaints.push(...this.#unanswered(connection, request).map((what) => `${what}, after ${before}`));
      else complaints.push(...this.#judge(request, answer));
      if (connection.isEnded || answer?.headers['connection'] === 'close') this.leave();
    } catch (error) {
      complaints.push(`no HTTP: ${String(error)}`);
      this.leave();
    }
    return complaints.map((what) => ({ what: `${request.name}: ${what}`, sent }));
  }

  #unanswered(connection: Connection, { method }: FuzzRequest): string[] {
    const isClosed = connection.isEnded;
    this.leave();
    // Node closes the connection without a word.
    if (method === 'CONNECT' && isClosed) return [];
    return [isClosed ? `closed without an answer (${connection.fault ?? 'ended'})` : 'no answer'];
  }

  #judge(request: FuzzRequest, answer: Answer): string[] {
    const { contract, ledger, known } = this.house;
    known.learn(request.name, answer);
    const complaints = judgeAnswer(contract, request, answer);
    if (request.isRight && ![200, 202].includes(answer.status))
      complaints.push(`right, and yet answered ${answer.status}: ${answer.body.toString()}`);
    return [...complaints, ...ledger.note(request, answer)];
  }

  async #abuse(wire: BrokenWire): Promise<Complaint[]> {
    const { known, port } = this.house;
    const sent: Buffer[] = [];
    const connection = await Connection.open(port);
    const complaints: string[] = [];
    const answers: Answer[] = [];
    try {
      for (const step of wire.steps) await take(step, connection, known, sent, answers);
      for (let answer = await connection.answer(wire.ends ? ANSWER_MS : BRIEF_MS); answer !== null;) {
        answers.push(answer);
        answer = await connection.answer(wire.ends ? ANSWER_MS : BRIEF_MS);
      }
      if (wire.ends && !connection.isEnded) complaints.push('not closed');
      complaints.push(...answers.flatMap((answer) => this.#judgeWire(answer)));
    } catch (error) {
      complaints.push(`no HTTP: ${String(error)}`);
    }
    connection.destroy();
    this.#noteWire(wire, answers);
    return complaints.map((what) => ({ what: `${wire.name}: ${what}`, sent: Buffer.concat(sent) }));
  }

  #judgeWire(answer: Answer): string[] {
    const { status, headers, body } = answer;
    if (status < 400) return status < 300 ? [] : [`answered ${status}`];
    const isHonest = status < 500 || (status === 503 && headers['retry-after'] !== undefined);
    return [...(isHonest ? [] : [`answered ${status}`]), ...judgeProblem(answer, body.toString())];
  }

  #noteWire(wire: BrokenWire, answers: readonly Answer[]): void {
    const { ledger, count } = this.house;
    for (const { status } of answers) count(status);
    if (answers.length === 0) count('none');
    const acknowledged = answers.filter(({ status }) => status === 202).length;
    ledger.acknowledged += acknowledged;
    ledger.inDoubt += Math.max(0, wire.events - answers.length);
  }
}

async function take(
  step: Step,
  connection: Connection,
  known: Known,
  sent: Buffer[],
  answers: Answer[],
): Promise<void> {
  if ('rest' in step) {
    const answer = await connection.answer(step.rest);
    if (answer !== null) answers.push(answer);
  } else if ('leave' in step) {
    if (step.leave === 'half') connection.closeHalf();
    else connection.destroy();
  } else {
    const { send } = step;
    const text = typeof send === 'string' ? send.replaceAll('{{admin}}', () => known.value('admin')) : send;
    const bytes = Buffer.from(text);
    sent.push(bytes);
    connection.send(bytes, null);
    // So that what follows is another packet.
    await delay(0);
  }
}
