/** A thread that encodes one export after another. */
import { parentPort } from 'node:worker_threads';
import { Encoder } from './encoder.js';
import type { FromThread, ToThread } from './encoding.js';
import { toError } from '../../../../lib/errors.js';

if (parentPort === null) throw new Error('this module runs in a thread');
const port = parentPort;

const tell = (message: FromThread, ...given: ArrayBuffer[]): void => {
  port.postMessage(message, given);
};

/** Null between exports; what comes then was on its way when the last one failed. */
let encoder: Encoder | null = null;

function hear(message: ToThread): void {
  switch (message.type) {
    case 'begin':
      encoder = new Encoder(message.options, (chunk) => {
        tell({ type: 'encoded', chunk }, chunk.buffer);
      });
      break;
    case 'rows':
      encoder?.take(message.bytes);
      tell({ type: 'taken' });
      break;
    case 'end':
      if (encoder !== null) tell({ type: 'ended', rows: encoder.end() });
      encoder = null;
      break;
    case 'drop':
      encoder = null;
      tell({ type: 'dropped' });
  }
}

port.on('message', (message: ToThread) => {
  try {
    hear(message);
  } catch (error) {
    encoder = null;
    tell({ type: 'failed', error: toError(error) });
  }
});
