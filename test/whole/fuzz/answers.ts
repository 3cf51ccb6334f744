/** Reads the answers off a connection, as strictly as a client has to that nobody gave a second chance. */

export interface Answer {
  readonly status: number;
  /** Names in lower case; of those that are there more than once, all, joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

type Read<T> = { readonly value: T; readonly end: number } | 'more';

export class AnswerReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** Of the requests whose answers are not read yet: those to HEAD have no body. */
  readonly #methods: string[] = [];

  expect(method: string): void {
    this.#methods.push(method);
  }

  add(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** What came and is not part of a whole answer. */
  get rest(): Buffer {
    return this.#bytes;
  }

  /**
   * The next whole answer, or null while it is not there.
   * @param isEnded nothing more will come
   * @throws Error when it is no HTTP
   */
  next(isEnded: boolean): Answer | null {
    for (;;) {
      const head = readHead(this.#bytes);
      if (head === 'more') return null;
      const { status, headers } = head.value;
      const isInterim = status >= 100 && status < 200;
      const [method = 'GET'] = this.#methods;
      const bodiless = isInterim || method === 'HEAD' || status === 204 || status === 304;
      const rest = this.#bytes.subarray(head.end);
      const body = bodiless ? { value: Buffer.alloc(0), end: 0 } : readBody(rest, headers, isEnded);
      if (body === 'more') return null;
      this.#bytes = rest.subarray(body.end);
      if (isInterim) continue;
      this.#methods.shift();
      return { status, headers, body: body.value };
    }
  }
}

function readHead(bytes: Buffer): Read<Omit<Answer, 'body'>> {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) {
    if (bytes.length > 0 && !'HTTP/1.1 '.startsWith(bytes.toString('latin1', 0, Math.min(9, bytes.length))))
      throw new Error(`no status line: ${bytes.toString('latin1', 0, 100)}`);
    return 'more';
  }
  const [start = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) /.exec(start)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no status line: ${start.slice(0, 100)}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~\w-]+): ?(.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`no header: ${line.slice(0, 100)}`);
    const known = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = known === undefined ? value : `${known}, ${value}`;
  }
  return { value: { status, headers }, end: end + 4 };
}

function readBody(bytes: Buffer, headers: Answer['headers'], isEnded: boolean): Read<Buffer> {
  if (headers['transfer-encoding'] === 'chunked') return readChunks(bytes);
  if (headers['content-length'] !== undefined) {
    const length = Number(headers['content-length']);
    if (!Number.isInteger(length)) throw new Error(`no length: ${headers['content-length']}`);
    return bytes.length < length ? 'more' : { value: bytes.subarray(0, length), end: length };
  }
  if (headers['connection'] === 'close') return isEnded ? { value: bytes, end: bytes.length } : 'more';
  throw new Error('an answer whose end nothing tells');
}

function readChunks(bytes: Buffer): Read<Buffer> {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return 'more';
    const text = bytes.toString('latin1', at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(text)) throw new Error(`no size of a chunk: ${text.slice(0, 100)}`);
    const start = lineEnd + 2;
    const end = start + Number.parseInt(text, 16);
    if (end === start) {
      // After the last chunk come the trailers, up to an empty line.
      const last = bytes.indexOf('\r\n\r\n', lineEnd);
      return last === -1 ? 'more' : { value: Buffer.concat(chunks), end: last + 4 };
    }
    if (bytes.length < end + 2) return 'more';
    chunks.push(bytes.subarray(start, end));
    at = end + 2;
  }
}
