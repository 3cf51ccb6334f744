/** What requests look like, with odds that bookmakers really offered. */

const arbitrage = {
  call_id: 'td-ATP-20170102-28f779800f',
  call_type: 'arbitrage',
  sport: 'tennis',
  league: 'ATP',
  team_a: 'Almagro N.',
  team_b: 'Lorenzi P.',
  match_date: '2017-01-02',
  market: 'match_winner',
  book_a: 'Ladbrokes',
  book_b: 'Pinnacle',
  odds_a: 1.8,
  odds_b: 2.33,
  odds_format: 'decimal',
  stake_a: 423.12,
  stake_b: 326.88,
  profit_expected: 11.62,
  roi_percent: 1.5496,
  sent_at: '2017-01-01T03:56:27Z',
  users_notified: 12,
  source: 'tennis-data',
};

const middle = {
  call_id: 'oa-NHL-20251022-cd7d985f34',
  call_type: 'middle',
  sport: 'icehockey',
  league: 'NHL',
  team_a: 'Calgary Flames',
  team_b: 'Montréal Canadiens',
  match_date: '2025-10-22',
  commence_time: '2025-10-23T00:30:00Z',
  market: 'total_5.5/6',
  book_a: 'Caesars',
  book_b: 'BetMGM',
  odds_a: -130,
  odds_b: -115,
  stake_a: 385.34,
  stake_b: 364.66,
  profit_expected: -68.24,
  roi_percent: -9.0993,
  sent_at: '2025-10-22T05:01:19Z',
  expires_at: '2025-10-22T05:31:19Z',
  notified_user_ids: ['u166', 'u395', 'u346'],
  raw: { alert_message_id: 48213 },
};

const goodEv = {
  call_id: 'td-ATP-20170102-74a5a74168',
  call_type: 'good_ev',
  sport: 'tennis',
  league: 'ATP',
  team_a: 'Djokovic N.',
  team_b: 'Struff J.L.',
  match_date: '2017-01-02',
  market: 'match_winner_b',
  book_a: 'bet365',
  odds_a: 15,
  odds_format: 'decimal',
  stake_a: 750,
  profit_expected: 20.75,
  roi_percent: 2.7668,
  sent_at: '2016-12-31T16:45:06Z',
  users_notified: 53,
};

const bet = {
  event_id: '8b6b4257-63ab-5eca-8353-34891ccba95d',
  user_id: 'u166',
  action: 'bet',
  clicked_at: '2025-10-22T05:01:36.945Z',
};

const settlement = {
  event_id: '4e96e4f1-69fd-5637-b583-0508748f7cb1',
  outcome: 'b_won',
  profit_actual: -68.24,
  settled_at: '2025-10-23T02:30:00Z',
};

const closing = {
  event_id: '1b2332b6-66bc-57c6-8c2d-adb89a49d89d',
  closing_line_a: -125,
  closing_line_b: -120,
  line_movement_speed: 'normal',
  closed_at: '2025-10-22T05:19:40Z',
  settled_at: '2025-10-22T05:19:41Z',
};

const { call_id } = middle;
const batch = [
  { type: 'call', ...middle },
  { type: 'click', call_id, ...bet },
  { type: 'result', call_id, ...settlement },
];

const named = (summary: string, value: unknown): object => ({ summary, value });

/** By the id of the operation and the media type of the body. */
export const REQUEST_EXAMPLES: Readonly<Record<string, Readonly<Record<string, Record<string, object>>>>> = {
  sendCall: {
    'application/json': {
      arbitrage: named('An arbitrage, in decimal odds', arbitrage),
      middle: named('A middle, in American odds', middle),
      good_ev: named('A good_ev bet: one side only', goodEv),
    },
  },
  sendClick: {
    'application/json': {
      bet: named('A user pressed "I BET"', bet),
      click: named('Another button', { ...bet, action: 'click' }),
    },
  },
  sendResult: {
    'application/json': {
      settlement: named('Who won, and what it made', settlement),
      closing: named('The last prices before the start', closing),
    },
  },
  sendEvents: {
    'application/json': {
      list: named('A call with a click and a result', batch),
      object: named('The same as an object', { events: batch }),
      single: named('One event', batch[0]),
    },
    'application/x-ndjson': {
      lines: named('One event per line', batch.map((event) => `${JSON.stringify(event)}\n`).join('')),
    },
  },
  flush: { 'application/json': { patient: named('Wait a minute', { timeout_s: 60 }) } },
  cleanUp: {
    'application/json': { dry: named('Count calls older than a year', { days_to_keep: 365, dry_run: true }) },
  },
};
