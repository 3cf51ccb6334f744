import { isJsonObject } from '../../lib/json-value.js';
import { parseUtcTime, type UtcTime } from '../../lib/time.js';
import { readJson } from '../../http/body/json.js';

/** What the summary wants to know of an event. */
export interface Traits {
  readonly isCall: boolean;
  /** Has no id of its own: the service makes one up, a new one each time the line is sent. */
  readonly isAnonymous: boolean;
  /** A call so old that the next cleanup deletes it. */
  readonly isExpired: boolean;
}

const NONE: Traits = { isCall: false, isAnonymous: false, isExpired: false };

/**
 * Looks at a line without judging it: whether it is right is for the service to say.
 *
 * @param keptSince calls sent before are deleted at the next cleanup; null when none are, or nobody knows
 */
export function traitsOf(line: Buffer, keptSince: UtcTime | null): Traits {
  const reading = readJson(line);
  if ('fault' in reading || !isJsonObject(reading.value)) return NONE;
  const { type, call_id, event_id, sent_at } = reading.value;
  if (type === 'click' || type === 'result') return { ...NONE, isAnonymous: isAbsent(event_id) };
  if (type !== 'call') return NONE;
  const sentAt = typeof sent_at === 'string' ? parseUtcTime(sent_at) : undefined;
  return {
    isCall: true,
    isAnonymous: isAbsent(call_id),
    isExpired: keptSince !== null && sentAt !== undefined && sentAt < keptSince,
  };
}

function isAbsent(id: unknown): boolean {
  return id === undefined || id === null;
}
