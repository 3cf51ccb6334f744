/**
 * The spool: a durable queue of opaque records in one directory, for one process at a time.
 *
 * CONSTRAINTS
 *   one append             1–10,000 records, ≤ 16 MiB each and 56 MiB in all; all of it is accepted or none
 *   one group              all appends that wait, up to 4 MiB (or one larger append): one write, one fdatasync
 *   waiting in memory      ≤ 64 MiB of appends; beyond it SpoolBusyError at once
 *   one segment            `segmentBytes` (default: the lesser of 16 MiB and an eighth of `maxBytes`), larger only for
 *                          one append that alone exceeds it; ≤ 2^20 records
 *   all segments           `maxBytes` of files (a header and a seal more while one is being replaced)
 *   the disk               of it, `diskReserveBytes` stay free: no append takes of them
 *   reading                from a cache of the last 8 MiB, else from the files in pieces of 256 KiB (or one record)
 *   opening                reads a header and a seal of each segment; only the newest it scans, and writes again if it was
 *                          not sealed
 *   memory                 does not grow with the backlog, only with the number of segments
 *
 * FILES
 *   spool.json             { format, id, uncounted, created_at, checksum }; written aside, synced, renamed
 *   <base, 16 digits>.seg  a segment: header, records, and once it will not grow any more a seal
 *   <base>.bad             a segment of which not all could be read, kept for a human; never read again, and not counted in
 *                          `maxBytes`
 *   lock.*.sock            see lib/directory-lock
 * Numbers are little-endian. The three layouts stand in header.ts (header, seal) and record.ts. A header is stored twice,
 * in different sectors, and once more in the seal, because everything in a segment depends on its salt.
 * A record's head (length, sequence, time) has its own check, a crc32 started from the segment's random salt, and the
 * record's checksum is a crc32 over its bytes started from that. So damage in the bytes of a record costs this record and
 * no other, and a sender, who cannot know the salt, cannot make bytes that pass for a record when we look for the next
 * whole one after damage.
 *
 * SEQUENCES
 * Contiguous inside a segment; a segment that follows another in the same opening goes on from its end. Every opening
 * starts a new segment at (newest segment's base + 2^20): a sequence once given to a record is never given to another,
 * even if the tail that held it is gone. The segment with the highest base is never deleted, so this is not forgotten.
 *
 * WRITING
 * An append resolves after fdatasync, in the order of the calls; only then can readers see it. Creating a segment: file,
 * header, fdatasync, fsync of the directory, only then records. The old one is sealed after the new one exists. The number
 * of records in a segment is always written in its own seal or in the header of the segment that followed; a segment whose
 * predecessor has no seal is therefore kept until that predecessor is gone.
 *
 * RECOVERY (at opening)
 *   newest, sealed         the seal says how many records it holds; one that cannot be read is damage
 *   newest, not sealed     scanned; what comes after its last whole record is a torn tail and is cut off, and what lies
 *                          between two whole records is damage. Then written again, synced and sealed, before any
 *                          record is handed out: it may have been only in the page cache, left by a process that was
 *                          killed, or that ended because a sync failed. The pages of a failed sync pass for clean, so
 *                          without being written again they would be left out by every later sync.
 *   older ones             not scanned; the number of records comes from the seal, else from the next header (both gone:
 *                          scanned after all)
 *   no header readable     newest and no longer than a header: a crash while it was made, removed. Else all its records
 *                          are damage, if their number is known (next header); if not it is set aside as .bad
 *   spool.json unreadable  rebuilt from the newest header
 * Damage: every sequence that should be there and is not comes out as one record with `corrupt: true`. The first of a run
 * carries the damaged bytes (at most 1 MiB of them), the others none; its checksum is the crc32 of all the damaged bytes:
 * the same again after every restart, until released. It counts in `accepted` like any record, once.
 * Records of a group that was never acknowledged but are found whole after a crash count as accepted; so do, as damage,
 * those of the group whose place before them a loss of power left unwritten.
 * What was released is not written down: after a restart every record in a file that still exists is handed out again, and
 * whoever drains knows by spool id and sequence what it has done already.
 *
 * FAILURES
 *   ENOSPC, EDQUOT         cut back to the last synced length, DiskFullError to the group, open for the next append;
 *                          at opening: opens, and makes its segment with the first append that finds room
 *   EMFILE, ENFILE         where a new segment is needed: SpoolBusyError, and retried in the same way
 *                          A segment that could not be made is emptied before it is removed: its name may come back in
 *                          a crash, and its header would hide what its predecessor took afterwards.
 *   limit reached          SpoolFullError, until enough segments are released; a wholly released segment that is still
 *                          being written is replaced so that it can go
 *   reserve reached        DiskFullError, until there is room on the disk again, whoever makes it
 *   any error of fdatasync, any other error of a write, a truncation that fails
 *                          fail-stop: SpoolFailedError to this group and to all after it. What was synced before can
 *                          still be read and released. Only opening it anew (a restart) ends this state: after a failed
 *                          sync the kernel drops the dirty pages, so what a retry reports proves nothing.
 *                          At opening these make openSpool reject.
 *   a file cannot be read  the reader's call rejects and can be repeated; a file that is gone is damage. A piece that gave
 *                          EIO 30 times (about a minute of a drain that comes again) is read block by block of 4 KiB, and
 *                          the blocks that still give EIO are damage: one bad sector must not hold back all that follow.
 *                          The file is kept as .bad. While the disk refuses a sync of the file as well it is away rather
 *                          than damaged, and is waited for.
 *                          At opening EIO is tried four times. Then a header counts as unreadable, and what is missing in
 *                          the newest segment as damage up to its last whole record; it is not cut off there.
 *   a file cannot be deleted  reported, tried again at the next release
 *
 * WHAT IT DOES NOT SURVIVE
 *   A disk that acknowledges a sync and loses the end of the newest segment: looks like a torn tail; the records are gone
 *     (their sequences stay unused). The end of an older segment lost so is noticed, as damage.
 *   Rot in the last whole records of a segment that was not sealed (the process was killed): taken for a torn tail too.
 *   The loss of both headers and the seal of the newest segment, or of a segment whose next header is unreadable as well:
 *     its number of records is unknown, so `accepted` is not exact any more. Reported, never silent. Both headers lie in
 *     one block of 4 KiB: bits that rot do not take both, a sector that cannot be read may.
 *   A sector that cannot be read at the end of a segment that was not sealed: how many records it held is unknown too.
 *     Reported.
 *   A segment deleted by hand: its records come out as damage only if it happens while the spool is open. After an opening
 *     they still count as accepted, and whoever compares the sums sees it; if it was the newest, nobody does, and its
 *     sequences are given again.
 *   An old copy of the directory put back: sequences would be given again. The database shows it (it has seen sequences
 *     from `openedAt` on); `renew()` is the remedy.
 */
