/** What the house is asked at each scrape: cheap to tell, whether or not PostgreSQL is there, and all of one tick. */

export const SPOOL_STATES = ['open', 'full', 'failed', 'closed'] as const;
export const DRAIN_STATES = ['idle', 'recovering', 'running', 'retrying', 'paused', 'stopped'] as const;
export const STORE_STATES = ['starting', 'up', 'down', 'stopped'] as const;

export interface SpoolFacts {
  readonly state: (typeof SPOOL_STATES)[number];
  readonly accepted: number;
  readonly spooled: number;
  readonly bytes: number;
  readonly limitBytes: number;
  /** Null when nothing is spooled. */
  readonly oldestAgeS: number | null;
}

export interface DrainFacts {
  readonly state: (typeof DRAIN_STATES)[number];
  /** Null until the database has told what was settled before this process. */
  readonly totals: {
    readonly stored: number;
    readonly duplicate: number;
    readonly deadLetter: number;
  } | null;
}

export interface PoolFacts {
  readonly name: string;
  readonly max: number;
  readonly used: number;
  readonly idle: number;
  /** Questions that wait for a connection. */
  readonly waiting: number;
}

export interface StoreFacts {
  readonly state: (typeof STORE_STATES)[number];
  readonly pools: readonly PoolFacts[];
}

export interface UpkeepFacts {
  readonly lastRuns: readonly {
    readonly task: string;
    /** Milliseconds since 1970; null: none so far. */
    readonly lastSuccessMs: number | null;
    /** Of the last run that came to an end. */
    readonly succeeded: boolean;
    /** Null when nobody knows when it ended. */
    readonly durationS: number | null;
  }[];
  readonly backup: { readonly lastGoodMs: number | null; readonly lastVerifiedMs: number | null };
}

export interface Facts {
  readonly ready: boolean;
  readonly spool: SpoolFacts;
  readonly drain: DrainFacts;
  readonly store: StoreFacts;
  /** Null before PostgreSQL was there for the first time. */
  readonly upkeep: UpkeepFacts | null;
  /** 0: no backups are made by themselves. */
  readonly backupIntervalDays: number;
  readonly diskReserveBytes: number;
}

export interface DiskFacts {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}
