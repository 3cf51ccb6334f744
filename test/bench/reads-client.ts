import http from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Until the last byte. */
  readonly ms: number;
  readonly bytes: number;
  /** Only of answers that are kept. */
  readonly body: string;
}

/** Asks a running service, over connections that are kept open. */
export class ReadsClient {
  readonly #agent = new http.Agent({ keepAlive: true });

  constructor(private readonly url: string) {}

  get(path: string, headers: http.OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.#ask('GET', path, headers, true);
  }

  post(path: string, body: object): Promise<Answer> {
    return this.#ask('POST', path, { 'content-type': 'application/json' }, true, JSON.stringify(body));
  }

  /** Reads the answer to its end and keeps nothing of it. */
  drain(path: string, headers: http.OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.#ask('GET', path, headers, false);
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(
    method: string,
    path: string,
    headers: http.OutgoingHttpHeaders,
    keeps: boolean,
    body?: string,
  ): Promise<Answer> {
    const begin = performance.now();
    return new Promise((resolve, reject) => {
      const request = http.request(
        `${this.url}${path}`,
        { method, headers, agent: this.#agent },
        (response) => {
          const kept: Buffer[] = [];
          let bytes = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (keeps) kept.push(chunk);
          });
          response.on('error', reject);
          response.on('end', () => {
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              ms: performance.now() - begin,
              bytes,
              body: Buffer.concat(kept).toString(),
            });
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }
}
