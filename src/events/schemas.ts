/**
 * The events as JSON Schema: the one source of their types, their validation and their documentation.
 *
 * Each comes in two forms. `Call`, `Click` and `Result` are bodies of the routes for one event, where the path
 * implies `type` and may carry `call_id`. `CallEvent`, `ClickEvent` and `ResultEvent` stand in batches, where `type`
 * tells them apart and `call_id` is the only link to the call. Rules across fields are in rules.ts; the descriptions
 * tell them.
 */
import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import { Call, CallEvent } from './call.js';
import { Click, ClickEvent } from './click.js';
import { Result, ResultEvent } from './result.js';

export { Call, CallEvent, Click, ClickEvent, Result, ResultEvent };

/** One event of a batch, told by its `type`. References the three event schemas by their `$id`. */
export const Event = Type.Unsafe<CallEvent | ClickEvent | ResultEvent>({
  $id: 'Event',
  description: 'A call, click or result, told by its type.',
  type: 'object',
  discriminator: { propertyName: 'type' },
  oneOf: [{ $ref: 'CallEvent#' }, { $ref: 'ClickEvent#' }, { $ref: 'ResultEvent#' }],
});
export type Event = Static<typeof Event>;

/** Every schema with an `$id`, in the order in which they may be registered. */
export const EVENT_SCHEMAS: readonly TSchema[] = [
  Call,
  Click,
  Result,
  CallEvent,
  ClickEvent,
  ResultEvent,
  Event,
];
