export interface Fingerprinted<Row> {
  readonly row: Row;
  readonly fingerprint: Buffer;
}

/** The rows as the JSON array that the insert statements read, with the fingerprint in hexadecimal as one more field. */
export function toJson(rows: Iterable<Fingerprinted<object>>): string {
  const input: object[] = [];
  for (const { row, fingerprint } of rows) input.push({ ...row, fingerprint: fingerprint.toString('hex') });
  return JSON.stringify(input);
}
