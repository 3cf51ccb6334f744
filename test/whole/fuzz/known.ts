/** What answers tell that later requests can use: ids and cursors that are really there. And the keys. */
import { isJsonObject } from '../../../src/lib/json-value.js';
import type { Answer } from './answers.js';

/** The limit of admin requests is per key, and not what is looked at here. */
const ADMIN_KEYS = 64;
const secretOf = (name: string): string => `${name}-secret-of-sixteen`;

export const KEYS = {
  INGEST_KEYS: `bot:${secretOf('ingest')}`,
  READ_KEYS: `analyst:${secretOf('read')}`,
  ADMIN_KEYS: Array.from({ length: ADMIN_KEYS }, (_, n) => `operator${n}:${secretOf(`admin-${n}`)}`).join(
    ',',
  ),
};

export class Known {
  #asked = 0;
  readonly #latest = new Map<string, string>();

  /** @param operation cursors are of its list */
  value(name: string, operation = ''): string {
    if (name === 'admin') return secretOf(`admin-${this.#asked++ % ADMIN_KEYS}`);
    if (name === 'read' || name === 'ingest') return secretOf(name);
    return this.#latest.get(name === 'cursor' ? `cursor ${operation}` : name) ?? 'none';
  }

  learn(operation: string, { status, headers, body }: Answer): void {
    const exported = headers['x-export-id'];
    if (exported !== undefined) this.#latest.set('export', exported);
    if (status !== 200 && status !== 202) return;
    if (
      headers['content-type']?.startsWith('application/json') !== true ||
      body.length === 0 ||
      body.length > 1e6
    )
      return;
    const answer: unknown = JSON.parse(body.toString());
    if (!isJsonObject(answer)) return;
    if (typeof answer['next_cursor'] === 'string')
      this.#latest.set(`cursor ${operation}`, answer['next_cursor']);
    this.#learnId('backup', answer['backups']);
    this.#learnId('letter', answer['dead_letters']);
    if (typeof answer['call_id'] === 'string')
      this.#latest.set('call', encodeURIComponent(answer['call_id']));
  }

  #learnId(name: string, list: unknown): void {
    const first: unknown = Array.isArray(list) ? list[0] : undefined;
    if (isJsonObject(first) && typeof first['id'] === 'string')
      this.#latest.set(name, encodeURIComponent(first['id']));
  }
}
