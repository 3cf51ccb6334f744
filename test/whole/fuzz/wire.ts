/** HTTP that is broken below the level of requests, each on a connection of its own. */
import fc from 'fast-check';
import { callOf } from '../../helpers/events.js';
import { inChunks } from './request.js';

export type Step =
  | { readonly send: string | Buffer }
  /** Waits so long for answers, in ms. */
  | { readonly rest: number }
  | { readonly leave: 'half' | 'destroy' };

export interface BrokenWire {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The service knows at once that nothing more can come of it, answers and closes; else the client leaves. */
  readonly ends: boolean;
  /** How many events may have come through: with an answer, or, where the client left, without. */
  readonly events: number;
}

const AUTHORISED = 'host: fuzz\r\nauthorization: Bearer {{admin}}\r\n';
const JSON_TYPE = 'content-type: application/json\r\n';
const REST_MS = 20;

type Make = (call: string, at: number) => Omit<BrokenWire, 'name'>;

const post = (headers: string): string =>
  `POST /v1/calls HTTP/1.1\r\n${AUTHORISED}${JSON_TYPE}${headers}\r\n`;
const whole = (call: string): string => `${post(`content-length: ${Buffer.byteLength(call)}\r\n`)}${call}`;

/** Answered with a problem, and closed. */
const refused = (...sends: (string | Buffer)[]): Omit<BrokenWire, 'name'> => ({
  steps: sends.map((send) => ({ send })),
  ends: true,
  events: 0,
});
const left = (events: number, ...steps: Step[]): Omit<BrokenWire, 'name'> => ({ steps, ends: false, events });

