/** One record as it comes out. `bytes` may share memory with its neighbours: copy it to keep it for long. */
export interface SpoolRecord {
  readonly sequence: number;
  /** The first sequence of the segment it lies in: records of one segment are on disk together or gone together. */
  readonly segment: number;
  readonly bytes: Buffer;
  /** crc32 as stored; of a corrupt record, the crc32 of the damaged bytes. */
  readonly checksum: number;
  /** True when the record that was accepted under this sequence cannot be read; `bytes` is then what lies there. */
  readonly corrupt: boolean;
}

/** The records of an append have the sequences first .. first + count - 1, in order. */
export interface AppendReceipt {
  readonly first: number;
  readonly count: number;
}

export interface SpoolStats {
  readonly id: string;
  /** Records ever synced under this id. */
  readonly accepted: number;
  /** Records not released. */
  readonly spooled: number;
  /** Size of the segment files, in bytes. */
  readonly bytes: number;
  readonly limitBytes: number;
  /**
   * Age of the oldest record not released; null when there is none. Never too low; too high by at most 1/512 of it, or a
   * second, and for records from before this opening by at most the time their segment took to fill.
   */
  readonly oldestAgeS: number | null;
  /** 'full': an append was refused for want of room a moment ago and none has succeeded since. */
  readonly state: 'open' | 'full' | 'failed' | 'closed';
  /** Of the writer; null again once an append succeeds. */
  readonly lastError: string | null;
  readonly lastErrorAtMs: number | null;
}

export interface SpoolReader {
  /**
   * The next records, in order, at most `maxRecords` and `maxBytes` (but always one if there is one); [] when nothing is
   * there now. Rejects when a file cannot be read (can be called again) and with SpoolClosedError.
   */
  next(limits: { maxRecords: number; maxBytes: number }): Promise<SpoolRecord[]>;
  /** Resolves when a synced record beyond the last one handed out exists; rejects with the signal's reason or SpoolClosedError. */
  whenMore(signal: AbortSignal): Promise<void>;
}

export interface Spool {
  /** UUID: the identity of the sequence space. Changes with `renew`. */
  readonly id: string;
  /** The first sequence this opening can assign: no one has ever seen it or a greater one. */
  readonly openedAt: number;
  /** The highest synced sequence; `openedAt` - 1 or less when this opening has not synced any. */
  readonly syncedThrough: number;
  /** The lowest sequence not released; `syncedThrough` + 1 when all are. */
  readonly firstUnreleased: number;
  /** No file holds a sequence below this one, so none will be handed out after a restart. */
  readonly firstHeld: number;
  /**
   * All or none; resolves after fdatasync; the order of calls is the order of sequences. The bytes must not be changed
   * before it settles; the array may. Rejects with NoRoomError, SpoolFailedError, SpoolClosedError, or RangeError (none, or over
   * 10,000 records, over 16 MiB in one, over 56 MiB in all).
   */
  append(records: readonly Uint8Array[]): Promise<AppendReceipt>;
  /** Synced, unreleased records with a sequence > after, in order. Needs no closing. */
  reader(after: number): SpoolReader;
  /** These are done for good. Unknown or already released ones are ignored. */
  release(first: number, last: number): void;
  stats(): SpoolStats;
  /**
   * A new id for the same records, when it shows that this directory is an old copy. `accepted` then counts from the
   * records spooled now. To be called before the first release: what is released before it would come back after a
   * restart under the new id. Rejects when it cannot be written down, and the id is then the old one
   * (after a restart it may be the new one all the same).
   */
  renew(): Promise<void>;
  /** Finishes the appends called before it, seals, unlocks. Can be called again. */
  close(): Promise<void>;
}

/** Something an operator should hear of; nothing here needs an answer. */
export interface SpoolFault {
  readonly kind: 'torn_tail' | 'damage' | 'set_aside' | 'identity' | 'full' | 'failed' | 'seal' | 'remove';
  readonly message: string;
  readonly error?: unknown;
}

export type OnFault = (fault: SpoolFault) => void;

/** A group of appends that was written and synced as one. */
export interface SpoolCommit {
  readonly records: number;
  /** What write and sync took together. */
  readonly seconds: number;
}

export type OnCommit = (commit: SpoolCommit) => void;
