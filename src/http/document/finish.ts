/**
 * What the schemas of the routes leave out of the document because it is the same everywhere, or because the framework
 * has no place for it: problems, headers, examples, the parameters and answers that every operation shares.
 */
import type { ProblemCode } from '../errors.js';
import { compose } from './compose.js';
import { REQUEST_EXAMPLES } from './examples.js';
import { HEADERS, headerComponents, headerReferences } from './headers.js';
import { type ApiDocument, type Operation, operationsOf, schemaAt } from './model.js';
import { exampleOf, writeProblems } from './problems.js';

/** Changes the document, which has to be one of its own, and returns it. */
export function finish(document: ApiDocument): ApiDocument {
  const { components } = document;
  writeDiscriminators(components.schemas);
  const responses: Record<string, object> = {};
  const codes = new Set<ProblemCode>();
  for (const { method, operation } of operationsOf(document)) {
    relaxBody(operation);
    for (const code of writeProblems(method, operation, responses)) codes.add(code);
    writeHeaders(operation);
    writeExamples(operation, components.schemas);
    writeParameters(operation);
  }
  Object.assign(components, {
    responses: sorted(responses),
    headers: headerComponents(),
    parameters: { RequestId: REQUEST_ID },
    examples: sorted(Object.fromEntries([...codes].map((code) => [code, exampleOf(code)]))),
  });
  return document;
}

/** Which value stands for which schema. Only here, because the validators take no mapping. */
function writeDiscriminators(schemas: ApiDocument['components']['schemas']): void {
  for (const { discriminator, oneOf = [] } of Object.values(schemas)) {
    if (discriminator === undefined) continue;
    const mapping: Record<string, string> = {};
    for (const { $ref = '' } of oneOf) {
      const target = schemaAt($ref, schemas);
      mapping[String(target?.properties?.[discriminator.propertyName]?.const)] = $ref;
    }
    discriminator.mapping = mapping;
  }
}

const MARK = 'x-body-may-be-empty';
/** For the schemas of routes with a body that nobody has to send: by itself the document says that it is required. */
export const bodyMayBeEmpty = { [MARK]: true };

function relaxBody(operation: Operation): void {
  if (operation.requestBody === undefined || !(MARK in operation)) return;
  operation.requestBody.required = false;
  Reflect.deleteProperty(operation, MARK);
}

function writeHeaders({ responses }: Operation): void {
  for (const response of Object.values(responses)) {
    if ('$ref' in response) continue;
    const names = Object.keys(response.headers ?? {}).filter((name) => name in HEADERS);
    response.headers = headerReferences([...new Set(['X-Request-Id', ...names])]);
  }
}

function writeExamples(
  { operationId = '', requestBody, responses }: Operation,
  schemas: ApiDocument['components']['schemas'],
): void {
  for (const [type, media] of Object.entries(requestBody?.content ?? {})) {
    const examples = REQUEST_EXAMPLES[operationId]?.[type];
    if (examples !== undefined) media.examples = examples;
  }
  for (const response of Object.values(responses)) {
    if ('$ref' in response) continue;
    for (const media of Object.values(response.content ?? {})) {
      if (media.examples !== undefined || media.example !== undefined || media.schema === undefined) continue;
      const example = compose(media.schema, schemas);
      if (example !== undefined) media.example = example;
    }
  }
}

const REQUEST_ID = {
  name: 'X-Request-Id',
  in: 'header',
  description: 'Names the request in our log and in the answer; made when absent, or not fit for a log line.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,64}$' },
  example: '9f2c41d07ae3-1k',
};

function writeParameters(operation: Operation): void {
  for (const parameter of operation.parameters ?? []) {
    if ('in' in parameter && parameter.in === 'header') parameter.name = headerCase(parameter.name);
  }
  operation.parameters = [...(operation.parameters ?? []), { $ref: '#/components/parameters/RequestId' }];
}

/** `idempotency-key`, as the framework wants it, as `Idempotency-Key`. */
function headerCase(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** The order in which routes happen to use them is nothing to build on. */
function sorted(members: Record<string, object>): Record<string, object> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}