import { Ages } from './ages.js';
import { DiskSpool } from './disk-spool.js';
import { nodeFiles } from './files.js';
import type { SpoolFiles } from './files.js';
import { recover } from './recovery.js';
import type { OnCommit, OnFault, Spool } from './types.js';

export {
  DiskFullError,
  NoRoomError,
  SpoolBusyError,
  SpoolClosedError,
  SpoolFailedError,
  SpoolFormatError,
  SpoolFullError,
} from './errors.js';
export { DirectoryInUseError } from '../lib/directory-lock.js';
export type { AppendReceipt, Spool, SpoolFault, SpoolReader, SpoolRecord, SpoolStats } from './types.js';

const MIN_BYTES = 64 * 1024;
const MIN_SEGMENT_BYTES = 4 * 1024;
const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;
const MAX_SEGMENT_BYTES = 1024 * 1024 * 1024;

export interface SpoolOptions {
  /** Made when it is not there. */
  readonly directory: string;
  /** Limit for all segment files, at least 64 KiB. */
  readonly maxBytes: number;
  /** Size at which a segment is followed by another, 4 KiB to 1 GiB. */
  readonly segmentBytes?: number;
  /** So much of the disk stays free for others; 0, the default: none of it. */
  readonly diskReserveBytes?: number;
  /** The file system; by default the machine's. */
  readonly files?: SpoolFiles;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  /** Hears of everything an operator should know; must not throw. */
  readonly onFault?: OnFault;
  /** Hears of every sync, for the metrics; must not throw. */
  readonly onCommit?: OnCommit;
}

/**
 * Opens the spool in a directory, makes it if need be, and recovers what is there.
 *
 * Rejects with DirectoryInUseError, SpoolFormatError, RangeError for the options, or the system's error when the directory
 * cannot be used at all. Damage does not make it reject, nor does a full disk unless the directory is new.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory, maxBytes, files = nodeFiles, clock = Date.now } = options;
  const { diskReserveBytes = 0, onFault = () => undefined, onCommit = () => undefined } = options;
  const segmentBytes = options.segmentBytes ?? Math.min(DEFAULT_SEGMENT_BYTES, Math.floor(maxBytes / 8));
  requireInteger('maxBytes', maxBytes, MIN_BYTES, Number.MAX_SAFE_INTEGER);
  requireInteger('segmentBytes', segmentBytes, MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
  requireInteger('diskReserveBytes', diskReserveBytes, 0, Number.MAX_SAFE_INTEGER);

  await files.makeDirectory(directory);
  const lock = await files.lock(directory);
  try {
    const ages = new Ages();
    const recovered = await recover({ files, directory, clock, onFault, ages });
    const limits = { maxBytes, segmentBytes, diskReserveBytes };
    const settings = { files, directory, ...limits, clock, onFault, onCommit };
    const spool = new DiskSpool(settings, { recovered, ages, lock });
    await spool.open();
    return spool;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function requireInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`${name} must be an integer from ${min} to ${max}, got ${value}`);
}
