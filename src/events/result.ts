/** The result: what came of a call, in two parts that are replaced apart from each other. */
import { Type } from 'typebox';
import type { Static } from 'typebox';
import {
  choice,
  closingLine,
  event,
  idOfCall,
  impliedType,
  number,
  optional,
  ownId,
  statedType,
  time,
} from './fields.js';

export const OUTCOMES = ['a_won', 'b_won', 'both_won', 'push', 'void', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const LINE_MOVEMENT_SPEEDS = ['fast', 'normal', 'slow'] as const;
export type LineMovementSpeed = (typeof LINE_MOVEMENT_SPEEDS)[number];

/** A result carries a part when one of the part's fields is there. */
export const SETTLEMENT_FIELDS = ['outcome', 'profit_actual'] as const;
export const CLOSING_FIELDS = [
  'closing_line_a',
  'closing_line_b',
  'clv_a',
  'clv_b',
  'line_movement_speed',
  'closed_at',
] as const;

const fields = {
  event_id: ownId('1b2332b6-66bc-57c6-8c2d-adb89a49d89d'),
  outcome: optional(
    choice(OUTCOMES, 'Settlement: which side won. A correction states outcome and profit_actual again.'),
  ),
  profit_actual: optional(number('Settlement: profit over all stakes, in their currency.', 0.79, -750)),
  closing_line_a: optional(
    closingLine("Closing: last price at book_a, in the call's odds format.", -125, 2.1),
  ),
  closing_line_b: optional(
    closingLine("Closing: last price at book_b, in the call's odds format.", -120, 1.87),
  ),
  clv_a: optional(
    number('Closing: closing line value of side a in percent; computed from the lines when absent.', 1.7391),
  ),
  clv_b: optional(number('Closing: closing line value of side b in percent, like clv_a.', -0.5348)),
  line_movement_speed: optional(choice(LINE_MOVEMENT_SPEEDS, 'Closing: how fast the price moved.')),
  closed_at: optional(time('Closing: when the opportunity was seen gone.', '2025-10-22T05:19:03Z')),
  settled_at: optional(
    time(
      'When this became known; when received, if absent. Of each part (settlement, closing) the latest counts as a whole. At most 24 hours in the future.',
      '2025-10-23T03:10:00Z',
    ),
  ),
};

const DESCRIPTION =
  'What came of a call: a settlement (outcome, profit_actual), a closing (all other fields but settled_at), or both. At least one field of a part is required.';

const EXAMPLE = {
  event_id: '1b2332b6-66bc-57c6-8c2d-adb89a49d89d',
  outcome: 'a_won',
  profit_actual: -68.24,
  closing_line_a: -125,
  closing_line_b: -120,
  settled_at: '2025-10-23T03:10:00Z',
};

/** Body of the route for the result of one call, whose id is in the path. */
export const Result = Type.Object(
  { type: impliedType('result'), call_id: optional(idOfCall()), ...fields },
  event('Result', DESCRIPTION, EXAMPLE),
);
export type Result = Static<typeof Result>;

/** A result among other events. */
export const ResultEvent = Type.Object(
  { type: statedType('result'), call_id: idOfCall(), ...fields },
  event('ResultEvent', DESCRIPTION, { type: 'result', call_id: 'oa-NHL-20251022-cd7d985f34', ...EXAMPLE }),
);
export type ResultEvent = Static<typeof ResultEvent>;
