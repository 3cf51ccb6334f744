import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Answer, AnswerReader } from './answers.js';

/** One connection to the service, on which every byte is the fuzzer's own. */
export class Connection {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  /** Told when something came or nothing more will. */
  #news: () => void = () => undefined;
  #isEnded = false;
  /** The code of the error that ended it. */
  fault: string | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#reader.add(chunk);
      this.#news();
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#news();
    };
    socket.on('end', end).on('close', end);
    socket.on('error', (error: NodeJS.ErrnoException) => (this.fault = error.code ?? error.message));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Whether the service has closed its side. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** What came that is no whole answer. */
  get rest(): Buffer {
    return this.#reader.rest;
  }

  /** @param method of the request that these bytes begin; null: they go on with one, or are none */
  send(bytes: Buffer, method: string | null): void {
    if (method !== null) this.#reader.expect(method);
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  closeHalf(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * The next answer; null when the connection ended, or the time was over, without one.
   * @throws Error when what came is no HTTP
   */
  async answer(withinMs: number): Promise<Answer | null> {
    const time = { isOver: false };
    const timer = setTimeout(() => {
      time.isOver = true;
      this.#news();
    }, withinMs);
    try {
      for (;;) {
        const answer = this.#reader.next(this.#isEnded);
        if (answer !== null || this.#isEnded || time.isOver) return answer;
        await new Promise<void>((resolve) => (this.#news = resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
