import { utcTimeFromMs, type UtcTime } from '../../../lib/time.js';
import { uuidV7 } from '../../../lib/uuid.js';
import type { ExportQuestion, OpenExport } from '../../../store/read/export/export.js';
import { utcNow } from '../../clock.js';
import type { StatusSource } from '../../deps.js';
import type { ExportManifest } from '../../schemas/exports.js';
import type { Delivery, Interruption } from './deliver.js';

export function newManifest(
  question: ExportQuestion,
  opened: OpenExport,
  oldestSpooledAt: UtcTime | null,
): ExportManifest {
  const { subject, format, filters, asOf } = question;
  const createdAt = utcNow();
  return {
    id: uuidV7(),
    state: 'running',
    error: null,
    subject,
    format,
    file_name: `call-logger-${subject}-${stamp(asOf ?? createdAt)}.${format}`,
    created_at: createdAt,
    finished_at: null,
    as_of: asOf ?? null,
    filters,
    rows: opened.rows,
    bytes: null,
    sha256: null,
    first_sent_at: opened.firstSentAt,
    last_sent_at: opened.lastSentAt,
    oldest_spooled_at: oldestSpooledAt,
    columns: [...opened.columns],
  };
}

export function finished(manifest: ExportManifest, delivery: Delivery): ExportManifest {
  const finished_at = utcNow();
  if (!delivery.whole) return { ...manifest, state: 'failed', error: inWords[delivery.reason], finished_at };
  const { bytes, sha256 } = delivery;
  return { ...manifest, state: 'complete', bytes, sha256, finished_at };
}

/** When the oldest event was set down that is still on the spool; null when there is none. */
export async function oldestSpooledAt(status: StatusSource): Promise<UtcTime | null> {
  const { oldest_age_s } = (await status.status()).spool;
  return oldest_age_s === null ? null : utcTimeFromMs(Date.now() - oldest_age_s * 1000);
}

const inWords: Record<Interruption, string> = {
  client_gone: 'the client closed the connection',
  client_stalled: 'the client stopped reading',
  source_failed: 'the rows could not be read to their end',
};

/** `20251023T000000Z`, which any file system takes. */
function stamp(time: UtcTime): string {
  return `${time.slice(0, 19).replace(/[-:]/g, '')}Z`;
}
