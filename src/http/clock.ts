import { type UtcTime, utcTimeFromMs } from '../lib/time.js';

let lastMs = Number.NaN;
let lastText: UtcTime = '';

/** The time now; the text is made once per millisecond, however many events arrive in it. */
export function utcNow(): UtcTime {
  const nowMs = Date.now();
  if (nowMs !== lastMs) {
    lastMs = nowMs;
    lastText = utcTimeFromMs(nowMs);
  }
  return lastText;
}
