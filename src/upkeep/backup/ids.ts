import { randomBytes } from 'node:crypto';
import { utcTimeFromMs, type UtcTime } from '../../lib/time.js';

const ID = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-[0-9a-f]{8}$/;

/** `20261120T181500Z-5f0c9a1e`: sorts by time, is safe as a file name, and differs between runs of one second. */
export function newBackupId(nowMs: number): string {
  const second = utcTimeFromMs(nowMs).slice(0, 19).replace(/[-:]/g, '');
  return `${second}Z-${randomBytes(4).toString('hex')}`;
}

/** To be asked before an id from elsewhere becomes part of a path. */
export function isBackupId(text: string): boolean {
  return ID.test(text);
}

/** When the backup was begun, to the second. */
export function timeOfBackupId(id: string): UtcTime {
  return id.replace(ID, '$1-$2-$3T$4:$5:$6.000000Z');
}
