/** What has to be true of every answer, whatever was asked. */
import { isJsonObject } from '../../../src/lib/json-value.js';
import type { Contract } from '../../helpers/contract.js';
import type { Answer } from './answers.js';

/** Problems that are about one place in what was sent, and have to say which. */
const WITH_POINTER = new Set([
  'invalid_request',
  'invalid_cursor',
  'empty_body',
  'malformed_body',
  'invalid_body',
  'invalid_event',
  'inconsistent_event',
  'too_many_events',
  'unsupported_media_type',
  'unsupported_encoding',
]);
const POINTER = /^((\/([^~/]|~[01])*)*|(query|header|path):[^]+)$/;

export interface Asked {
  readonly method: string;
  /** As sent. */
  readonly target: string;
}

/** In sentences; none: everything is as it has to be. */
export function judgeAnswer(contract: Contract, { method, target }: Asked, answer: Answer): string[] {
  const { status, headers } = answer;
  const complaints: string[] = [];
  if (status >= 500 && !isHonest(answer, target)) complaints.push(`answered ${status}`);
  const body = answer.body.toString();
  // The page for people is not in the document.
  if (!target.startsWith('/docs')) {
    // Node's parser passes over spaces at the end of a target.
    const url = target.startsWith('/') ? target.trimEnd() : '/';
    complaints.push(
      ...guarded(() =>
        contract.judge({ method, url, status, headers, body: isText(headers) ? body : undefined }),
      ),
    );
  }
  if (status >= 400 && method !== 'HEAD' && !isOwnShape(answer, target))
    complaints.push(...guarded(() => judgeProblem(answer, body)));
  return complaints;
}

/** Not a problem but what the route always answers: a batch of which nothing was taken, a service that is not ready. */
function isOwnShape({ status, headers }: Answer, target: string): boolean {
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  return (
    isJson &&
    ((status === 422 && target.startsWith('/v1/events')) || (status === 503 && target === '/readyz'))
  );
}

/** 503 with the time to wait, or a flush that took longer than its sender wanted to. */
function isHonest({ status, headers }: Answer, target: string): boolean {
  if (status === 504) return target.startsWith('/v1/admin/flush');
  return status === 503 && /^[1-9]\d*$/.test(headers['retry-after'] ?? '');
}

export function judgeProblem({ status, headers }: Answer, body: string): string[] {
  if (headers['content-type'] !== 'application/problem+json')
    return [`a ${status} that is no problem but ${String(headers['content-type'])}`];
  const problem: unknown = JSON.parse(body);
  if (!isJsonObject(problem)) return ['a problem that is no object'];
  const complaints: string[] = [];
  if (problem['status'] !== status) complaints.push('a problem with another status');
  if (typeof problem['request_id'] !== 'string' || problem['request_id'] !== headers['x-request-id'])
    complaints.push('a problem without the request id of its header');
  const code = String(problem['type']).replace('urn:call-logger:problem:', '');
  const errors: readonly unknown[] = Array.isArray(problem['errors']) ? problem['errors'] : [];
  if (errors.length === 0 && WITH_POINTER.has(code)) complaints.push(`${code} without a pointer`);
  return [...complaints, ...judgePointers(errors)];
}

export function judgePointers(errors: readonly unknown[]): string[] {
  return errors
    .map((error) => (isJsonObject(error) ? error['pointer'] : undefined))
    .filter((pointer) => typeof pointer !== 'string' || !POINTER.test(pointer))
    .map((pointer) => `no pointer: ${JSON.stringify(pointer)}`);
}

function guarded(judge: () => string[]): string[] {
  try {
    return judge();
  } catch (error) {
    return [`cannot be read: ${String(error)}`];
  }
}

function isText(headers: Answer['headers']): boolean {
  return (
    headers['content-encoding'] === undefined && /json|text|yaml|csv/.test(headers['content-type'] ?? '')
  );
}
