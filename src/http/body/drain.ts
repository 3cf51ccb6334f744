import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** By socket the latest request that was answered before its body had arrived. */
const answered = new WeakMap<Socket, IncomingMessage>();

/**
 * Reads what is left of a body into nothing, so that its sender gets to read the answer; the connection can be used
 * again after that. The request timeout of the server ends it when the sender takes too long.
 */
export function drainRest(request: IncomingMessage): void {
  if (request.complete || request.readableEnded || request.destroyed) return;
  answered.set(request.socket, request);
  request.resume();
}

/** Whether the request now arriving on this socket already has its answer: a second one would be taken for the next. */
export function isAnswered(socket: Socket): boolean {
  // Not by its 'end', which comes only after what follows it in the same packet.
  return answered.get(socket)?.complete === false;
}
