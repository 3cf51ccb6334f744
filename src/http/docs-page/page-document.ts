import { isJsonObject, type JsonObject } from '../../lib/json-value.js';

/**
 * The document as the page needs it, made once. The page fills the examples of parameters into the form: of those that
 * nobody has to give, that would make a question of twenty filters, to which there is no answer. There they are told
 * in words. Without servers, requests go to where the page came from, whatever name or proxy that was.
 */
export function documentForPage(): (document: JsonObject) => Record<string, unknown> {
  let made: Record<string, unknown> | undefined;
  return (document) =>
    (made ??= { ...document, servers: undefined, paths: withExamplesInWords(document['paths']) });
}

function withExamplesInWords(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withExamplesInWords);
  if (!isJsonObject(node)) return node;
  if (isOptionalParameter(node)) return inWords(node);
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, withExamplesInWords(value)]));
}

function inWords({ example, examples, ...parameter }: JsonObject): JsonObject {
  const told = isJsonObject(examples) ? Object.keys(examples) : [];
  if (example !== undefined) told.push(JSON.stringify(example).replace(/^"|"$/g, ''));
  if (told.length === 0) return parameter;
  const description = typeof parameter['description'] === 'string' ? `${parameter['description']} ` : '';
  const list = told.map((one) => `\`${one}\``).join(', ');
  return { ...parameter, description: `${description}For example: ${list}.` };
}

function isOptionalParameter(node: JsonObject): boolean {
  return 'in' in node && 'name' in node && 'schema' in node && node['required'] !== true;
}
