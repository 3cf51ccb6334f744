import { WorkProcess } from './work-process.js';

export interface LoadRequest {
  readonly url: string;
  readonly connections: number;
  readonly durationS: number;
  /** Of the call_ids; unlike that of any other run against the same server. */
  readonly prefix: string;
  /** Of a call as JSON, about; by default as they come, 460 to 500. */
  readonly eventBytes?: number | undefined;
  /** So many calls a second, whatever the answers do; by default each connection waits for its answer and goes on. */
  readonly ratePerS?: number | undefined;
}

export interface LoadResult {
  /** Answers with 2xx. */
  readonly acknowledged: number;
  /** Other answers, broken connections, and where there is a rate calls without an answer in the end. */
  readonly errors: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** p99 of how late the load itself was to send, where there is a rate; latencies hold it as well. */
  readonly lagMs: number | null;
  /** Of one core, by the process that made the load. */
  readonly cpuPercent: number;
}

/** The process that makes the load. */
export class Load extends WorkProcess<LoadRequest, LoadResult> {
  constructor() {
    super('load-process');
  }
}
