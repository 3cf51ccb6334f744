import { Store } from '../../src/store/store.js';
import { silent, until } from './drain.js';
import type { Teardown } from './postgres.js';

/** A store that is up, and has told the version of its server. */
export async function openStore(t: Teardown, url: string): Promise<Store> {
  const store = new Store({
    locate: async () => ({ connectionString: url }),
    drainConnections: 1,
    log: silent,
  });
  t.teardown(() => store.stop(5_000));
  store.start({ ready: () => undefined, unusable: () => undefined });
  await until(() => store.state === 'up' && store.serverVersion !== null);
  return store;
}
