/** Requests for every operation of the OpenAPI document, from its schemas and against them. */
import fc from 'fast-check';
import type { ApiDocument, Operation } from '../../../src/http/document/model.js';
import { operationsOf } from '../../../src/http/document/model.js';
import { type Encoded, encoded, gzipBomb } from './encoding.js';
import { nearly, type Schema, type Schemas, valuesOf } from './from-schema.js';
import { noise, written } from './json-text.js';
import { headersOf, isKnown, queriesOf, targetsOf } from './parameters.js';
import type { FuzzRequest, Header } from './request.js';
import * as values from './values.js';

/** How often an operation is asked for. What is not here: 10. Seldom is what works long for one answer. */
const WEIGHTS: Readonly<Record<string, number>> = {
  sendCall: 90,
  sendClick: 70,
  sendResult: 70,
  sendEvents: 110,
  getCall: 20,
  listCalls: 15,
  getStatistics: 3,
  exportCalls: 1,
  exportClicks: 1,
  getMetrics: 3,
  getOpenApiJson: 1,
  getOpenApiYaml: 1,
  listRuns: 5,
};
/** Of the operations whose every success copies the whole database, one request in so many is let through. */
const HEAVY = ['startBackup', 'verifyBackup'];
const HEAVY_ONE_IN = 40;

/** A key that opens everything, most of the time; the others and none are refused at once. */
export const keys: fc.Arbitrary<readonly Header[]> = fc.oneof(
  { weight: 40, arbitrary: fc.constant<readonly Header[]>([['authorization', 'Bearer {{admin}}']]) },
  { weight: 4, arbitrary: fc.constant<readonly Header[]>([['x-api-key', '{{admin}}']]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<readonly Header[]>(
      [],
      [['authorization', 'Bearer {{read}}']],
      [['x-api-key', '{{ingest}}']],
      [['authorization', 'Basic {{admin}}']],
      [['authorization', `Bearer ${'x'.repeat(3_000)}`]],
      [
        ['authorization', 'Bearer {{read}}'],
        ['authorization', 'Bearer {{admin}}'],
      ],
      [['x-api-key', '']],
    ),
  },
);

/** @param run tells the ids of this run from all others */
export function operationRequests(document: ApiDocument): fc.Arbitrary<FuzzRequest> {
  const schemas: Schemas = document.components.schemas;
  return fc.oneof(
    ...operationsOf(document).map(({ method, path, operation }) => ({
      weight: WEIGHTS[String(operation.operationId)] ?? 10,
      arbitrary: requestsFor(method.toUpperCase(), path, operation, schemas),
    })),
  );
}

function requestsFor(
  method: string,
  path: string,
  operation: Operation,
  schemas: Schemas,
): fc.Arbitrary<FuzzRequest> {
  const name = String(operation.operationId);
  const parameters = (operation.parameters ?? []).filter(isKnown);
  const contents = Object.entries(operation.requestBody?.content ?? {});
  const [first = ['application/json', { schema: {} }] as const] = contents;
  const bodies = fc.oneof(
    {
      weight: 20,
      arbitrary: bodiesOf(first[1].schema ?? {}, schemas, typesFor(contents.map(([type]) => type))),
    },
    { weight: method === 'GET' ? 400 : 4, arbitrary: fc.constant<Body>({ type: null, encoded: null }) },
  );
  const methods = fc.oneof(
    { weight: 60, arbitrary: fc.constant(method) },
    // Parsed by node, and answered with 404 or 405; HEAD is GET's sister.
    fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'GET', 'POST', 'QUERY'),
  );
  const isLight = HEAVY.includes(name) ? fc.nat(HEAVY_ONE_IN).map((n) => n > 0) : fc.constant(false);
  return fc
    .record({
      method: methods,
      target: targetsOf(path),
      query: queriesOf(parameters, schemas),
      headers: headersOf(parameters),
      key: keys,
      body: bodies,
      chunked: fc.boolean(),
      isLight,
    })
    .map((made) => ({
      name,
      method: made.method,
      target: `${made.target}${made.query}${made.isLight ? `${made.query === '' ? '?' : '&'}light=1` : ''}`,
      headers: [
        ...made.key,
        ...made.headers,
        ...(made.body.type === null ? [] : [['content-type', made.body.type] as const]),
      ],
      body: made.body.encoded,
      chunked: made.chunked,
      isRight: false,
    }));
}

interface Body {
  readonly type: string | null;
  readonly encoded: Encoded | null;
}

function bodiesOf(schema: Schema, schemas: Schemas, types: fc.Arbitrary<string | null>): fc.Arbitrary<Body> {
  const right = valuesOf(schema, schemas);
  const value = fc.oneof(
    { weight: 5, arbitrary: right },
    { weight: 6, arbitrary: nearly(right) },
    { weight: 1, arbitrary: values.json },
  );
  const plain = fc.oneof(
    { weight: 30, arbitrary: written(value, { outOf: 4 }).map(({ bytes }) => bytes) },
    { weight: 1, arbitrary: noise },
  );
  const body = fc.oneof(
    { weight: 300, arbitrary: encoded(plain) },
    { weight: 1, arbitrary: fc.constant(gzipBomb) },
  );
  return fc.record({ type: types, encoded: body });
}

function typesFor(known: readonly string[]): fc.Arbitrary<string | null> {
  return fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom('application/json', ...known) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        null,
        'application/json; charset=utf-8',
        'application/json;charset=latin1',
        'APPLICATION/JSON',
        'application/json; charset="',
        'text/plain',
        'multipart/form-data; boundary=x',
        'application/x-www-form-urlencoded',
        '/',
        'application/json, application/json',
        `application/${'x'.repeat(4_000)}`,
      ),
    },
  );
}
