import type { Manifest } from '../../upkeep/backup/manifest.js';

export function backupLines({ id, bytes, sha256, rows }: Manifest, file: string): string[] {
  return [`backup   ${id}`, `file     ${file}`, `bytes    ${bytes}`, `sha256   ${sha256}`, rowsLine(rows)];
}

export function rowsLine(rows: Readonly<Record<string, number>>): string {
  const { calls = 0, clicks = 0, results = 0 } = rows;
  return `rows     ${calls} calls, ${clicks} clicks, ${results} results`;
}
