import { setImmediate, setTimeout } from 'node:timers/promises';
import { bytesInWords } from '../lib/bytes.js';
import { errorCode, messageOf } from '../lib/errors.js';
import { EventLoopLoad } from '../lib/event-loop-load.js';
import { ActiveSegment } from './active-segment.js';
import type { Ages } from './ages.js';
import { DiskRoom } from './disk-room.js';
import {
  DiskFullError,
  isOutOfHandles,
  isOutOfRoom,
  type NoRoomError,
  RETRY_AFTER_S,
  SpoolBusyError,
  SpoolClosedError,
  SpoolFailedError,
  SpoolFullError,
} from './errors.js';
import type { SpoolFiles } from './files.js';
import { encodeGroup, spaceOf } from './group.js';
import type { PendingAppend } from './group.js';
import { HEADER_BYTES, SEAL_BYTES } from './header.js';
import { newIdentity, writeIdentity } from './identity.js';
import type { Identity } from './identity.js';
import type { Reclaimer } from './reclaimer.js';
import { MAX_SEGMENT_RECORDS } from './segment.js';
import type { Segments } from './segments.js';
import type { TailCache } from './tail-cache.js';
import type { AppendReceipt, OnCommit, OnFault } from './types.js';

const GROUP_BYTES = 4 * 1024 * 1024;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** A group that small waits so long when one was committed within that time; a timer takes no less than a millisecond. */
const SMALL_GROUP_APPENDS = 16;
const COMPANY_WITHIN_MS = 1;
const COMPANY_WAIT_MS = 1;
const BUSY_SHARE = 0.6;

export interface WriterSurroundings {
  readonly files: SpoolFiles;
  readonly directory: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly diskReserveBytes: number;
  readonly clock: () => number;
  readonly onFault: OnFault;
  readonly onCommit: OnCommit;
  readonly segments: Segments;
  readonly reclaimer: Reclaimer;
  readonly cache: TailCache;
  readonly ages: Ages;
  /** Called when readers can see more. */
  readonly onSynced: () => void;
}

/** Puts appends on the disk, one group after the other. Everything that touches the active segment happens in its one loop. */
export class Writer {
  identity: Identity;
  lastError: { readonly message: string; readonly atMs: number } | null = null;
  readonly #room: DiskRoom;
  #active: ActiveSegment | null = null;
  #nextBase: number;
  readonly #appends: PendingAppend[] = [];
  // Rolls and renewals that wait for their turn in the loop; they go before appends. None of them rejects.
  readonly #tasks: (() => Promise<void>)[] = [];
  // Space of #appends and of the group in flight.
  #waitingBytes = 0;
  #loop: Promise<void> | null = null;
  #failure: SpoolFailedError | null = null;
  #closing: Promise<void> | null = null;
  #refusedAtMs: number | null = null;
  #lastGroup = { appends: 0, endedAt: -Infinity };
  readonly #load = new EventLoopLoad();

  constructor(
    private readonly around: WriterSurroundings,
    identity: Identity,
    nextBase: number,
  ) {
    this.identity = identity;
    this.#nextBase = nextBase;
    this.#room = new DiskRoom(around.files, around.directory, around.diskReserveBytes);
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  /** True from a refusal until an append succeeds or some seconds have passed, so that one who stays away because of it comes back. */
  get full(): boolean {
    return (
      this.#refusedAtMs !== null && Math.abs(this.around.clock() - this.#refusedAtMs) < RETRY_AFTER_S * 1000
    );
  }

  /** Makes the first segment of this opening; without room for it the first append will. */
  async open(): Promise<void> {
    try {
      await this.#roll();
      if (!(await this.#room.has(0))) this.#refuse(this.#diskFull(0));
    } catch (error) {
      if (!isOutOfRoom(error)) throw error;
      this.#refuse(await this.#outOfRoom(error));
    }
  }

  append(records: readonly Uint8Array[]): Promise<AppendReceipt> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      if (this.#closing) throw new SpoolClosedError();
      const space = spaceOf(records);
      if (this.#waitingBytes + space > MAX_WAITING_BYTES) {
        throw this.#refuse(
          new SpoolBusyError(`${bytesInWords(this.#waitingBytes)} of events wait for the disk already.`),
        );
      }
      this.#waitingBytes += space;
      // A copy of the list: what was measured is what gets written, whatever the caller does with its own.
      this.#appends.push({ records: [...records], space, resolve, reject });
      this.#start();
    });
  }

  /** A wholly released active segment that has grown is replaced, so that its file can go. */
  released(): void {
    const segment = this.#active?.segment;
    if (segment?.spooled === 0 && segment.dataEnd > this.around.segmentBytes / 2 && this.#usable()) {
      this.#tasks.push(() => this.#replaceIfReleased());
      this.#start();
    }
    void this.around.reclaimer.run();
  }

  renew(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      if (this.#closing) throw new SpoolClosedError();
      this.#tasks.push(() => this.#renew().then(resolve, reject));
      this.#start();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #usable(): boolean {
    return !this.#failure && !this.#closing;
  }

  #start(): void {
    this.#loop ??= this.#run();
  }

