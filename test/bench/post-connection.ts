import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** The status of an answer; null when the connection broke before there was one. */
type OnAnswer = (status: number | null) => void;

/**
 * A connection that posts JSON, one request after another: of HTTP as much as that takes, because whoever measures
 * latencies on the cores of the server has to cost little.
 */
export class PostConnection {
  #onAnswer: OnAnswer | null = null;
  #received = '';
  readonly #head: string;

  private constructor(
    private readonly socket: Socket,
    url: URL,
  ) {
    this.#head = `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\ncontent-length: `;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#read();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#answer(null);
    });
  }

  static async open(address: string): Promise<PostConnection> {
    const url = new URL(address);
    const socket = connect(Number(url.port), url.hostname);
    await once(socket, 'connect');
    return new PostConnection(socket, url);
  }

  /** To be called when the answer to the last one is there. */
  post(body: string, onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
    if (this.socket.destroyed) {
      queueMicrotask(() => {
        this.#answer(null);
      });
      return;
    }
    this.socket.write(`${this.#head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  close(): void {
    this.#onAnswer = null;
    this.socket.destroy();
  }

  #read(): void {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(head) ?? [];
    const [, length] = /\r\ncontent-length: (\d+)/i.exec(head) ?? [];
    if (status === undefined || length === undefined) {
      this.socket.destroy();
      return;
    }
    if (this.#received.length < headEnd + 4 + Number(length)) return;
    this.#received = '';
    this.#answer(Number(status));
  }

  #answer(status: number | null): void {
    const onAnswer = this.#onAnswer;
    this.#onAnswer = null;
    onAnswer?.(status);
  }
}
