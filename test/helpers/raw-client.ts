import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

/** One HTTP/1.1 connection on which a test says every byte itself. */
export class RawClient {
  #received = Buffer.alloc(0);
  readonly socket: Socket;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => (this.#received = Buffer.concat([this.#received, chunk])));
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.once('end', resolve).once('close', () => {
        resolve();
      });
    });
  }

  /** Resolves when the system has taken the bytes. */
  async send(bytes: string | Uint8Array): Promise<void> {
    if (!this.socket.write(bytes)) await Promise.race([once(this.socket, 'drain'), this.closed]);
  }

  /** The next whole answer; what follows stays for the next call. Rejects when the connection ends before. */
  async answer(): Promise<{ status: number; head: string; body: string }> {
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n');
      const head = this.#received.subarray(0, Math.max(end, 0)).toString('latin1').toLowerCase();
      const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
      if (end !== -1 && this.#received.length >= end + 4 + length) {
        const body = this.#received.subarray(end + 4, end + 4 + length).toString();
        this.#received = this.#received.subarray(end + 4 + length);
        return { status: Number(head.slice(9, 12)), head, body };
      }
      if (this.socket.readableEnded || this.socket.destroyed) throw new Error(`closed after: ${this.rest}`);
      await Promise.race([once(this.socket, 'data'), this.closed]);
    }
  }

  /** What has been received and not been read as an answer. */
  get rest(): string {
    return this.#received.toString();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** A POST with its headers, up to and with the empty line. */
export function head(url: string, headers: Record<string, string | number>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${url} HTTP/1.1\r\nhost: localhost\r\n${lines.join('')}\r\n`;
}
