import { MANIFESTS_KEPT } from '../../limits.js';
import type { ExportManifest } from '../../schemas/exports.js';

/** The manifests of the last exports, oldest first; those that still run are kept in any case. */
export class Manifests {
  readonly #byId = new Map<string, ExportManifest>();

  /** A manifest with the same id is replaced. */
  keep(manifest: ExportManifest): void {
    this.#byId.set(manifest.id, manifest);
    if (this.#byId.size <= MANIFESTS_KEPT) return;
    for (const { id, state } of this.#byId.values()) {
      if (state === 'running') continue;
      this.#byId.delete(id);
      return;
    }
  }

  get(id: string): ExportManifest | undefined {
    return this.#byId.get(id);
  }
}
