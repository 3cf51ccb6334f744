/** Records read back whole: the row as an object, as it was before it became a line of COPY. */
import { CorruptRecordError, readRecord } from '../../src/events/record.js';
import { columnsOfLine } from '../../src/events/row-text.js';
import type { StoredEvent } from '../../src/events/rows.js';

export interface DecodedRecord {
  readonly event: StoredEvent;
  readonly fingerprint: Buffer;
  readonly payload: Buffer;
  readonly receivedAt: string;
  readonly source: string | null;
  readonly replays: number;
}

const NUMBERS = /^(odds|stake|closing_line|clv)_[ab]$|^(roi_percent|total_stake|profit_\w+|users_notified)$/;

/** @throws CorruptRecordError */
export function decodeRecord(bytes: Uint8Array): DecodedRecord {
  const record = readRecord(Buffer.from(bytes));
  const { type, fingerprint, payload } = record;
  const columns = Object.entries(columnsOfLine(type, record.row)).filter(([name]) => name !== 'fingerprint');
  const row = Object.fromEntries(
    columns.map(([name, text]) => [name, text === null ? null : valueOf(name, text)]),
  );
  // The columns of the line are those of the row of this type.
  return { event: { type, row } as unknown as StoredEvent, fingerprint, payload, ...record.provenance };
}

function valueOf(name: string, text: string): unknown {
  if (NUMBERS.test(name)) return Number(text);
  if (name.startsWith('has_')) return text === 'true';
  return name === 'notified_user_ids' ? elementsOf(text) : text;
}

/** Of an array of PostgreSQL in which every element is quoted. */
function elementsOf(array: string): string[] {
  return [...array.matchAll(/"((?:[^"\\]|\\[^])*)"/g)].map(([, element = '']) =>
    element.replace(/\\([^])/g, '$1'),
  );
}

export { CorruptRecordError };
