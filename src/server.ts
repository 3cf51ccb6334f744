import { ConfigError, type Config, readConfig } from './config/config.js';
import { createLogger } from './observe/logger.js';
import { openService } from './service.js';

/** For people, on standard error: standard output carries the log, one JSON object a line. */
function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

function fail(error: unknown): never {
  tell(error instanceof Error ? `call-logger cannot start: ${error.message}` : String(error));
  process.exit(1);
}

function welcome(config: Config, address: string): string {
  const key = config.keys.length > 0 ? ` -H 'Authorization: Bearer YOUR_INGEST_KEY'` : '';
  return `
call-logger listens on ${address}
  data      ${config.dataDir}
  database  ${config.databaseUrl === undefined ? 'embedded PostgreSQL, in the data directory' : 'DATABASE_URL'}
  a first event:
    curl '${address}/v1/calls?wait=stored'${key} -H 'Content-Type: application/json' -d '{
      "call_id": "first", "call_type": "arbitrage", "sport": "soccer", "book_a": "bet365", "odds_a": 110,
      "book_b": "Pinnacle", "odds_b": 105, "roi_percent": 3.74, "users_notified": 10 }'
    curl ${address}/v1/calls/first${key.replace('INGEST', 'READ')}
`;
}

async function main(): Promise<void> {
  const config = readConfig();
  const log = createLogger(config);
  const service = await openService(config, log, tell);

  let unusable: Error | undefined;
  void service.unusable.then(async (error) => {
    unusable = error;
    await service.stop();
    fail(error);
  });

  let signals = 0;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (++signals > 1) process.exit(1);
    log.info({ signal }, 'stopping');
    await service.stop();
    log.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGINT', (signal) => void stop(signal));

  try {
    tell(welcome(config, await service.app.listen({ host: config.host, port: config.port })));
  } catch (error) {
    await service.stop();
    throw unusable ?? error;
  }
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) tell(error.message);
  else fail(error);
  process.exit(1);
});
