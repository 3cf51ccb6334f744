import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import type { Teardown } from './postgres.js';

/** Lists, in order, what is synced and what takes a name on the disk from now until the test ends: `sync NAME`, `name NAME`. */
export function witnessDisk(t: Teardown): readonly string[] {
  const deeds: string[] = [];
  const { open, rename } = promises;
  const put = (functions: Partial<typeof promises>): void => {
    Object.assign(promises, functions);
    // What was imported by name follows.
    syncBuiltinESMExports();
  };
  put({
    open: async (...how) => {
      const handle = await open(...how);
      const sync = handle.sync.bind(handle);
      handle.sync = async () => {
        await sync();
        deeds.push(`sync ${basename(String(how[0]))}`);
      };
      return handle;
    },
    rename: async (from, to) => {
      await rename(from, to);
      deeds.push(`name ${basename(String(to))}`);
    },
  });
  t.teardown(() => {
    put({ open, rename });
  });
  return deeds;
}
