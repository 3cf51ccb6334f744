import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { Config } from '../config/config.js';

/** JSON lines on standard output. Secrets never belong in a log call; the redaction is the second fence. */
export function createLogger(config: Pick<Config, 'logLevel'>): Logger {
  return pino({
    level: config.logLevel,
    timestamp: stdTimeFunctions.isoTime,
    base: null,
    redact: {
      paths: ['*.authorization', '*["x-api-key"]', '*.password', '*.secret', 'password', 'secret'],
      censor: '[redacted]',
    },
  });
}

export type { Logger };
