/** The thread in which the events of large bodies are judged. */
import { parentPort } from 'node:worker_threads';
import type { Judgement } from './judgement.js';
import { LinesJudge } from './lines-judge.js';
import { bufferOf, type FromThread, packJudgements, type ToThread } from './messages.js';

if (parentPort === null) throw new Error('this module runs in a thread');
const port = parentPort;
const bodies = new Map<number, LinesJudge>();

port.on('message', (message: ToThread) => {
  const answer = answerTo(message);
  port.postMessage(answer, answer === undefined ? [] : [answer.records.buffer]);
});

function answerTo(message: ToThread): FromThread {
  const { type, body } = message;
  switch (type) {
    case 'open':
      bodies.set(body, new LinesJudge(message.delivery));
      return undefined;
    case 'push':
      return packed(bodies.get(body)?.push(bufferOf(message.chunk)));
    case 'end': {
      const last = bodies.get(body)?.end();
      bodies.delete(body);
      return packed(last);
    }
  }
}

function packed(judgements: readonly Judgement[] | undefined): FromThread {
  return judgements === undefined ? undefined : packJudgements(judgements);
}
