import type { Worker } from 'node:worker_threads';
import { Deferred } from '../../lib/deferred.js';
import { startWorker } from '../../lib/module-worker.js';
import type { Delivery, Judgement } from './judgement.js';
import type { Judging, LinesJudging } from './judging.js';
import { type FromThread, type ToThread, unpackJudgements } from './messages.js';

/** What is judged is soon gone: with less room for the young, the same speed takes 50 MB less. */
const LIMITS = { maxYoungGenerationSizeMb: 12 };

export function startJudgingThread(): Worker {
  return startWorker(new URL('./judging-thread', import.meta.url), undefined, LIMITS);
}

/** The thread ended; the next body starts another. */
export class JudgingFailedError extends Error {
  override readonly name = 'JudgingFailedError';
  readonly code = 'JUDGING_FAILED';
}

/**
 * Judging in a thread of its own: a body of ten thousand events holds up nobody else at the door, and is taken in while
 * the drain is at work. Single events are judged where they arrive: for one of them the way to a thread and back costs
 * as much as the judging.
 */
export class ThreadedJudging implements Judging {
  #worker: Worker | undefined;
  readonly #answers: Deferred<FromThread>[] = [];
  #lastBody = 0;

  /** @param onFailure hears why a thread ended that should not have */
  constructor(
    private readonly onFailure: (error: Error) => void,
    private readonly startThread: () => Worker = startJudgingThread,
  ) {
    // At once, so that no sender waits for it.
    this.#worker = this.#start();
  }

  lines(delivery: Delivery): LinesJudging {
    const body = ++this.#lastBody;
    let isOpen = true;
    this.#ask({ type: 'open', body, delivery }).catch(() => undefined);
    const end = (): Promise<Judgement[]> => {
      isOpen = false;
      return this.#judgements({ type: 'end', body });
    };
    return {
      push: (chunk) => this.#judgements({ type: 'push', body, chunk: new Uint8Array(chunk) }),
      end,
      close: () => {
        if (isOpen) end().catch(() => undefined);
      },
    };
  }

  /**
   * What is under way fails. The thread is left alone, and does not keep the process: one that ends at work may hang for
   * ever on Node 20, and the process with it (see store/read/export/encode/threads.ts).
   */
  close(): void {
    this.#worker?.unref();
    this.#fail(new JudgingFailedError('the judging was closed'));
  }

  async #judgements(message: ToThread): Promise<Judgement[]> {
    const answer = await this.#ask(message);
    // A thread that was started since does not know a body that was opened with the one before.
    if (answer === undefined) throw new JudgingFailedError('the thread that judged this body ended');
    return unpackJudgements(answer);
  }

  #ask(message: ToThread): Promise<FromThread> {
    const worker = (this.#worker ??= this.#start());
    const answer = new Deferred<FromThread>();
    this.#answers.push(answer);
    worker.postMessage(message, message.type === 'push' ? [message.chunk.buffer] : []);
    return answer.promise;
  }

  #start(): Worker {
    const worker = this.startThread();
    worker.on('message', (message: FromThread) => {
      this.#answers.shift()?.resolve(message);
    });
    const ended = (error: Error): void => {
      if (this.#worker !== worker) return;
      this.onFailure(error);
      this.#fail(new JudgingFailedError('the thread that judges events ended', { cause: error }));
    };
    worker.on('error', ended);
    worker.on('exit', (code) => {
      ended(new Error(`the thread that judges events ended with ${code}`));
    });
    return worker;
  }

  #fail(error: JudgingFailedError): void {
    this.#worker = undefined;
    for (const answer of this.#answers.splice(0)) answer.reject(error);
  }
}
