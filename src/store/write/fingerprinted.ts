export interface Fingerprinted<Row> {
  readonly row: Row;
  readonly fingerprint: Buffer;
}

/** The rows as the JSON array that the insert statements read, with the fingerprint in hexadecimal as one more field. */
export function toJson(rows: Iterable<Fingerprinted<object>>): string {
  const items: string[] = [];
  // Text is joined rather than objects copied: rows have 27 fields, and this runs for every event.
  for (const { row, fingerprint } of rows) {
    items.push(`${JSON.stringify(row).slice(0, -1)},"fingerprint":"${fingerprint.toString('hex')}"}`);
  }
  return `[${items.join(',')}]`;
}
