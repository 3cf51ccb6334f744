import type { Worker } from 'node:worker_threads';
import { startWorker } from '../../../../lib/module-worker.js';
import type { EncoderOptions } from './encoder.js';

export type ToThread =
  { readonly type: 'rows'; readonly bytes: Uint8Array<ArrayBuffer> } | { readonly type: 'end' };

export type FromThread =
  | { readonly type: 'encoded'; readonly chunk: Uint8Array<ArrayBuffer> }
  | { readonly type: 'taken' }
  | { readonly type: 'ended'; readonly rows: number };

export interface EncodingEvents {
  /** A piece of the file. */
  encoded(chunk: Uint8Array): void;
  /** Rows were taken up, all their pieces were told. */
  taken(): void;
  /** All is done; how many rows there were. */
  ended(rows: number): void;
  /** Nothing more comes. */
  failed(error: Error): void;
}

/**
 * An encoder in a thread of its own, so that the door takes events as quickly while a large export is made. Memory is
 * handed over in both directions, never copied.
 */
export class Encoding {
  readonly #worker: Worker;
  #inHand = 0;

  constructor(options: EncoderOptions, events: EncodingEvents) {
    this.#worker = startWorker(new URL('./encoding-thread', import.meta.url), options);
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'encoded') events.encoded(message.chunk);
      else if (message.type === 'ended') events.ended(message.rows);
      else {
        this.#inHand--;
        events.taken();
      }
    });
    this.#worker.on('error', (error) => {
      events.failed(error);
    });
  }

  /** How often `take` was called without an answer so far. */
  get inHand(): number {
    return this.#inHand;
  }

  /** @param bytes given away: must not be used afterwards */
  take(bytes: Uint8Array<ArrayBuffer>): void {
    this.#inHand++;
    this.#tell({ type: 'rows', bytes }, bytes.buffer);
  }

  end(): void {
    this.#tell({ type: 'end' });
  }

  /** Ends the thread wherever it is. */
  stop(): void {
    void this.#worker.terminate();
  }

  #tell(message: ToThread, ...given: ArrayBuffer[]): void {
    this.#worker.postMessage(message, given);
  }
}
