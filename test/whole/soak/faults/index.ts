import * as connections from './connections.js';
import * as disks from './disks.js';
import type { Fault } from './fault.js';
import * as processes from './processes.js';
import * as server from './server.js';
import * as statements from './statements.js';

/** By the name under which plans and figures speak of them. */
export const FAULTS = {
  kill_service: processes.killService,
  kill_postgres: processes.killPostmaster,
  kill_backend: processes.killBackend,
  kill_both: processes.killBoth,
  stop_service: processes.stopService,
  second_service: processes.startSecondService,
  clock_back: processes.turnClockBack,
  freeze_postgres: processes.freezePostgres,
  stop_postgres: server.stopPostgres,
  slow_start: server.startSlowly,
  in_recovery: server.recoverPostgres,
  port_closed: connections.closePort,
  role_rejected: connections.rejectRole,
  silent_connections: connections.silenceConnections,
  lost_commits: connections.loseCommits,
  out_of_connections: connections.takeAllConnections,
  read_only: statements.makeReadOnly,
  cancelled: statements.cancelStatements,
  table_locked: statements.lockTable,
  deadlocks: statements.deadlock,
  spool_full: disks.fillSpool,
  disk_full: disks.fillDisk,
  flipped_byte: disks.flipByte,
  failed_sync: disks.failSync,
  torn_write: disks.tearWrite,
  short_writes: disks.shortenWrites,
} satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

// Object.keys knows no more than that they are strings.
export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

export function faultOf(name: FaultName): Fault {
  return FAULTS[name];
}
