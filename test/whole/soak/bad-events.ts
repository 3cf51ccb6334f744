import type { Body } from '../../helpers/events.js';
import type { Random } from './random.js';

type Spoil = (body: Body) => Body;

const anyEvent: readonly Spoil[] = [
  (body) => ({ ...body, bookmaker: 'bet365' }),
  (body) => ({ ...body, call_id: 7 }),
];

const spoils: Readonly<Record<string, readonly Spoil[]>> = {
  call: [
    ...anyEvent,
    (body) => ({ ...body, call_id: 'with space' }),
    (body) => ({ ...body, odds_a: '110' }),
    (body) => ({ ...body, odds_a: 0.5 }),
    (body) => ({ ...body, roi_percent: 1e10 }),
    (body) => ({ ...body, book_a: null }),
    (body) => ({ ...body, team_a: 'nul \u0000' }),
    (body) => ({ ...body, league: 'x'.repeat(257) }),
    (body) => ({ ...body, sent_at: '2999-01-01T00:00:00Z' }),
    (body) => ({ ...body, raw: { text: 'x'.repeat(33_000) } }),
  ],
  click: [...anyEvent, (body) => ({ ...body, clicked_at: '2025-02-30T00:00:00Z' })],
  result: [
    ...anyEvent,
    ({ type, call_id, event_id }) => ({ type, call_id, event_id }),
    (body) => ({ ...body, outcome: 'won' }),
    (body) => ({ ...body, closing_line_a: -50 }),
  ],
};

/** The event with a mistake in it, under ids that nothing good ever has. */
export function spoiled(random: Random, body: Body, number: number): Body {
  const callId = `bad-${number}`;
  const own = body['type'] === 'call' ? {} : { event_id: `${callId}-e` };
  const spoil = random.pick(spoils[String(body['type'])] ?? anyEvent);
  return spoil({ ...body, ...own, call_id: callId });
}
