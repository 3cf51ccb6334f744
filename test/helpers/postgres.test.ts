import fs from 'node:fs/promises';
import { spawn } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { createDatabase, createMigratedDatabase } from './postgres.js';
import { fileOf, loader } from './program.js';

await t.test('each call gets an empty database of its own', async (t) => {
  const databases = await Promise.all([createDatabase(t), createDatabase(t), createDatabase(t)]);
  t.equal(new Set(databases.map(({ name }) => name)).size, 3);
  for (const database of databases) {
    const { rows } = await database
      .pool()
      .query<{ name: string; tables: string }>(
        `SELECT current_database() AS name, (SELECT count(*) FROM pg_tables WHERE schemaname = 'public') AS tables`,
      );
    t.strictSame(rows, [{ name: database.name, tables: '0' }]);
  }
});

await t.test(
  'several processes clone the migrated template at once, and what one writes no other sees',
  async (t) => {
    const helper = fileOf(new URL('postgres', import.meta.url));
    const script = `
    import { createMigratedDatabase } from ${JSON.stringify(helper)};
    const t = { teardown() {} };
    for (const { name } of await Promise.all([createMigratedDatabase(t), createMigratedDatabase(t)])) console.log(name);`;
    const processes = [1, 2, 3].map(async () => {
      const child = spawn(process.execPath, [...loader, '--input-type=module', '-e', script], {
        cwd: path.dirname(helper),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      for await (const chunk of child.stdout) output += String(chunk);
      return output.trim().split('\n');
    });
    const names = (await Promise.all(processes)).flat();
    t.equal(new Set(names).size, 6, names.join());
    const [one, other] = [await createMigratedDatabase(t), await createMigratedDatabase(t)];
    await one.pool().query('CREATE TABLE mine ()');
    const { rows } = await other
      .pool()
      .query<{ mine: string | null; calls: string | null }>(
        `SELECT to_regclass('mine') AS mine, to_regclass('calls') AS calls`,
      );
    t.strictSame(rows, [{ mine: null, calls: 'calls' }]);
  },
);

await t.test('a server without users goes away with its files', { skip: outside() }, async (t) => {
  const helper = fileOf(new URL('postgres', import.meta.url));
  // Another temporary directory is another server.
  const temporary = await fs.mkdtemp('/tmp/clt-t-');
  await fs.chmod(temporary, 0o711);
  t.teardown(() => fs.rm(temporary, { recursive: true, force: true }));
  const script = `
    import { createDatabase } from ${JSON.stringify(helper)};
    await createDatabase({ teardown() {} });
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, [...loader, '--input-type=module', '-e', script], {
    cwd: path.dirname(helper),
    stdio: 'inherit',
    env: { ...process.env, TMPDIR: temporary },
  });
  await new Promise((resolve) => child.once('exit', resolve));
  t.equal(child.signalCode, 'SIGKILL');
  const leftovers = async () => (await fs.readdir(temporary)).filter((name) => !name.startsWith('tsx-'));
  const poll = async (): Promise<void> => ((await leftovers()).length > 0 ? poll() : undefined);
  await poll();
  t.strictSame(await leftovers(), []);
});

function outside(): string | false {
  return process.env['TEST_DATABASE_URL'] ? 'tests use an outside server' : false;
}
