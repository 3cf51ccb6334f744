import { messageOf } from '../lib/errors.js';
import type { Ages } from './ages.js';
import { isOutOfRoom } from './errors.js';
import { rewrite, writeAll } from './files.js';
import type { SpoolFile, SpoolFiles } from './files.js';
import { encodeSeal, HEADER_BYTES, SEAL_BYTES } from './header.js';
import type { SegmentHeader } from './header.js';
import { newIdentity, readIdentity, writeIdentity } from './identity.js';
import type { Identity } from './identity.js';
import { inspect, OPENING_ATTEMPTS, patiently } from './inspection.js';
import type { Found } from './inspection.js';
import { SegmentScanner } from './scanner.js';
import { baseOfName, MAX_SEGMENT_RECORDS, Segment } from './segment.js';
import { Segments } from './segments.js';
import { segmentSource } from './source.js';
import type { OnFault } from './types.js';

export interface Recovered {
  readonly identity: Identity;
  readonly segments: Segments;
  /** Where the first segment of this opening begins. */
  readonly nextBase: number;
}

interface Surroundings {
  readonly files: SpoolFiles;
  readonly directory: string;
  readonly clock: () => number;
  readonly onFault: OnFault;
  readonly ages: Ages;
}

/** Finds out what the directory holds, by the rules at the head of spool.ts; writes nothing but cuts, seals and spool.json. */
export async function recover(around: Surroundings): Promise<Recovered> {
  const names = await around.files.list(around.directory);
  const bases = basesOf(names, '.seg');
  const found: Found[] = [];
  for (const base of bases) found.push(await inspect(around.files, around.directory, base));
  await removeUnborn(around, found);
  // The process before us may not have lived to do it, and what is read now (an id, for one) must not change any more.
  await around.files.syncDirectory(around.directory);
  const newestBase = Math.max(...bases, ...basesOf(names, '.bad'));
  const nextBase = Number.isFinite(newestBase) ? newestBase + MAX_SEGMENT_RECORDS : 1;
  if (!Number.isSafeInteger(nextBase + MAX_SEGMENT_RECORDS))
    throw new RangeError('the sequences are used up');

  const segments: Segment[] = [];
  for (const [index, one] of found.entries()) {
    const next = found[index + 1];
    const segment = next ? await older(around, one, next) : await newest(around, one);
    if (!segment) continue;
    segments.push(segment);
    if (segment.count > 0)
      around.ages.note(segment.base, one.firstTimeMs ?? segment.header?.createdAtMs ?? around.clock());
  }
  const acceptedEver = segments.reduce((sum, segment) => {
    const upToHere = (segment.header?.acceptedBefore ?? sum) + segment.count;
    return Math.max(sum, upToHere);
  }, 0);
  const identity = await identify(around, found);
  return { identity, segments: new Segments(segments, acceptedEver, nextBase), nextBase };
}

/** The crash came while the newest segment was made; records go into one only after its header is synced. */
async function removeUnborn(around: Surroundings, found: Found[]): Promise<void> {
  for (let last = found.at(-1); last && !last.header && last.size <= HEADER_BYTES; last = found.at(-1)) {
    await around.files.remove(last.path);
    found.pop();
  }
}

function basesOf(names: readonly string[], suffix: '.seg' | '.bad'): number[] {
  return names
    .map((name) => baseOfName(name, suffix))
    .filter((base) => base !== undefined)
    .sort((a, b) => a - b);
}

/** A segment that is followed by another: it is as it will ever be, and its number of records is written down somewhere. */
async function older(around: Surroundings, found: Found, next: Found): Promise<Segment | null> {
  const { base, header, size, sealedCount } = found;
  const toldByNext = next.header?.previousBase === base ? next.header.previousCount : null;
  const count = sealedCount ?? toldByNext ?? (header ? (await scan(around, found, header)).count : null);
  if (count === null) return setAside(around, found);
  if (!header) reportUnreadable(around, found, `its ${count} records are damaged`);
  const sealed = sealedCount !== null;
  const dataEnd = sealed ? size - SEAL_BYTES : size;
  return new Segment(around.directory, { base, header, count, dataEnd, fileBytes: size, sealed });
}

