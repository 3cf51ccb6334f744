export interface GrowthSettings {
  readonly rounds: number;
  readonly durationS: number;
  readonly warmUpS: number;
  /** Where their number is not what grows. */
  readonly connections: number;
  /** Events that are sent as NDJSON. */
  readonly rows: number;
  readonly warmUpRows: number;
  /** What grows, each from least to most; none: not measured. */
  readonly callsInStore: readonly number[];
  readonly connectionCounts: readonly number[];
  readonly eventSizes: readonly number[];
}

/** Hears of each measurement. */
export type Progress = (note: string) => void;
