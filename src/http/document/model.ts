/** As much of an OpenAPI 3.1 document as is worked on here. Everything in it is plain JSON. */

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Components;
}

export interface Components {
  readonly schemas: Readonly<Record<string, Schema>>;
  headers?: Record<string, object>;
  parameters?: Record<string, object>;
  examples?: Record<string, object>;
  responses?: Record<string, object>;
}

export interface Operation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  parameters?: (Parameter | Reference)[];
  readonly requestBody?: { required?: boolean; readonly content: Record<string, Media> };
  readonly responses: Record<string, Answer | Reference>;
}

export interface Parameter {
  readonly in: string;
  name: string;
}

export interface Answer {
  readonly description: string;
  headers?: Record<string, object>;
  readonly content?: Readonly<Record<string, Media>>;
}

export interface Media {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, object>;
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly oneOf?: readonly Schema[];
  readonly discriminator?: { readonly propertyName: string; mapping?: Record<string, string> };
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly examples?: readonly unknown[];
}

export interface Reference {
  readonly $ref: string;
}

/** What a reference to a schema leads to. */
export function schemaAt($ref: string, schemas: Readonly<Record<string, Schema>>): Schema | undefined {
  return schemas[$ref.replace('#/components/schemas/', '')];
}

/** Every operation with its method and path, in the order of the document. */
export function operationsOf(
  document: ApiDocument,
): { method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
  );
}
