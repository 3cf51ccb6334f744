import type { ServerResponse } from 'node:http';
import { Problem } from './errors.js';

/** Aborted when the client goes away before the response was sent whole. */
export function whenClientLeaves(response: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) leaving.abort(new Problem('client_left'));
  });
  return leaving.signal;
}
