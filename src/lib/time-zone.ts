/**
 * Whether a text is a time zone by its name: `Europe/Paris`, or `UTC`. PostgreSQL takes more than names, and what it
 * makes of the rest would surprise: `+05:30` as POSIX has it, west of Greenwich, and abbreviations such as `CET` or
 * `IST`, which know no summer or mean another place.
 */
export function isTimeZoneName(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return /^(UTC|GMT|[A-Za-z]+\/.+)$/i.test(text);
  } catch {
    return false;
  }
}
