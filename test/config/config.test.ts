import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import t from 'tap';
import { ConfigError, readConfig } from '../../src/config/config.js';
import { temporaryDirectory } from '../helpers/service.js';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

t.test('without any variable the documented defaults hold, and an empty one counts as unset', async (t) => {
  const defaults = {
    host: '127.0.0.1',
    port: 3000,
    logLevel: 'info',
    dataDir: resolve('data'),
    databaseUrl: undefined,
    directDatabaseUrl: undefined,
    embeddedPort: 0,
    spoolMaxBytes: 2 ** 30,
    diskReserveBytes: 256 * 2 ** 20,
    batchMaxEvents: 2_000,
    batchMaxWaitMs: 20,
    drainConcurrency: 2,
    retentionDays: 365,
    cleanupCron: '0 4 * * *',
    deadLetterRetentionDays: 90,
    backupIntervalDays: 14,
    backupKeep: 6,
    verifyDatabaseUrl: undefined,
    keys: [],
    allowedHosts: [],
    shutdownGraceMs: 10_000,
  };
  t.strictSame(readConfig({}), defaults);
  t.strictSame(readConfig({ HOST: '', PORT: ' ', DATABASE_URL: '' }), defaults);
});

t.test(
  'the reserve on the disk is large beside an embedded PostgreSQL, small without one, or none',
  async (t) => {
    const DATABASE_URL = 'postgres://127.0.0.1/x';
    t.equal(readConfig({ DATABASE_URL }).diskReserveBytes, 16 * 2 ** 20);
    t.equal(readConfig({ DATABASE_URL, DISK_RESERVE_BYTES: '12345' }).diskReserveBytes, 12_345);
    t.equal(readConfig({ DISK_RESERVE_BYTES: '0' }).diskReserveBytes, 0);
  },
);

t.test('every bad variable is named in one error', async (t) => {
  const bad = {
    PORT: '65536',
    LOG_LEVEL: 'loud',
    EMBEDDED_PORT: '-1',
    SPOOL_MAX_BYTES: '1GiB',
    DISK_RESERVE_BYTES: '1%',
    BATCH_MAX_EVENTS: '0',
    BATCH_MAX_WAIT_MS: '1.5',
    DRAIN_CONCURRENCY: '1e1',
    RETENTION_DAYS: 'x',
    CLEANUP_CRON: '0 4 * *',
    DEAD_LETTER_RETENTION_DAYS: '-1',
    BACKUP_INTERVAL_DAYS: '0.5',
    BACKUP_KEEP: '0',
    VERIFY_DATABASE_URL: 'h/d',
    SHUTDOWN_GRACE_MS: '0x10',
    ALLOWED_HOSTS: '*',
    DATABASE_URL: 'mysql://h/d',
  };
  const problems = problemsOf(bad);
  t.equal(problems.length, Object.keys(bad).length);
  for (const name of Object.keys(bad))
    t.ok(
      problems.some((problem) => problem.startsWith(name)),
      name,
    );
});

t.test('the time of the cleanup is a cron expression of five fields that comes round', async (t) => {
  for (const good of ['0 4 * * *', '*/15 3-5 * * MON-FRI', '30 2 L * *', '@daily'])
    t.equal(readConfig({ CLEANUP_CRON: good }).cleanupCron, good);
  for (const bad of ['daily', '61 4 * * *', '0 0 4 * * *', '0 0 30 2 *', '2026-01-01T00:00:00Z']) {
    const problems = problemsOf({ CLEANUP_CRON: bad });
    t.equal(problems.length, 1, bad);
    t.match(problems[0], /^CLEANUP_CRON=.*minute hour day month weekday, in UTC/);
  }
});

t.test('backups are never restored on trial in the database of the service', async (t) => {
  const url = 'postgres://u:s3cret@h/d';
  const problems = problemsOf({ DATABASE_URL: url, VERIFY_DATABASE_URL: url });
  t.match(problems, [/^VERIFY_DATABASE_URL is DATABASE_URL/]);
  t.notMatch(problems[0], 's3cret');
  t.equal(readConfig({ VERIFY_DATABASE_URL: url }).verifyDatabaseUrl, url);
});

t.test('a database URL that would be read otherwise than meant is refused without showing it', async (t) => {
  const good = [
    'postgres://u:p@localhost:5432/d',
    'postgresql://u@localhost/d?host=%2Ftmp%2Fx&port=5433',
    'postgres://u@/d?host=/tmp/x',
    'postgres:///d?host=/tmp/x&user=u',
    'postgres://u:p%40ss%2Fw%23rd@127.0.0.1:5432/d',
  ];
  for (const url of good) t.equal(readConfig({ DATABASE_URL: url }).databaseUrl, url);
  t.throws(() => readConfig({ DIRECT_DATABASE_URL: good[0] }), { message: /goes with DATABASE_URL/ });
  for (const url of [
    'postgres://u:p@h:99999/d',
    'postgres://u:s3/cret@h/d',
    'postgres://u:s3#cret@h/d',
    'postgres:// /',
  ]) {
    const problems = problemsOf({ DATABASE_URL: url });
    t.equal(problems.length, 1, url);
    t.notMatch(problems[0], 'cret');
  }
});

