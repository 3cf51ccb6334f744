const KIB = 1024;
const MIB = 1024 * KIB;

/** For people: `12.3 MiB`, and below one `0.5 KiB`. */
export function bytesInWords(bytes: number): string {
  return bytes < MIB ? `${(bytes / KIB).toFixed(1)} KiB` : `${(bytes / MIB).toFixed(1)} MiB`;
}
