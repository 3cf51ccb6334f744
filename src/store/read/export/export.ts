import type { Readable } from 'node:stream';
import type pg from 'pg';
import type { UtcTime } from '../../../lib/time.js';
import { ExportsBusyError } from '../errors.js';
import type { CallFilters } from '../filters.js';
import { exportBody } from './body.js';
import type { Column, ExportColumn } from './columns.js';
import { openSnapshot } from './snapshot.js';
import { exportStatements } from './statement.js';

export type { ExportColumn };
export type ExportSubject = 'calls' | 'clicks';
export type ExportFormat = 'csv' | 'ndjson' | 'parquet';

export interface ExportQuestion {
  readonly subject: ExportSubject;
  readonly format: ExportFormat;
  readonly filters: CallFilters;
  /** Only what was received until then; undefined: all that is stored. */
  readonly asOf?: UtcTime | undefined;
}

export interface OpenExport {
  readonly columns: readonly ExportColumn[];
  /** Rows that will come. */
  readonly rows: number;
  /** Of the calls of these rows; null when there are none. */
  readonly firstSentAt: UtcTime | null;
  readonly lastSentAt: UtcTime | null;
  /** Destroying it ends the query. Fails, rather than ends, when not every row came. */
  readonly body: Readable;
}

/** Few at a time: each holds a connection, a thread, and a snapshot that keeps the database from cleaning up. */
export class Exports {
  readonly #bodies = new Set<Readable>();
  #running = 0;
  #isClosed = false;

  /** @param pool has as many connections as there may be exports */
  constructor(private readonly pool: pg.Pool) {}

  /**
   * @param signal ends the opening when nobody waits for it any more
   * @throws ExportsBusyError
   */
  async open(question: ExportQuestion, signal?: AbortSignal): Promise<OpenExport> {
    if (this.#running >= this.pool.options.max) {
      throw new ExportsBusyError(`${this.pool.options.max} exports are running, and no more may run at once`);
    }
    this.#running++;
    try {
      const statements = exportStatements(question);
      const columns = statements.columns.map(described);
      const snapshot = await openSnapshot(this.pool, statements, signal);
      const metadata = metadataOf(question, columns);
      const body = exportBody(snapshot, { format: question.format, columns, metadata });
      this.#bodies.add(body);
      body.once('close', () => {
        this.#bodies.delete(body);
        this.#running--;
      });
      if (this.#isClosed) this.close();
      return { columns, ...snapshot.summary, body };
    } catch (error) {
      this.#running--;
      throw error;
    }
  }

  /** Ends those that are running, and those about to, with an error for their readers. */
  close(): void {
    this.#isClosed = true;
    for (const body of this.#bodies) body.destroy(new Error('the service stops'));
  }
}

function described({ name, type, role, meaning }: Column): ExportColumn {
  return { name, type, role, meaning };
}

/** What a file should tell by itself, apart from its rows; of the question only, so that equal exports are equal files. */
function metadataOf(
  { subject, asOf }: ExportQuestion,
  columns: readonly ExportColumn[],
): Readonly<Record<string, string>> {
  return {
    'call_logger.subject': subject,
    'call_logger.columns': JSON.stringify(columns),
    ...(asOf !== undefined && { 'call_logger.as_of': asOf }),
  };
}