t.test('without keys only loopback may be listened on', async (t) => {
  for (const HOST of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) t.strictSame(problemsOf({ HOST }), []);
  for (const HOST of ['0.0.0.0', '::', '192.0.2.1', 'example.org', '127.0.0.1.example.org']) {
    t.match(problemsOf({ HOST })[0], /set INGEST_KEYS, READ_KEYS and ADMIN_KEYS/, HOST);
  }
  t.strictSame(problemsOf({ HOST: '0.0.0.0', ADMIN_KEYS: 'op:0123456789abcdef' }), []);
});

t.test('allowed hosts are names and addresses, kept as browsers write them', async (t) => {
  const { allowedHosts } = readConfig({
    ALLOWED_HOSTS: 'Logger.Example.com, my_host ,10.0.0.5,[2001:DB8:0::1],bücher.example,',
  });
  t.strictSame(allowedHosts, [
    'logger.example.com',
    'my_host',
    '10.0.0.5',
    '[2001:db8::1]',
    'xn--bcher-kva.example',
  ]);
  for (const bad of [
    '*',
    '*.example.com',
    'logger.example.com:8443',
    'https://logger.example.com',
    'logger.example.com/',
    'logger.example.com.',
    'user@logger.example.com',
    'a b',
    'a..b',
    '::1',
    '[::1',
    '256.1.1.1',
    'a%2eb',
    'a?b',
  ]) {
    const problems = problemsOf({ ALLOWED_HOSTS: `good.example,${bad}` });
    t.equal(problems.length, 1, bad);
    t.match(problems[0], `ALLOWED_HOSTS: ${bad} is not the name`);
  }
  t.equal(problemsOf({ ALLOWED_HOSTS: '*,a b' }).length, 2, 'each of them is named');
});

t.test('keys are name:secret pairs, split at the first colon, from a variable or a file', async (t) => {
  const file = join(await temporaryDirectory(t), 'keys');
  await writeFile(file, 'ann:0123456789abcdef\nben:fedcba9876543210\n');
  const { keys } = readConfig({ INGEST_KEYS: 'bot: a:b:0123456789abc ', READ_KEYS_FILE: file });
  t.strictSame(keys, [
    { name: 'bot', secret: 'a:b:0123456789abc', scope: 'ingest' },
    { name: 'ann', secret: '0123456789abcdef', scope: 'read' },
    { name: 'ben', secret: 'fedcba9876543210', scope: 'read' },
  ]);
});

t.test('a file of keys without any key is refused instead of opening the service to everybody', async (t) => {
  const file = join(await temporaryDirectory(t), 'keys');
  for (const text of ['', '\n', ',\r\n']) {
    await writeFile(file, text);
    t.strictSame(problemsOf({ ADMIN_KEYS_FILE: file }), ['ADMIN_KEYS is set, but holds no key']);
  }
});

t.test('a bad key is refused by its place and name, and its secret is never shown', async (t) => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ INGEST_KEYS: 'bot' }, /INGEST_KEYS: entry 1 is not name:secret/],
    [{ INGEST_KEYS: 'ok:0123456789abcdef,:0123456789abcdeX' }, /entry 2: a name is/],
    [{ INGEST_KEYS: ' , ' }, /INGEST_KEYS is set, but holds no key/],
    [{ INGEST_KEYS: 'bot:hush-short' }, /"bot".*shorter than 16/],
    [{ INGEST_KEYS: 'a:hush hush hush hush' }, /printable ASCII/],
    [{ INGEST_KEYS: 'a:hush456789abcdef,a:hush456789abcdeX' }, /"a" is there twice/],
    [
      { INGEST_KEYS: 'a:hush456789abcdef', ADMIN_KEYS: 'b:hush456789abcdef' },
      /"a" and "b" have the same secret/,
    ],
    [{ READ_KEYS_FILE: '/nowhere/at/all' }, /READ_KEYS_FILE=\/nowhere\/at\/all cannot be read \(ENOENT\)/],
    [{ READ_KEYS: 'a:hush456789abcdef', READ_KEYS_FILE: '/nowhere' }, /both set/],
  ];
  for (const [env, expected] of cases) {
    const problems = problemsOf(env).join('\n');
    t.match(problems, expected);
    t.notMatch(problems, 'hush');
  }
});
