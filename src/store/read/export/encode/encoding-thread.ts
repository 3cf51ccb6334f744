/** The thread that encodes one export. */
import { parentPort, workerData } from 'node:worker_threads';
import { Encoder, type EncoderOptions } from './encoder.js';
import type { FromThread, ToThread } from './encoding.js';

if (parentPort === null) throw new Error('this module runs in a thread');
const port = parentPort;

const tell = (message: FromThread, ...given: ArrayBuffer[]): void => {
  port.postMessage(message, given);
};

const encoder = new Encoder(workerData as EncoderOptions, (chunk) => {
  tell({ type: 'encoded', chunk }, chunk.buffer);
});

port.on('message', (message: ToThread) => {
  if (message.type === 'rows') {
    encoder.take(message.bytes);
    tell({ type: 'taken' });
  } else {
    tell({ type: 'ended', rows: encoder.end() });
    port.close();
  }
});
