import type { JsonObject } from '../lib/json-value.js';
import { isJsonObject } from '../lib/json-value.js';
import { isCalendarDate, parseUtcTime } from '../lib/time.js';
import type { UtcTime } from '../lib/time.js';

/** The bytes are no record of an accepted event: damaged, or written by something else. */
export class CorruptRecordError extends Error {
  override readonly name = 'CorruptRecordError';
}

/**
 * The fields of an object read back from a record, by type; absent and null are null. The event was judged before it
 * was recorded, so whatever has another type than asked for is a CorruptRecordError.
 */
export class RowSource {
  readonly #name: string;
  readonly #object: JsonObject;

  constructor(name: string, object: JsonObject) {
    this.#name = name;
    this.#object = object;
  }

  /** @throws CorruptRecordError when the text is no JSON object. */
  static parse(name: string, json: string): RowSource {
    let value: unknown;
    try {
      // A byte order mark is no part of JSON, but of what some senders send.
      value = JSON.parse(json.startsWith('\ufeff') ? json.slice(1) : json);
    } catch {
      throw new CorruptRecordError(`the ${name} is no JSON`);
    }
    if (!isJsonObject(value)) throw new CorruptRecordError(`the ${name} is no JSON object`);
    return new RowSource(name, value);
  }

  /** The value, which an accepted event always has. */
  required<Value>(field: string, value: Value | null): Value {
    return value ?? this.#refuse(field);
  }

  text(field: string): string | null {
    const value = this.#object[field] ?? null;
    return value === null || typeof value === 'string' ? value : this.#refuse(field);
  }

  number(field: string): number | null {
    const value = this.#object[field] ?? null;
    if (value === null) return null;
    if (typeof value !== 'number' || !Number.isFinite(value)) return this.#refuse(field);
    // -0 and 0 are one number to those who send it and those who store it.
    return value === 0 ? 0 : value;
  }

  choice<Value extends string>(field: string, values: readonly Value[]): Value | null {
    const value = this.text(field);
    return value === null ? null : (values.find((known) => known === value) ?? this.#refuse(field));
  }

  time(field: string): UtcTime | null {
    const value = this.text(field);
    return value === null ? null : (parseUtcTime(value) ?? this.#refuse(field));
  }

  date(field: string): string | null {
    const value = this.text(field);
    return value === null || isCalendarDate(value) ? value : this.#refuse(field);
  }

  texts(field: string): readonly string[] | null {
    const value = this.#object[field] ?? null;
    if (value === null) return null;
    if (!Array.isArray(value)) return this.#refuse(field);
    const items: readonly unknown[] = value;
    return items.every((item) => typeof item === 'string') ? items : this.#refuse(field);
  }

  /** An object as JSON text, its names in JavaScript's order: whole numbers first, the others as they were sent. */
  json(field: string): string | null {
    const value = this.#object[field] ?? null;
    if (value === null) return null;
    if (!isJsonObject(value)) return this.#refuse(field);
    try {
      return JSON.stringify(value);
    } catch {
      // Nested so deeply that the stack ends: never accepted.
      return this.#refuse(field);
    }
  }

  #refuse(field: string): never {
    throw new CorruptRecordError(`${field} of the ${this.#name} is not what was accepted`);
  }
}

/** The fields of an event that has just been judged: its times and dates have been read already. */
export class JudgedSource extends RowSource {
  readonly #times: ReadonlyMap<string, UtcTime>;

  /** @param times in UTC, by field */
  constructor(name: string, object: JsonObject, times: ReadonlyMap<string, UtcTime>) {
    super(name, object);
    this.#times = times;
  }

  override time(field: string): UtcTime | null {
    return this.#times.get(field) ?? null;
  }

  override date(field: string): string | null {
    return this.text(field);
  }
}
