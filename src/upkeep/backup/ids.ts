import { randomBytes } from 'node:crypto';
import { utcTimeFromMs, type UtcTime } from '../../lib/time.js';

const ID = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-[0-9a-f]{8}$/;

/**
 * `20261120T181500Z-0c89a1e5`: sorts by time, is safe as a file name, and differs between runs. Of the eight digits the
 * first three are the milliseconds, the others random.
 */
export function newBackupId(nowMs: number): string {
  const second = utcTimeFromMs(nowMs).slice(0, 19).replace(/[-:]/g, '');
  const ms = (nowMs % 1_000).toString(16).padStart(3, '0');
  return `${second}Z-${ms}${randomBytes(3).toString('hex').slice(1)}`;
}

/** To be asked before an id from elsewhere becomes part of a path. */
export function isBackupId(text: string): boolean {
  return ID.test(text);
}

/** When the backup was begun, to the second. */
export function timeOfBackupId(id: string): UtcTime {
  return id.replace(ID, '$1-$2-$3T$4:$5:$6.000000Z');
}
