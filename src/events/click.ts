/** The click: a user pressed a button on a call. */
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { choice, event, idOfCall, impliedType, optional, ownId, statedType, text, time } from './fields.js';

export const CLICK_ACTIONS = ['bet', 'click'] as const;
export type ClickAction = (typeof CLICK_ACTIONS)[number];

const fields = {
  event_id: ownId('8b6b4257-63ab-5eca-8353-34891ccba95d'),
  user_id: optional(text('Who pressed the button. Clicks without a user count as one user each.', 'u166')),
  action: optional(choice(CLICK_ACTIONS, 'bet: the "I BET" button. click: any other. bet when absent.')),
  clicked_at: optional(
    time(
      'When it was pressed; when received, if absent. At most 24 hours in the future.',
      '2025-10-22T05:02:44.024Z',
    ),
  ),
};

const DESCRIPTION = 'A user pressed a button on a call.';

const EXAMPLE = {
  event_id: '8b6b4257-63ab-5eca-8353-34891ccba95d',
  user_id: 'u166',
  action: 'bet',
  clicked_at: '2025-10-22T05:02:44.024Z',
};

/** Body of the route for a click on one call, whose id is in the path. */
export const Click = Type.Object(
  { type: impliedType('click'), call_id: optional(idOfCall()), ...fields },
  event('Click', DESCRIPTION, EXAMPLE),
);
export type Click = Static<typeof Click>;

/** A click among other events. */
export const ClickEvent = Type.Object(
  { type: statedType('click'), call_id: idOfCall(), ...fields },
  event('ClickEvent', DESCRIPTION, { type: 'click', call_id: 'oa-NHL-20251022-cd7d985f34', ...EXAMPLE }),
);
export type ClickEvent = Static<typeof ClickEvent>;
