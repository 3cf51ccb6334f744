/**
 * What can be told about one call: the call, its clicks and its results, each perhaps also told otherwise by somebody
 * (a conflict). A scene is made from seed, day and number alone, so nobody has to keep it: the audit makes it again.
 */
import { type FixtureEvent, fixtureEvents } from '../../bench/rows.js';
import type { Body } from '../../helpers/events.js';
import { Random } from './random.js';

/** An event under its identity. */
export interface PlannedEvent {
  readonly type: FixtureEvent['type'];
  readonly callId: string;
  /** The call's own id for a call. */
  readonly eventId: string;
  /** What is said under this identity, each a whole event; with more than one of them there is a conflict. */
  readonly variants: readonly [Body, ...Body[]];
}

export interface Scene {
  readonly callId: string;
  /**
   * The call was sent before what is kept, and the run makes it received then too (see upkeep.ts): the cleanup may take
   * it, with all that belongs to it, at any time. Others were sent as long ago, and have to stay: they came today.
   */
  readonly isOld: boolean;
  readonly events: readonly PlannedEvent[];
}

export interface Script {
  readonly seed: string;
  /** Midnight at the begin of the run, in ms since 1970: the scenes play in the three weeks before it. */
  readonly dayMs: number;
}

const DAY_S = 24 * 60 * 60;
/** Old calls were sent so long ago at least, and no others. */
export const OLD_DAYS = 800;
/** Default of RETENTION_DAYS, and some. */
const IMPORTED_DAYS = 400;
const RECENT_S = 20 * DAY_S;

const fixture = fixtureEvents();
const realCalls: readonly Body[] = fixture
  .filter(({ type }) => type === 'call')
  .map((event) => ({ ...event }));

export function sceneOf(script: Script, number: number): Scene {
  const random = new Random(script.seed, 'scene', number);
  const callId = `s-${number}`;
  const isOld = random.chance(0.03);
  const agoDays = isOld ? OLD_DAYS : random.chance(0.03) ? IMPORTED_DAYS : 0;
  const agoS = random.integer(0, RECENT_S) + agoDays * DAY_S;
  const clock = new SceneClock(random, script.dayMs - agoS * 1000);
  const call = callBody(random, clock, callId);
  const events = [planned('call', callId, callId, call, random, retoldCall)];
  for (let n = 0, clicks = random.integer(0, 6); n < clicks; n++) {
    const eventId = `${callId}-k${n}`;
    const body = clickBody(random, clock, callId, eventId);
    events.push(planned('click', callId, eventId, body, random, retoldClick));
  }
  for (let n = 0, results = random.integer(0, 3); n < results; n++) {
    const eventId = `${callId}-r${n}`;
    const body = resultBody(random, clock, call, eventId);
    events.push(planned('result', callId, eventId, body, random, retoldResult));
  }
  return { callId, isOld, events };
}

function planned(
  type: FixtureEvent['type'],
  callId: string,
  eventId: string,
  body: Body,
  random: Random,
  retold: (body: Body) => Body,
): PlannedEvent {
  const variants: [Body, ...Body[]] = random.chance(0.06) ? [body, retold(body)] : [body];
  return { type, callId, eventId, variants };
}

/** Times of a scene: from its begin on, some to the microsecond. */
class SceneClock {
  constructor(
    private readonly random: Random,
    private readonly beginMs: number,
  ) {}

  after(seconds: number): string {
    const text = new Date(this.beginMs + seconds * 1000).toISOString().slice(0, 19);
    return this.random.chance(0.3)
      ? `${text}Z`
      : `${text}.${String(this.random.integer(0, 999_999)).padStart(6, '0')}Z`;
  }
}

function callBody(random: Random, clock: SceneClock, callId: string): Body {
  const users = Array.from({ length: random.integer(1, 12) }, (_, n) => `u${n}`);
  return {
    ...random.pick(realCalls),
    type: 'call',
    call_id: callId,
    sent_at: clock.after(0),
    ...(random.chance(0.3) && { expires_at: clock.after(1_800) }),
    ...(random.chance(0.3) && { users_notified: null, notified_user_ids: users }),
    ...(random.chance(0.3) && { raw: rawOf(random) }),
  };
}

function rawOf(random: Random): Body {
  return {
    alert: random.integer(0, 1e9),
    text: 'Montréal “½” \\ \u{1f600} '.repeat(random.integer(1, 40)),
    nested: { list: [1.5, null, true, 'x'], empty: {} },
  };
}

function clickBody(random: Random, clock: SceneClock, callId: string, eventId: string): Body {
  return {
    type: 'click',
    call_id: callId,
    event_id: eventId,
    ...(random.chance(0.9) && { user_id: `u${random.integer(0, 3)}` }),
    ...(random.chance(0.7) && { action: random.pick(['bet', 'click']) }),
    clicked_at: clock.after(random.integer(1, 3_600)),
  };
}

const OUTCOMES = ['a_won', 'b_won', 'both_won', 'push', 'void', 'unknown'] as const;

function resultBody(random: Random, clock: SceneClock, call: Body, eventId: string): Body {
  const part = random.pick(['settlement', 'closing', 'both']);
  const settlement = { outcome: random.pick(OUTCOMES), profit_actual: random.integer(-9_999, 9_999) / 100 };
  const closing = {
    closing_line_a: closingLine(random, call['odds_a']),
    closing_line_b: closingLine(random, call['odds_b']),
    clv_a: random.chance(0.2) ? random.integer(-500, 500) / 100 : null,
    line_movement_speed: random.pick(['fast', 'normal', 'slow']),
    closed_at: clock.after(random.integer(1, 7_200)),
  };
  return {
    type: 'result',
    call_id: call['call_id'],
    event_id: eventId,
    // Few times, so that some corrections come at the same moment, and the event id decides.
    settled_at: clock.after(7_200 + 60 * random.integer(0, 2)),
    ...(part !== 'closing' && settlement),
    ...(part !== 'settlement' && closing),
  };
}

/** A price near that of the call, in its format. */
function closingLine(random: Random, odds: unknown): number | null {
  if (typeof odds !== 'number' || random.chance(0.1)) return null;
  if (Math.abs(odds) >= 100) return odds;
  return Math.max(1.01, Math.round(odds * random.integer(80, 120)) / 100);
}

// Each contradicts what it retells in a field that is always there.

function retoldCall(body: Body): Body {
  return { ...body, roi_percent: Number(body['roi_percent']) + 1, raw: { retold: true } };
}

function retoldClick(body: Body): Body {
  return { ...body, user_id: 'u9', action: 'bet', clicked_at: anotherTime(body['clicked_at']) };
}

function retoldResult(body: Body): Body {
  const settledAt = anotherTime(body['settled_at']);
  return { ...body, outcome: 'void', profit_actual: 10_000, settled_at: settledAt };
}

/** Of the same day. */
function anotherTime(time: unknown): string {
  return `${String(time).slice(0, 10)}T00:00:00.000001Z`;
}