  async #run(): Promise<void> {
    // Whoever else appends in this turn of the event loop goes into the same group.
    await setImmediate();
    for (;;) {
      const task = this.#tasks.shift();
      if (task) await task();
      else if (this.#appends.length > 0) {
        await this.#company();
        await this.#commit();
      } else break;
    }
    // In the same step as the look at the queues, or what is queued in between would wait for ever.
    this.#loop = null;
  }

  /**
   * Lets a small group wait a moment for company, where this thread has little time to spare and the group before had some
   * and has only just been committed: with thousands of appends a second a commit for every two of them costs twice the
   * processor time and, soon, more waiting than it saves.
   */
  async #company(): Promise<void> {
    const { appends, endedAt } = this.#lastGroup;
    const isClose = appends > 1 && performance.now() - endedAt < COMPANY_WITHIN_MS;
    if (!isClose || this.#appends.length >= SMALL_GROUP_APPENDS || this.#load.share < BUSY_SHARE) return;
    await setTimeout(COMPANY_WAIT_MS);
  }

  /** Takes the appends that come first and fit together, and settles them. Never rejects. */
  async #commit(): Promise<void> {
    const group: PendingAppend[] = [];
    try {
      const lack = await this.#makeRoomForFirst();
      if (lack) {
        this.#rejectFirst(this.#refuse(lack));
        return;
      }
      group.push(...this.#takeGroup());
      await this.#write(group);
    } catch (error) {
      if (!isOutOfRoom(error)) {
        this.#fail(error, group);
        return;
      }
      const refusal = this.#refuse(await this.#outOfRoom(error));
      if (group.length === 0) this.#rejectFirst(refusal);
      this.#settle(group, ({ reject }) => {
        reject(refusal);
      });
    }
  }

  /** After it, unless it says what is lacking, the first append fits into the active segment, under the limit and on the disk. */
  async #makeRoomForFirst(): Promise<NoRoomError | null> {
    const [first] = this.#appends;
    if (!first) return null;
    const fits = () => this.#fitsSegment(first.space, first.records.length);
    const need = () => first.space + (fits() ? 0 : HEADER_BYTES + SEAL_BYTES);
    let lack = await this.#lackFor(need());
    if (lack) {
      await this.#replaceReleasedSegment();
      await this.around.reclaimer.run();
      lack = await this.#lackFor(need());
    }
    if (!lack && !fits()) await this.#roll();
    return lack;
  }

  async #lackFor(bytes: number): Promise<NoRoomError | null> {
    const { segments, maxBytes } = this.around;
    if (segments.bytes + bytes > maxBytes) {
      const held = `The spool holds ${bytesInWords(segments.bytes)} of ${bytesInWords(maxBytes)}`;
      return new SpoolFullError(
        `${held} (SPOOL_MAX_BYTES), which leaves no room for ${bytesInWords(bytes)}.`,
      );
    }
    return (await this.#room.has(bytes)) ? null : this.#diskFull(bytes);
  }

  #diskFull(bytes: number): DiskFullError {
    const { freeBytes, reserveBytes } = this.#room;
    const free = `The disk of the spool has ${bytesInWords(freeBytes)} free`;
    const kept = `DISK_RESERVE_BYTES keeps ${bytesInWords(reserveBytes)} free`;
    const lack = bytes > 0 ? `, which leaves no room for ${bytesInWords(bytes)}` : '';
    return new DiskFullError(`${free}; ${kept}${lack}.`);
  }

  async #outOfRoom(cause: unknown): Promise<NoRoomError> {
    if (isOutOfHandles(cause)) return new SpoolBusyError('Too many files are open.', { cause });
    await this.#room.look();
    const { freeBytes } = this.#room;
    // There may be much: a quota, or the number of files, is a limit too.
    const free = freeBytes < Infinity ? ` with ${bytesInWords(freeBytes)} free` : '';
    const detail = `The disk of the spool took no more${free} (${errorCode(cause) ?? '?'}).`;
    return new DiskFullError(detail, { cause });
  }

  /** Whether so much more goes into the active segment; into an empty one goes anything. */
  #fitsSegment(space: number, records: number): boolean {
    if (!this.#active) return false;
    const { count, dataEnd } = this.#active.segment;
    if (count === 0 && dataEnd === HEADER_BYTES && records <= MAX_SEGMENT_RECORDS) return true;
    return dataEnd + space + SEAL_BYTES <= this.around.segmentBytes && count + records <= MAX_SEGMENT_RECORDS;
  }

  #takeGroup(): PendingAppend[] {
    let space = 0;
    let records = 0;
    let taken = 0;
    for (const append of this.#appends) {
      const nextSpace = space + append.space;
      const nextRecords = records + append.records.length;
      const fits =
        nextSpace <= GROUP_BYTES &&
        this.around.segments.bytes + nextSpace <= this.around.maxBytes &&
        nextSpace <= this.#room.spareBytes &&
        this.#active !== null &&
        this.#active.segment.dataEnd + nextSpace + SEAL_BYTES <= this.around.segmentBytes &&
        this.#active.segment.count + nextRecords <= MAX_SEGMENT_RECORDS;
      if (taken > 0 && !fits) break;
      space = nextSpace;
      records = nextRecords;
      taken++;
    }
    return this.#appends.splice(0, taken);
  }

  async #write(group: readonly PendingAppend[]): Promise<void> {
    const { segments, cache, ages, clock } = this.around;
    const active = this.#active;
    if (!active) throw new Error('there is no active segment');
    const { segment } = active;
    const first = segment.end;
    const from = segment.dataEnd;
    const timeMs = Math.max(0, Math.floor(clock()));
    const bytes = await encodeGroup(group, active.header.salt, first, timeMs);
    const startedAt = performance.now();
    this.#room.took(bytes.length);
    await active.write(bytes);
    const seconds = (performance.now() - startedAt) / 1000;

    const count = group.reduce((sum, append) => sum + append.records.length, 0);
    segments.grew(segment, count, from + bytes.length);
    cache.add(segment, from, bytes);
    ages.note(first, timeMs);
    this.#refusedAtMs = null;
    this.lastError = null;
    this.#lastGroup = { appends: group.length, endedAt: performance.now() };
    let sequence = first;
    this.#settle(group, ({ records, resolve }) => {
      resolve({ first: sequence, count: records.length });
      sequence += records.length;
    });
    this.around.onSynced();
    this.around.onCommit({ records: count, seconds });
  }

  /** A new active segment; the old one, if any, is sealed after it exists. */
  async #roll(): Promise<void> {
    const { files, directory, segments, clock, onFault } = this.around;
    const old = this.#active;
    const previous = segments.newest;
    // After an empty segment the base has to differ all the same, for the file's name.
    const base = old ? Math.max(old.segment.end, old.segment.base + 1) : this.#nextBase;
    const header = {
      spoolId: this.identity.id,
      base,
      acceptedBefore: segments.acceptedEver,
      uncounted: this.identity.uncounted,
      previousBase: previous?.base ?? 0,
      previousCount: previous?.count ?? 0,
      createdAtMs: Math.max(0, Math.floor(clock())),
    };
    this.#active = await ActiveSegment.create(files, directory, header, segments);
    await old?.finish(segments, onFault);
    void this.around.reclaimer.run();
  }

  async #replaceReleasedSegment(): Promise<void> {
    const segment = this.#active?.segment;
    if (segment && segment.count > 0 && segment.spooled === 0) await this.#roll();
  }

  async #replaceIfReleased(): Promise<void> {
    try {
      if (this.#usable()) await this.#replaceReleasedSegment();
    } catch (error) {
      if (!isOutOfRoom(error)) this.#fail(error, []);
    }
  }

  async #renew(): Promise<void> {
    if (this.#failure) throw this.#failure;
    const { files, directory, segments, clock, onFault } = this.around;
    const renewed = newIdentity(segments.acceptedEver - segments.spooled, clock());
    await writeIdentity(files, directory, renewed);
    this.identity = renewed;
    // So that the newest header knows the id too. Without room for it spool.json is enough.
    try {
      await this.#roll();
    } catch (error) {
      if (!isOutOfRoom(error)) throw this.#fail(error, []);
      onFault({
        kind: 'full',
        message: `no segment with the new id could be made: ${messageOf(error)}`,
        error,
      });
    }
  }

  async #close(): Promise<void> {
    // The loop takes whatever was called before this.
    await this.#loop;
    if (this.#active && !this.#failure) {
      try {
        await this.#active.finish(this.around.segments, this.around.onFault);
      } catch (error) {
        this.#fail(error, []);
      }
    } else await this.#active?.abandon();
    await this.around.reclaimer.run();
  }

  #rejectFirst(error: Error): void {
    this.#settle(this.#appends.splice(0, 1), ({ reject }) => {
      reject(error);
    });
  }

  #settle(group: readonly PendingAppend[], how: (append: PendingAppend) => void): void {
    for (const append of group) {
      this.#waitingBytes -= append.space;
      how(append);
    }
  }

  #refuse(refusal: NoRoomError): NoRoomError {
    const { message, cause: error } = refusal;
    if (!this.full) this.around.onFault({ kind: 'full', message, error });
    this.#refusedAtMs = this.around.clock();
    this.lastError = { message, atMs: this.#refusedAtMs };
    return refusal;
  }

  /** From here on nothing is accepted. */
  #fail(error: unknown, group: readonly PendingAppend[]): SpoolFailedError {
    const failure = new SpoolFailedError(`the disk under the spool failed: ${messageOf(error)}`, {
      cause: error,
    });
    if (!this.#failure) this.around.onFault({ kind: 'failed', message: failure.message, error });
    this.#failure ??= failure;
    this.lastError = { message: failure.message, atMs: this.around.clock() };
    this.#settle([...group, ...this.#appends.splice(0)], ({ reject }) => {
      reject(failure);
    });
    return failure;
  }
}