const WIRES: Readonly<Record<string, Make>> = {
  'a length that is no number': () => refused(post('content-length: abc\r\n')),
  'a negative length': () => refused(post('content-length: -1\r\n')),
  'a length beyond all numbers': () => refused(post(`content-length: ${'9'.repeat(40)}\r\n`)),
  'a length in hexadecimal': () => refused(post('content-length: 0x10\r\n')),
  'two lengths': () => refused(post('content-length: 5\r\ncontent-length: 6\r\n')),
  'a length beside chunks': () => refused(post('content-length: 5\r\ntransfer-encoding: chunked\r\n')),
  'chunks that are not last': (call) =>
    refused(`${post('transfer-encoding: chunked, gzip\r\n')}${inChunks(Buffer.from(call)).toString()}`),
  'an unknown transfer encoding': () => refused(post('transfer-encoding: xyz\r\n')),
  'a chunk size that is no number': () => refused(`${post('transfer-encoding: chunked\r\n')}zz\r\nabc\r\n`),
  'a chunk size beyond all numbers': () =>
    refused(`${post('transfer-encoding: chunked\r\n')}fffffffffffffffff\r\nabc\r\n`),
  'a chunk longer than it says': () =>
    refused(`${post('transfer-encoding: chunked\r\n')}3\r\nabcdef\r\n0\r\n\r\n`),
  'chunk extensions without end': () =>
    refused(`${post('transfer-encoding: chunked\r\n')}1;${'x'.repeat(40_000)}\r\n`),
  'trailers without end': (call) =>
    left(
      1,
      { send: post('transfer-encoding: chunked\r\n') + inChunks(Buffer.from(call)).toString().slice(0, -2) },
      { send: `x-t: ${'y'.repeat(40_000)}\r\n\r\n` },
      { rest: REST_MS },
    ),
  'a head without end': () =>
    refused(`GET /livez HTTP/1.1\r\nhost: x\r\n${'x-flood: yyyyyyyyyy\r\n'.repeat(2_000)}`),
  'one header without end': () => refused(`GET /livez HTTP/1.1\r\nx: ${'y'.repeat(300_000)}`),
  'a path without end': () => refused(`GET /${'a'.repeat(100_000)}`),
  'two thousand headers that fit': (_call, at) =>
    refused(
      `GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${'a:\r\n'.repeat(1 + (at % 3_000))}\r\n`,
    ),
  'a header name with a space': () => refused(`GET /livez HTTP/1.1\r\nhost : x\r\n\r\n`),
  'a folded header': () =>
    refused(`GET /livez HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c\r\nconnection: close\r\n\r\n`),
  'a header without colon': () => refused('GET /livez HTTP/1.1\r\nhost\r\n\r\n'),
  'a zero in a header': () => refused('GET /livez HTTP/1.1\r\nhost: x\0y\r\n\r\n'),
  'line feeds alone': () => refused('GET /livez HTTP/1.1\nhost: x\nconnection: close\n\n'),
  'no host': () => refused('GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n'),
  'two hosts': () => refused('GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n'),
  'an unknown expectation': () =>
    refused('GET /livez HTTP/1.1\r\nhost: x\r\nexpect: the-unexpected\r\nconnection: close\r\n\r\n'),
  'another expectation beside a body': (call) =>
    refused(
      `${post(`expect: 200-ok\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(call)}\r\n`)}${call}`,
    ),
  'HTTP/1.0': () => refused('GET /livez HTTP/1.0\r\n\r\n'),
  'HTTP/0.9': () => refused('GET /livez\r\n\r\n'),
  'HTTP/2 from the start': () => refused('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  'HTTP/9.9': () => refused('GET /livez HTTP/9.9\r\nhost: x\r\n\r\n'),
  TLS: () => refused(Buffer.from('1603010200010001fc0303', 'hex')),
  'an upgrade': () =>
    refused('GET /livez HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n'),
  'an upgrade of a call': (call) =>
    left(
      1,
      { send: post(`connection: upgrade\r\nupgrade: h2c\r\ncontent-length: ${Buffer.byteLength(call)}\r\n`) },
      { send: call },
      { rest: REST_MS },
    ),
  CONNECT: () => refused('CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n'),
  'an absolute target': () =>
    refused('GET http://example.com/livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'),
  'an asterisk': () => refused('OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'),
  'a target without a slash': () => refused('GET livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'),
  'a method nobody knows': () => refused('BREW /livez HTTP/1.1\r\nhost: x\r\n\r\n'),
  'nothing but line ends': () => left(0, { send: '\r\n'.repeat(5_000) }, { rest: REST_MS }),
  'a connection without a word': () => left(0, { rest: 5 }),
  'a connection closed at once': () => left(0, { leave: 'half' }, { rest: REST_MS }),
  'half a head, then gone': (call, at) =>
    left(0, { send: whole(call).slice(0, at % 60) }, { leave: 'destroy' }),
  'half a head, then half closed': (call, at) =>
    left(0, { send: whole(call).slice(0, 1 + (at % 60)) }, { leave: 'half' }, { rest: REST_MS }),
  'half a body, then gone': (call, at) =>
    left(0, { send: whole(call).slice(0, -1 - (at % 100)) }, { leave: 'destroy' }),
  'half a body, then half closed': (call, at) =>
    left(0, { send: whole(call).slice(0, -1 - (at % 100)) }, { leave: 'half' }, { rest: REST_MS }),
  'half the chunks, then half closed': (call) =>
    left(
      0,
      { send: post('transfer-encoding: chunked\r\n') + inChunks(Buffer.from(call)).toString().slice(0, -20) },
      { leave: 'half' },
      { rest: REST_MS },
    ),
  'a whole call, then gone': (call) => left(1, { send: whole(call) }, { leave: 'destroy' }),
  'a whole call, then half closed': (call) =>
    left(1, { send: whole(call) }, { leave: 'half' }, { rest: REST_MS }),
  'a body more than it says': (call) => left(1, { send: whole(call) + call }, { rest: REST_MS }),
  'a body byte by byte': (call) =>
    left(
      1,
      { send: post(`content-length: ${Buffer.byteLength(call)}\r\n`) },
      ...Array.from(call.slice(0, 40), (send) => ({ send })),
      { send: call.slice(40) },
      { rest: REST_MS },
    ),
  'a body that never comes': () => left(0, { send: post('content-length: 1000\r\n') }, { rest: REST_MS }),
  'a huge body that never comes': () =>
    left(0, { send: post('content-length: 900000\r\nexpect: 100-continue\r\n') }, { rest: REST_MS }),
  'a body that waits to be asked for': (call) =>
    left(
      1,
      { send: post(`expect: 100-continue\r\ncontent-length: ${Buffer.byteLength(call)}\r\n`) },
      { rest: 5 },
      { send: call },
      { rest: REST_MS },
    ),
  'requests in a row': (call, at) =>
    left(2 + (at % 20), { send: whole(call).repeat(2 + (at % 20)) }, { rest: 100 }),
  'requests in a row, then gone': (call, at) =>
    left(2 + (at % 50), { send: whole(call).repeat(2 + (at % 50)) }, { leave: 'destroy' }),
  'requests in a row of which one is none': (call) =>
    left(1, { send: `${whole(call)}hello\r\n\r\n` }, { rest: REST_MS }),
  'large answers that nobody reads': () =>
    left(0, { send: `GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(20) }, { leave: 'destroy' }),
  'a smuggled request': (call) =>
    refused(`${post('transfer-encoding : chunked\r\ncontent-length: 4\r\n')}0\r\n\r\n${whole(call)}`),
};

/** Beginnings of HTTP with noise in them, or noise alone. */
const noise = fc
  .tuple(
    fc.constantFrom(
      '',
      'GET ',
      'POST /v1/calls HTTP/1.1\r\n',
      `POST /v1/calls HTTP/1.1\r\n${AUTHORISED}content-length: 50\r\n\r\n`,
    ),
    fc.uint8Array({ maxLength: 200 }),
  )
  .map(([start, bytes]): BrokenWire => ({
    name: 'noise',
    ...left(0, { send: Buffer.concat([Buffer.from(start), bytes]) }, { leave: 'half' }, { rest: REST_MS }),
  }));

export const brokenWires: fc.Arbitrary<BrokenWire> = fc.oneof(
  { weight: 1, arbitrary: noise },
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom(...Object.entries(WIRES)), fc.uuid(), fc.nat())
      .map(([[name, make], id, at]) => ({
        name,
        ...make(JSON.stringify(callOf(id)), at),
      })),
  },
);
