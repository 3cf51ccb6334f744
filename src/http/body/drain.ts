import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Sockets whose request was answered before its body had arrived. */
const answered = new WeakSet<Socket>();

/**
 * Reads what is left of a body into nothing, so that its sender gets to read the answer; the connection can be used
 * again after that. The request timeout of the server ends it when the sender takes too long.
 */
export function drainRest(request: IncomingMessage): void {
  if (request.complete || request.readableEnded || request.destroyed) return;
  const { socket } = request;
  answered.add(socket);
  request.once('end', () => answered.delete(socket));
  request.resume();
}

/** Whether the request now arriving on this socket already has its answer: a second one would be taken for the next. */
export function isAnswered(socket: Socket): boolean {
  return answered.has(socket);
}
