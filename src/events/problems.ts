/**
 * What can be wrong with an event: every code a sender may meet, with its class and its meaning.
 *
 * 400 is a mistake in one field by itself; 422 is a rule across fields, or against the clock, that the event breaks
 * although each field is fine. Codes are stable: bots may branch on them.
 */
export const PROBLEMS = {
  not_an_object: [400, 'the event is not a JSON object'],
  required: [400, 'a field that must be there is absent or null'],
  blank: [400, 'the text is empty, or nothing but white space and invisible characters'],
  unknown_field: [400, 'no field of this event has this name'],
  wrong_type: [400, 'the value has another JSON type than the field'],
  not_allowed: [400, 'the value is none of those the field can have'],
  out_of_range: [400, 'the number is outside the limits of the field'],
  not_finite: [400, 'the number is too large for an IEEE double'],
  too_long: [400, 'the text has too many characters'],
  too_many: [400, 'the list has too many entries'],
  too_large: [400, 'the object is too many bytes of JSON'],
  too_deep: [400, 'the object is nested too deeply'],
  duplicate_item: [400, 'an entry of the list is there twice'],
  invalid_id: [400, 'the id holds characters an id cannot have, or is too long'],
  invalid_time: [400, 'the text is not an RFC 3339 date-time with offset, to the microsecond at most'],
  invalid_date: [400, 'the text is not a day of the calendar as YYYY-MM-DD'],
  invalid_character: [400, 'the text holds U+0000 or half of a surrogate pair, which cannot be stored'],
  empty_result: [400, 'the result states neither a settlement nor a closing line'],
  more_errors: [400, 'there are more mistakes than are listed'],
  required_for_call_type: [422, 'a call of this type needs the field'],
  invalid_odds: [422, 'no such odds exist in the odds format of the call'],
  expires_before_sent: [422, 'the call expires before it was sent'],
  in_the_future: [422, 'the time is more than 24 hours after the event was received'],
  id_mismatch: [422, 'the ids given for this event in body, path, Idempotency-Key and CloudEvent differ'],
  count_mismatch: [422, 'the number of users differs from the length of the list of users'],
} as const satisfies Record<string, readonly [400 | 422, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One mistake in an event. */
export interface FieldError {
  /** JSON pointer (RFC 6901) to the field; '' is the whole event. */
  readonly pointer: string;
  readonly code: ProblemCode;
  /** For the developer of the bot: what was expected and what came. */
  readonly message: string;
}
