import { fixtureEvents } from './rows.js';
import { sized } from './sized.js';

const CALL_ID = 'THE-CALL-ID';
const sentAt = new Date().toISOString();

/** The text of call number n, under an id of its own. */
export type BodyOf = (n: number) => string;

/**
 * The fixture's calls over and over, as sent today. They are text, cut where the id goes, so that an id costs two
 * concatenations.
 */
export function callBodies(prefix: string, eventBytes?: number): BodyOf {
  const templates = fixtureEvents()
    .filter((event) => event.type === 'call')
    .map((call) => ({ ...call, call_id: CALL_ID, sent_at: sentAt }))
    .map((call) => JSON.stringify(eventBytes === undefined ? call : sized(call, eventBytes)).split(CALL_ID));
  return (n) => {
    const [head = '', tail = ''] = templates[n % templates.length] ?? [];
    return `${head}${prefix}-${n}${tail}`;
  };
}
