/** What accept has to know of each type of event, derived from its schema. */
import type { Static, TObject, TProperties } from 'typebox';
import { Compile } from 'typebox/compile';
import { Call } from './call.js';
import { Click } from './click.js';
import type { EventType } from './identity.js';
import { Result } from './result.js';

/** The keywords of JSON Schema that fields are made of. */
export interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly format?: string | undefined;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly items?: FieldSchema;
  readonly uniqueItems?: boolean | undefined;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** How a field is read beyond what its schema checks. */
export type FieldForm = 'plain' | 'type' | 'id' | 'time' | 'date' | 'object';

export interface Field {
  readonly name: string;
  readonly pointer: string;
  readonly form: FieldForm;
  readonly required: boolean;
  /** What `check` demands of the field, null aside. */
  readonly schema: FieldSchema;
  /** `,"name":` as it stands in canonical JSON. */
  readonly label: string;
  /** `{"name":`, where it comes first. */
  readonly firstLabel: string;
}

export interface Kind<Body> {
  readonly type: EventType;
  /** The field that holds the event's own id. */
  readonly ownId: 'call_id' | 'event_id';
  /** Sorted by name, as canonical JSON wants them. */
  readonly fields: readonly Field[];
  readonly names: readonly string[];
  /** The fields in which blank text is absent: ids have an alphabet of their own. */
  readonly optionalTexts: readonly string[];
  /** Whether a value has the shape of this event; times, dates, `raw` and repeated users are not looked at. */
  readonly check: (value: unknown) => value is Body;
}

export const KINDS = {
  call: kind('call', Call),
  click: kind('click', Click),
  result: kind('result', Result),
};

function kind<Properties extends TProperties>(
  type: EventType,
  schema: TObject<Properties>,
): Kind<Static<TObject<Properties>>> {
  const properties: Record<string, FieldSchema> = schema.properties;
  const shapes: Record<string, FieldSchema> = {};
  const fields = Object.keys(properties)
    .sort()
    .map((name): Field => {
      // The form checks these two: its parsers are stricter than any format, and name the item that repeats.
      const shape = { ...properties[name], format: undefined, uniqueItems: undefined };
      shapes[name] = shape;
      return {
        name,
        pointer: `/${name}`,
        form: formOf(name, properties[name] ?? {}),
        // Whatever may be absent may also be null.
        required: properties[name]?.type?.includes('null') !== true,
        schema: shape,
        label: `,${JSON.stringify(name)}:`,
        firstLabel: `{${JSON.stringify(name)}:`,
      };
    });
  const validator = Compile({ ...schema, properties: shapes });
  return {
    type,
    ownId: type === 'call' ? 'call_id' : 'event_id',
    fields,
    names: fields.map((field) => field.name),
    optionalTexts: fields
      .filter(
        ({ required, form, schema }) =>
          !required && form !== 'id' && schema.type?.includes('string') === true,
      )
      .map((field) => field.name),
    // The validator is compiled from the schema that Body is the static type of.
    check: (value): value is Static<TObject<Properties>> => validator.Check(value),
  };
}

function formOf(name: string, schema: FieldSchema): FieldForm {
  if (name === 'type') return 'type';
  if (schema.pattern !== undefined) return 'id';
  if (schema.format === 'date-time') return 'time';
  if (schema.format === 'date') return 'date';
  return schema.type?.includes('object') === true ? 'object' : 'plain';
}