/** The segment that was being written when the process before us ended, cleanly or not. */
async function newest(around: Surroundings, found: Found): Promise<Segment | null> {
  const { base, path, header, size, sealedCount } = found;
  if (!header) return setAside(around, found);
  const file = await around.files.open(path);
  try {
    if (sealedCount !== null) {
      const dataEnd = size - SEAL_BYTES;
      await makeDurable(around, file, dataEnd, size);
      return new Segment(around.directory, {
        base,
        header,
        count: sealedCount,
        dataEnd,
        fileBytes: size,
        sealed: true,
      });
    }
    const { count, end, isUnreadable } = await scan(around, found, header);
    if (isUnreadable) {
      // Left as it is: what cannot be read now is not cut off as if it had never been written.
      await file.datasync();
      return new Segment(around.directory, {
        base,
        header,
        count,
        dataEnd: size,
        fileBytes: size,
        sealed: false,
      });
    }
    if (end < size) {
      const message = `${size - end} bytes after the last whole record of ${path} were cut off`;
      around.onFault({ kind: 'torn_tail', message });
      await file.truncate(end);
    }
    await makeDurable(around, file, 0, end);
    const sealed = await seal(around, file, header, count, end);
    const fileBytes = sealed ? end + SEAL_BYTES : end;
    return new Segment(around.directory, { base, header, count, dataEnd: end, fileBytes, sealed });
  } finally {
    await file.close();
  }
}

/** What the process before us wrote and could not sync, or did not live to, is on the disk after this. */
async function makeDurable(around: Surroundings, file: SpoolFile, from: number, to: number): Promise<void> {
  try {
    await rewrite(file, from, to);
  } catch (error) {
    // Only where overwriting takes new blocks. Then it is the kernel's word alone, as long as the disk is full.
    if (!isOutOfRoom(error)) throw error;
    around.onFault({ kind: 'full', message: `no room to write a segment again: ${messageOf(error)}`, error });
  }
  await file.datasync();
}

/**
 * How many sequences there are up to the last whole record, and where it ends. What the disk does not yield counts as
 * damage where a whole record follows; whether it held more records at the end nobody knows.
 */
async function scan(
  around: Surroundings,
  found: Found,
  header: SegmentHeader,
): Promise<{ count: number; end: number; isUnreadable: boolean }> {
  let failures = 0;
  let isUnreadable = false;
  const source = segmentSource(around.files, found.path, {
    giveUp: () => ++failures >= OPENING_ATTEMPTS,
    onUnreadable: (offset, error) => {
      if (!isUnreadable) reportUnyielding(around, found, offset, error);
      isUnreadable = true;
    },
  });
  const scanner = new SegmentScanner(source, header.salt, HEADER_BYTES, found.base);
  const bounds = { end: found.size, limit: found.base + MAX_SEGMENT_RECORDS };
  const advance = () => patiently(() => scanner.advance(bounds));
  let count = 0;
  let end = Math.min(HEADER_BYTES, found.size);
  for (let pieces = await advance(); pieces; pieces = await advance()) {
    for (const piece of pieces) {
      if (piece.kind !== 'record') continue;
      count = piece.sequence - found.base + 1;
      end = piece.end;
    }
  }
  return { count, end, isUnreadable };
}

/** On a full disk it goes without: the next header will tell the count. */
async function seal(
  around: Surroundings,
  file: SpoolFile,
  header: SegmentHeader,
  count: number,
  end: number,
): Promise<boolean> {
  try {
    await writeAll(file, encodeSeal(header, count, end), end);
  } catch (error) {
    if (!isOutOfRoom(error)) throw error;
    around.onFault({ kind: 'seal', message: `a segment could not be sealed: ${messageOf(error)}`, error });
    await file.truncate(end);
    return false;
  }
  await file.datasync();
  return true;
}

async function setAside(around: Surroundings, found: Found): Promise<null> {
  reportUnreadable(around, found, 'the number of its records is unknown, it was renamed to .bad');
  await around.files.rename(found.path, found.path.replace(/\.seg$/, '.bad'));
  await around.files.syncDirectory(around.directory);
  return null;
}

function reportUnyielding(around: Surroundings, found: Found, offset: number, error: unknown): void {
  const message = `${found.path} cannot be read at ${offset} and after: ${messageOf(error)}. What is missing up to the last record that can be read is taken for damage; if more followed, their number is unknown`;
  around.onFault({ kind: 'damage', message, error });
}

function reportUnreadable(around: Surroundings, found: Found, consequence: string): void {
  const message = `neither header nor seal of ${found.path} (${found.size} bytes) can be read: ${consequence}`;
  around.onFault({ kind: 'set_aside', message });
}

async function identify(around: Surroundings, found: readonly Found[]): Promise<Identity> {
  const known = await readIdentity(around.files, around.directory);
  if (known) return known;
  const header = found.findLast((one) => one.header)?.header;
  const fresh = newIdentity(0, around.clock());
  const identity = header ? { ...fresh, id: header.spoolId, uncounted: header.uncounted } : fresh;
  if (found.length > 0) {
    const origin = header
      ? 'rebuilt from the newest segment'
      : `lost, the spool now has the id ${identity.id}`;
    around.onFault({ kind: 'identity', message: `spool.json cannot be read: ${origin}` });
  }
  await writeIdentity(around.files, around.directory, identity);
  return identity;
}
