import type { Worker } from 'node:worker_threads';
import { Deferred } from '../../../../lib/deferred.js';
import type { EncoderOptions } from './encoder.js';
import { giveBackThread, takeThread } from './threads.js';

export type ToThread =
  | { readonly type: 'begin'; readonly options: EncoderOptions }
  | { readonly type: 'rows'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'end' }
  | { readonly type: 'drop' };

export type FromThread =
  | { readonly type: 'encoded'; readonly chunk: Uint8Array<ArrayBuffer> }
  | { readonly type: 'taken' }
  | { readonly type: 'ended'; readonly rows: number }
  | { readonly type: 'failed'; readonly error: Error }
  /** The last word after 'drop': what came before it is of the dropped export. */
  | { readonly type: 'dropped' };

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
  readonly #thread: Worker;
  readonly #over = new Deferred<undefined>();
  #inHand = 0;
  #isOver = false;
  #isDropped = false;

  constructor(
    options: EncoderOptions,
    private readonly events: EncodingEvents,
  ) {
    this.#thread = takeThread();
    this.#thread.on('message', this.#hear).on('error', this.#die);
    this.#tell({ type: 'begin', options });
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

  /** Drops what is not done yet; no event comes any more. Resolves when the thread is free for another. */
  async stop(): Promise<void> {
    if (!this.#isOver && !this.#isDropped) {
      this.#isDropped = true;
      this.#tell({ type: 'drop' });
    }
    await this.#over.promise;
  }

  readonly #hear = (message: FromThread): void => {
    if (message.type === 'dropped') this.#giveBack();
    if (this.#isDropped) return;
    switch (message.type) {
      case 'encoded':
        this.events.encoded(message.chunk);
        break;
      case 'taken':
        this.#inHand--;
        this.events.taken();
        break;
      case 'ended':
        this.#giveBack();
        this.events.ended(message.rows);
        break;
      case 'failed':
        this.#giveBack();
        this.events.failed(message.error);
    }
  };

  /** Only when it runs out of memory: everything else is told as failed. */
  readonly #die = (error: Error): void => {
    this.#finish();
    if (!this.#isDropped) this.events.failed(error);
  };

  #giveBack(): void {
    this.#finish();
    giveBackThread(this.#thread);
  }

  #finish(): void {
    this.#thread.off('message', this.#hear).off('error', this.#die);
    this.#isOver = true;
    this.#over.resolve(undefined);
  }

  #tell(message: ToThread, ...given: ArrayBuffer[]): void {
    this.#thread.postMessage(message, given);
  }
}
