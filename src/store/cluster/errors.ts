/** The embedded PostgreSQL cannot run here, and the message says what would help. Starting again may be worth a try. */
export class ClusterError extends Error {
  override name = 'ClusterError';
}

/** A PostgreSQL that is neither ours nor an orphan of ours runs in the data directory. */
export class ClusterInUseError extends ClusterError {
  override name = 'ClusterInUseError';
}

/** `stop()` was called while the cluster was starting. */
export class ClusterStoppedError extends ClusterError {
  override name = 'ClusterStoppedError';
}
