/**
 * Holds answers to the OpenAPI document, as a client that believes every word of it. Judged by TypeBox, which reads the
 * JSON Schema of OpenAPI 3.1. (openapi-backend takes a status or a content type that is not in the document for valid,
 * and reads schemas as draft 7.)
 */
import type { FastifyInstance } from 'fastify';
import Schema from 'typebox/schema';
import type { ApiDocument, Operation } from '../../src/http/document/model.js';
import { SECURITY_HEADERS } from '../../src/http/plugins/foreign-pages.js';
import { normalizeTarget } from '../../src/http/request-target.js';

export interface Answered {
  readonly method: string;
  /** With or without its query. */
  readonly url: string;
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Undefined when it was not looked at, as the body of a file. */
  readonly body?: string | undefined;
}

interface Response {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: JsonSchema }>>;
  readonly content?: Readonly<
    Record<string, { readonly schema: JsonSchema; readonly examples?: Readonly<Record<string, unknown>> }>
  >;
}
type JsonSchema = Readonly<Record<string, unknown>>;
type Validator = Pick<Schema.Validator, 'Check' | 'Errors'>;

/** Of the connection and of the body on it, whatever the operation. */
const OF_THE_WIRE = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'vary',
]);

export class Contract {
  /** `METHOD path status` of all that was judged. */
  readonly seen = new Set<string>();
  readonly #document: ApiDocument;
  readonly #components: unknown;
  readonly #paths: readonly { readonly path: string; readonly pattern: RegExp }[];
  readonly #validators = new Map<string, Validator>();

  constructor(document: ApiDocument) {
    this.#document = document;
    this.#components = closed(document.components);
    this.#paths = Object.keys(document.paths)
      // What is spelt out comes before what a parameter may stand for.
      .sort((a, b) => a.split('{').length - b.split('{').length)
      .map((path) => ({
        path,
        // For the router nothing at all is a value of a parameter, too.
        pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]*')}$`),
      }));
  }

  /** What the document does not say of this answer, in sentences; none: it keeps to it. */
  judge(answered: Answered): string[] {
    const found = this.#find(answered);
    const label = `${answered.method} ${found?.path ?? answered.url} ${answered.status}`;
    this.seen.add(label);
    const response = found === null ? this.#unrouted(answered) : this.#response(found, answered.status);
    const complaints =
      response === undefined
        ? ['has a status that is not in the document']
        : [...this.#judgeHeaders(response, answered), ...this.#judgeBody(label, response, answered)];
    return complaints.map((complaint) => `${label} ${complaint}`);
  }

  #find({ method, url, status }: Answered): { path: string; operation: Operation } | null {
    const path = normalizeTarget(method, url).split(/[?#]/, 1)[0] ?? '';
    for (const known of this.#paths) {
      if (!known.pattern.test(path)) continue;
      const operation = this.#document.paths[known.path]?.[method === 'HEAD' ? 'get' : method.toLowerCase()];
      const isHeadless = method === 'HEAD' && status === 405;
      if (operation !== undefined && !isHeadless) return { path: known.path, operation };
    }
    return null;
  }

  #response({ operation }: { operation: Operation }, status: number): Response | undefined {
    const response = operation.responses[status];
    return response && this.#resolve(response);
  }

  /** What the description of the document says of requests that are no operation's. */
  #unrouted({ method, status }: Answered): Response | undefined {
    const always = { required: true, schema: { type: 'string' } };
    if (method === 'OPTIONS' && status === 204) return { headers: { 'X-Request-Id': always, Allow: always } };
    if (![400, 403, 404, 405, 408, 413, 431].includes(status)) return undefined;
    const schema = { $ref: '#/components/schemas/Problem' };
    return {
      headers: { 'X-Request-Id': always, ...(status === 405 && { Allow: always }) },
      content: { 'application/problem+json': { schema } },
    };
  }

  #judgeHeaders({ headers = {} }: Response, answered: Answered): string[] {
    const complaints: string[] = [];
    const declared = new Map(Object.entries(headers).map(([name, header]) => [name.toLowerCase(), header]));
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      if (answered.headers[name] !== value) complaints.push(`lacks the header ${name}`);
    }
    for (const name of Object.keys(answered.headers)) {
      if (!OF_THE_WIRE.has(name) && !(name in SECURITY_HEADERS) && !declared.has(name))
        complaints.push(`has an undeclared header ${name}`);
    }
    for (const [name, reference] of declared) {
      const { required, schema } = this.#resolve(reference) as typeof reference;
      const value = answered.headers[name];
      if (value === undefined) {
        if (required === true) complaints.push(`lacks the header ${name}`);
        continue;
      }
      const typed = schema['type'] === 'integer' ? Number(value) : value;
      if (!this.#validator(`header ${name}`, schema).Check(typed))
        complaints.push(`has a wrong header ${name}: ${JSON.stringify(value)}`);
    }
    return complaints;
  }

  #judgeBody(label: string, { content }: Response, answered: Answered): string[] {
    const { body, headers, method } = answered;
    const header = headers['content-type'];
    if (content === undefined) return body === undefined || body === '' ? [] : ['has a body'];
    const type = typeof header === 'string' ? (header.split(';', 1)[0] ?? '') : '';
    const media = content[type];
    if (media === undefined) return [`has a content type that is not in the document: ${type}`];
    if (method === 'HEAD' || body === undefined) return [];
    const value: unknown = /[/+]json$/.test(type) ? JSON.parse(body) : body;
    const validator = this.#validator(`${label} ${type}`, media.schema);
    if (!validator.Check(value)) {
      const [, errors] = validator.Errors(value);
      return errors.map(({ instancePath, message }) => `has a wrong body: ${instancePath} ${message}`);
    }
    return media.examples === undefined ? [] : judgeCode(value, Object.keys(media.examples));
  }

  #validator(key: string, schema: JsonSchema): Validator {
    let validator = this.#validators.get(key);
    if (validator === undefined) {
      // The schema's references begin at the root of the document.
      validator = Schema.Compile({ ...closed(schema), components: this.#components });
      this.#validators.set(key, validator);
    }
    return validator;
  }

  /** What a reference leads to; anything else is its own. The document has there what belongs there: it is linted. */
  #resolve(target: object): object {
    if (!('$ref' in target) || typeof target.$ref !== 'string') return target;
    const parts = target.$ref.replace('#/', '').split('/');
    return parts.reduce<object>((place, part) => {
      const found: unknown = Object.entries(place).find(([name]) => name === part)?.[1];
      if (typeof found !== 'object' || found === null)
        throw new Error(`nothing is at ${String(target.$ref)}`);
      return found;
    }, this.#document);
  }
}

/**
 * The document lets clients meet fields that it does not have yet. We may not: what lists its fields has no others, unless
 * it says that it may.
 */
function closed<T>(node: T): T;
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map((item: unknown) => closed(item));
  if (typeof node !== 'object' || node === null) return node;
  const members = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, closed(value)]));
  return 'properties' in node ? { additionalProperties: false, ...members } : members;
}

/** The examples of a problem are all codes that the operation may answer with. */
function judgeCode(value: unknown, codes: readonly string[]): string[] {
  const type = typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : '';
  const code = type.replace('urn:call-logger:problem:', '');
  return codes.includes(code) ? [] : [`has a problem that is not in the document: ${type}`];
}

/** The document of an app that is ready. */
export function documentOf(app: FastifyInstance): ApiDocument {
  // Read back as a client reads it; the plugin makes this shape.
  return JSON.parse(JSON.stringify(app.swagger())) as ApiDocument;
}
