import { type DestinationStream, type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { Config } from '../config/config.js';
import { redact } from './redact.js';

/**
 * JSON lines on standard output. Secrets never belong in a log call; the redaction is the second fence.
 * @param destination instead of standard output
 */
export function createLogger(config: Pick<Config, 'logLevel'>, destination?: DestinationStream): Logger {
  const options = {
    level: config.logLevel,
    timestamp: stdTimeFunctions.isoTime,
    base: null,
    formatters: { log: redact },
    // An error may carry anything in fields of its own.
    serializers: { err: (error: Error) => redact({ ...stdSerializers.err(error) }) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

export type { Logger };
