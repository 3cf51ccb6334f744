/** Which problems an operation may answer with: told by the route as a list of codes, written out here. */
import { PROBLEMS, type Mistake, type ProblemCode, problemType } from '../errors.js';
import { FOREIGN_PAGE, foreignHost, forwardedWithoutKeys } from '../plugins/foreign-pages.js';
import { headerReferences } from './headers.js';
import type { Answer, Operation, Reference } from './model.js';

/** Anybody can meet these, whatever they ask for. */
const ANYWHERE: readonly ProblemCode[] = [
  'malformed_request',
  'foreign_host',
  'forwarded_without_keys',
  'request_timeout',
  'headers_too_large',
  'internal',
];
const BEHIND_A_KEY: readonly ProblemCode[] = ['unauthorized', 'forbidden', 'too_many_requests'];
const WITH_PARAMETERS: readonly ProblemCode[] = ['invalid_request'];
const WITH_A_PATH: readonly ProblemCode[] = ['malformed_url'];
const OTHER_THAN_READING: readonly ProblemCode[] = ['foreign_page'];
/** Also where no body is expected: then any body is a mistake. */
const WITH_A_BODY: readonly ProblemCode[] = [
  'malformed_body',
  'incomplete_body',
  'body_too_large',
  'unsupported_media_type',
  'unsupported_encoding',
  'busy',
];

/** Of operations that set events down. */
export const SPOOLING: readonly ProblemCode[] = ['spool_full', 'disk_full', 'spool_failed', 'spool_closed'];

/** Of operations that ask PostgreSQL a question which may take its time. */
export const READING: readonly ProblemCode[] = [
  'store_unavailable',
  'too_many_questions',
  'question_too_slow',
];

interface Told {
  readonly codes: readonly ProblemCode[];
  /** What else to know of a status. */
  readonly notes: Readonly<Record<number, string>>;
}

const MARK = 'x-problems';

/**
 * For the schema of a route: what it answers with beside the problems that all routes of its kind have. Not as responses,
 * because the document lists problems by status: those of its kind and its own are written into one answer.
 */
export function problems(
  codes: readonly ProblemCode[] = [],
  notes: Told['notes'] = {},
): Readonly<Record<typeof MARK, Told>> {
  return { [MARK]: { codes, notes } };
}

/** Adds the answers that were told by `problems`, and returns all codes of the operation. */
export function writeProblems(
  method: string,
  operation: Operation & { [MARK]?: Told },
  shared: Record<string, object>,
): readonly ProblemCode[] {
  const { codes = [], notes = {} } = operation[MARK] ?? {};
  Reflect.deleteProperty(operation, MARK);
  const all = [...new Set([...ANYWHERE, ...kindOf(method, operation), ...codes])];
  for (const status of new Set(all.map(statusOf))) {
    if (operation.responses[status] !== undefined)
      throw new Error(`${String(operation.operationId)} has a ${status} of its own`);
    const ofStatus = all.filter((code) => statusOf(code) === status);
    operation.responses[status] = answerOf(status, ofStatus, notes[status], shared);
  }
  return all;
}

function statusOf(code: ProblemCode): number {
  return PROBLEMS[code][0];
}

function kindOf(method: string, { security = [], parameters = [] }: Operation): ProblemCode[] {
  return [
    ...(security.length > 0 ? BEHIND_A_KEY : []),
    ...(parameters.length > 0 || security.length > 0 ? WITH_PARAMETERS : []),
    ...(parameters.some((parameter) => 'in' in parameter && parameter.in === 'path') ? WITH_A_PATH : []),
    ...(method === 'get' ? [] : [...OTHER_THAN_READING, ...WITH_A_BODY]),
  ];
}

/** One kind of problem is a component that is named for it; several are listed where they occur. */
function answerOf(
  status: number,
  codes: readonly ProblemCode[],
  note: string | undefined,
  shared: Record<string, object>,
): Answer | Reference {
  const answer = {
    description: [...(note === undefined ? [] : [note]), ...inWords(codes)].join('\n'),
    headers: headerReferences(headersOf(status)),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
  const [code] = codes;
  if (code === undefined || codes.length > 1 || note !== undefined) return answer;
  const name = componentName(code);
  shared[name] = answer;
  return { $ref: `#/components/responses/${name}` };
}

function inWords(codes: readonly ProblemCode[]): string[] {
  const [only] = codes;
  if (only !== undefined && codes.length === 1) return [`${PROBLEMS[only][1]}.`];
  return codes.map((code) => `- \`${code}\`: ${PROBLEMS[code][1]}.`);
}

function headersOf(status: number): string[] {
  const more: Readonly<Record<number, string>> = {
    401: 'WWW-Authenticate',
    415: 'Accept-Encoding',
    416: 'Content-Range',
    429: 'Retry-After',
    503: 'Retry-After',
  };
  return ['X-Request-Id', ...(more[status] === undefined ? [] : [more[status]])];
}

/** `call_not_found` → `CallNotFound` */
function componentName(code: ProblemCode): string {
  return code.replace(/(?:^|_)(.)/g, (_all, letter: string) => letter.toUpperCase());
}

/** What is worth more than the title in an example. */
const details: Partial<Record<ProblemCode, { detail: string; errors?: readonly Mistake[] }>> = {
  invalid_request: {
    detail: 'query:limit must be <= 1000.',
    errors: [{ pointer: 'query:limit', code: 'out_of_range', message: 'must be <= 1000' }],
  },
  invalid_event: {
    detail: '/odds_a: is required',
    errors: [{ pointer: '/odds_a', code: 'required', message: 'is required' }],
  },
  inconsistent_event: {
    detail: '/book_b: is required for an arbitrage',
    errors: [{ pointer: '/book_b', code: 'required_for_call_type', message: 'is required for an arbitrage' }],
  },
  unauthorized: {
    detail: 'The request has no key: send it as "Authorization: Bearer KEY" or "X-API-Key: KEY".',
  },
  forbidden: { detail: 'The key is known, but does not open the read routes.' },
  foreign_host: { detail: foreignHost('logger.example.com') },
  forwarded_without_keys: { detail: forwardedWithoutKeys('x-forwarded-for') },
  foreign_page: { detail: FOREIGN_PAGE },
  spool_full: {
    detail: 'The spool holds 1023.8 MiB of 1024.0 MiB (SPOOL_MAX_BYTES), which leaves no room for 452.1 KiB.',
  },
  disk_full: {
    detail:
      'The disk of the spool has 243.7 MiB free; DISK_RESERVE_BYTES keeps 256.0 MiB free, which leaves no room for 1.2 KiB.',
  },
  call_not_found: {
    detail: 'No call with this id is stored. If it was sent a moment ago, it may still be on its way.',
  },
};

export function exampleOf(code: ProblemCode): object {
  const [status, title] = PROBLEMS[code];
  const { detail = `${title}.`, errors = [] } = details[code] ?? {};
  const value = { type: problemType(code), title, status, detail, request_id: '9f2c41d07ae3-1k', errors };
  return { summary: title, value };
}
