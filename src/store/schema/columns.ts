import { customType } from 'drizzle-orm/pg-core';
import { fromPgTimestamp } from '../timestamps.js';

/** An id: compared byte by byte, whatever the database's locale, so that order and equality are those of the door. */
export const id = customType<{ data: string; driverData: string }>({
  dataType: () => 'text collate "C"',
});

export const bytea = customType<{ data: Buffer; driverData: Buffer }>({
  dataType: () => 'bytea',
});

/** A point in time, kept to the microsecond and read as RFC 3339 text: a `Date` would cut it to milliseconds. */
export const instant = customType<{ data: string; driverData: string }>({
  dataType: () => 'timestamp (6) with time zone',
  fromDriver: fromPgTimestamp,
});
