/** A request that is framed as HTTP wants it, whatever it says: exactly one answer belongs to it. */
import type { Encoded } from './encoding.js';

export type Header = readonly [name: string, value: string];

export interface FuzzRequest {
  /** The operation of the document it is meant for, and how it was made. */
  readonly name: string;
  readonly method: string;
  /** Path and query as on the wire, one character per byte. May hold tokens, as headers may: see `filled`. */
  readonly target: string;
  readonly headers: readonly Header[];
  readonly body: Encoded | null;
  readonly chunked: boolean;
  /** Nothing is wrong with it: the answer has to be a success. */
  readonly isRight: boolean;
}

/** The request as bytes, without those of its body's frame that HTTP would not take. */
export function bytesOf(request: FuzzRequest): Buffer {
  const { method, target, headers, body, chunked } = request;
  const frame: Header[] = [];
  if (body !== null) {
    if (body.encoding !== null) frame.push(['content-encoding', body.encoding]);
    frame.push(chunked ? ['transfer-encoding', 'chunked'] : ['content-length', String(body.bytes.length)]);
  }
  const lines = [['host', 'fuzz'] as const, ...headers, ...frame].map(
    ([name, value]) => `${name}: ${value.replace(/[\r\n]/g, '')}\r\n`,
  );
  const start = `${method} ${target.replace(/[\r\n]/g, '')} HTTP/1.1\r\n`;
  const head = Buffer.from(`${start}${lines.join('')}\r\n`, 'latin1');
  if (body === null) return head;
  return Buffer.concat([head, chunked ? inChunks(body.bytes) : body.bytes]);
}

/** In chunks of a size that has nothing to do with lines or characters. */
export function inChunks(bytes: Buffer, size = 1 + (bytes.length % 977)): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}

/** The text, percent-encoded as UTF-8 wherever it could be taken for anything else. */
export function percentEncoded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9\-._~]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** The bytes of the text in UTF-8, one character each. */
export function asLatin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** Stands for what only earlier answers tell, as `{{cursor}}`. */
const TOKEN = /\{\{(\w+)\}\}/g;

/** With every token replaced by what is known under its name by now: keys, ids and cursors of earlier answers. */
export function filled(request: FuzzRequest, known: (name: string) => string): FuzzRequest {
  const fill = (text: string): string => text.replace(TOKEN, (_all, name: string) => known(name));
  return {
    ...request,
    target: fill(request.target),
    headers: request.headers.map(([name, value]) => [name, fill(value)] as const),
  };
}
