/** Where the cluster goes when the service runs as root and PostgreSQL's account cannot reach the data directory. */
export const defaultFallback = '/var/lib/call-logger';
