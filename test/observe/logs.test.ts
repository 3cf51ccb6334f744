/** What the service writes when it is run as an operator runs it, down to `trace`. */
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { createLogger } from '../../src/observe/logger.js';
import { until } from '../helpers/drain.js';
import { callOf, clickOf, resultOf } from '../helpers/events.js';
import { createGate } from '../helpers/gate.js';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { RawClient } from '../helpers/raw-client.js';
import { startService, temporaryDirectory } from '../helpers/service.js';

t.setTimeout(120_000);

const secrets = {
  ingest: 'secret-of-the-bot-1',
  read: 'secret-of-the-analyst-2',
  admin: 'secret-of-the-operator-3',
  unknown: 'secret-of-nobody-4',
};
/** Stands in whatever is sent: ids, names of fields, values, text that is no JSON. */
const CONTENT = 'content-of-an-event';
const PASSWORD = 'password-in-a-url';

/** Lines of the log; what is for people on standard error is none. */
function linesOf(output: string): Record<string, unknown>[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const mistaken = [
  '',
  `{"call_id": "${CONTENT}`,
  `"${CONTENT}"`,
  `[${CONTENT}]`,
  JSON.stringify({ [CONTENT]: CONTENT }),
  JSON.stringify(callOf(CONTENT, { odds_a: CONTENT, call_type: CONTENT, match_date: CONTENT, raw: CONTENT })),
  JSON.stringify(callOf(CONTENT, { team_a: `${CONTENT}\u0000` })),
  JSON.stringify(callOf(`${CONTENT} ${CONTENT}`)),
];

t.test('no line has a secret, a password or anything of an event, whatever is sent', async (t) => {
  const database = await createMigratedDatabase(t);
  const pool = database.pool();
  // PostgreSQL quotes what it refuses.
  await pool.query(`
    create function refuse() returns trigger language plpgsql as $$
    begin raise exception 'out of range: %', new.user_id using errcode = '22003'; end $$;
    create trigger refuse before insert on clicks for each row
      when (new.user_id like 'refused-%') execute function refuse()`);
  const gate = await createGate(t, database.url);
  await gate.open();
  const url = new URL(gate.url);
  url.password ||= PASSWORD;
  const service = await startService({
    DATABASE_URL: url.href,
    VERIFY_DATABASE_URL: `postgres://nobody:${PASSWORD}@127.0.0.1:1/${CONTENT}`,
    DATA_DIR: await temporaryDirectory(t),
    LOG_LEVEL: 'trace',
    INGEST_KEYS: `bot:${secrets.ingest}`,
    READ_KEYS: `analyst:${secrets.read}`,
    ADMIN_KEYS: `operator:${secrets.admin}`,
  });
  t.teardown(() => service.process.kill('SIGKILL'));
  let sent = 0;
  const ask = async (method: string, path: string, headers = {}, body?: string | Buffer): Promise<number> => {
    const response = await fetch(new URL(path, service.url), {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    await response.arrayBuffer();
    sent++;
    return response.status;
  };
  const json = { 'content-type': 'application/json' };
  const admin = { 'x-api-key': secrets.admin };

  for (const secret of Object.values(secrets)) {
    for (const headers of [
      { authorization: `Bearer ${secret}` },
      { authorization: `Basic ${secret}` },
      { 'x-api-key': secret },
      { 'x-request-id': secret === secrets.unknown ? 'r1' : secret },
      {
        cookie: secret,
        'idempotency-key': secret,
        'user-agent': secret,
        referer: secret,
        traceparent: secret,
      },
    ]) {
      await ask('GET', `/v1/calls/${secret}?key=${secret}`, headers);
      await ask('POST', `/v1/calls/${secret}/clicks`, { ...headers, ...json }, `{"${secret}": "${secret}"}`);
      await ask('POST', `/${secret}?api_key=${secret}`, headers);
    }
  }
  for (const body of mistaken) {
    for (const path of [
      '/v1/calls',
      `/v1/calls/${CONTENT}/clicks`,
      `/v1/calls/${CONTENT}/result`,
      '/v1/events',
    ])
      await ask('POST', path, { ...admin, ...json }, body);
    await ask('POST', '/v1/events', { ...admin, 'content-type': 'application/x-ndjson' }, body);
    await ask('POST', '/v1/events', { ...admin, ...json, 'content-encoding': 'gzip' }, body);
    await ask('POST', '/v1/admin/cleanup', { ...admin, ...json }, body === '' ? undefined : body);
  }
  for (const query of [
    `team=${CONTENT}`,
    `cursor=${CONTENT}`,
    `${CONTENT}=1`,
    `from=${CONTENT}`,
    `%zz=${CONTENT}`,
  ])
    for (const path of ['/v1/calls', '/v1/stats', '/v1/exports/calls', `/v1/calls/${CONTENT}`])
      await ask('GET', `${path}?${query}`, admin);
  await ask('GET', `/v1/stats?group_by=hour&tz=${CONTENT}`, admin);
  await ask('GET', `/v1/admin/backups/${CONTENT}`, admin);

  const events = [
    callOf(CONTENT, { team_a: CONTENT, raw: { [CONTENT]: CONTENT } }),
    callOf(CONTENT, { team_a: `another ${CONTENT}` }),
    clickOf(CONTENT, `refused-${CONTENT}`, { user_id: `refused-${CONTENT}` }),
    resultOf(CONTENT, CONTENT),
  ];
  const body = gzipSync(JSON.stringify(events));
  t.equal(
    await ask('POST', '/v1/events?wait=stored', { ...admin, ...json, 'content-encoding': 'gzip' }, body),
    200,
  );
  t.equal(await ask('GET', `/v1/exports/calls?team=${CONTENT}`, admin), 200);
  const letters = await pool.query<{ detail: string }>(
    `select detail from dead_letters where reason = 'data_error'`,
  );
  t.match(letters.rows[0]?.detail, `refused-${CONTENT}`, 'the dead letter says what PostgreSQL said');
  t.equal(await ask('GET', '/v1/admin/dead-letters', admin), 200);
  t.equal(await ask('POST', '/v1/admin/dead-letters/replay', admin), 202);
  t.equal(await ask('POST', '/v1/admin/backups?wait=true', admin), 201);
  const { rows } = await pool.query<{ id: string }>(
    `select detail->>'backup_id' as id from upkeep_runs where task = 'backup'`,
  );
  t.equal(
    await ask('POST', `/v1/admin/backups/${rows[0]?.id ?? ''}/verify`, admin),
    409,
    'there is no such server',
  );
  await gate.shut();
  t.equal(await ask('POST', '/v1/calls', { ...admin, ...json }, JSON.stringify(callOf(`${CONTENT}-2`))), 202);
  t.equal(await ask('GET', `/v1/calls/${CONTENT}`, admin), 503);

  const raw = new RawClient(Number(new URL(service.url).port));
  await raw.send(`${secrets.admin} /${secrets.admin} HTTP/1.1\r\nx-api-key: ${secrets.admin}\r\n\r\n`);
  t.equal((await raw.answer()).status, 400);
  raw.destroy();
  const large = new RawClient(Number(new URL(service.url).port));
  await large.send(`GET /v1/calls HTTP/1.1\r\nhost: x\r\nx-api-key: ${secrets.admin.repeat(2_000)}\r\n\r\n`);
  t.equal((await large.answer()).status, 431);
  large.destroy();

  service.process.kill('SIGTERM');
  await until(() => service.output().includes('"msg":"stopped"'));
  const output = service.output();
  const lines = linesOf(output);
  for (const hidden of [...Object.values(secrets), CONTENT, PASSWORD, url.password])
    t.strictSame(
      output.split('\n').filter((line) => line.includes(hidden)),
      [],
      hidden,
    );

  const requests = lines.filter(({ msg }) => msg === 'request');
  t.equal(requests.length, sent, 'one line for each request');
  const keys = new Set(requests.map(({ key }) => String(key)));
  t.strictSame([...keys].sort(), ['analyst', 'bot', 'null', 'operator'], 'keys are told by their names');
  t.match(
    lines,
    lines.map(() => ({ level: Number, time: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/, msg: String })),
  );
  const refused = lines.find(({ code }) => code === '22003');
  t.match(refused, { kind: 'data', label: 'data' });
});

t.test('what stands under the name of a secret is redacted, wherever it stands', async (t) => {
  const written: string[] = [];
  const log = createLogger({ logLevel: 'info' }, { write: (line) => written.push(line) });
  const headers = { Authorization: 'hidden', 'x-api-key': 'hidden', cookie: 'hidden', host: 'shown' };
  const fields = {
    secret: 'hidden',
    request: { headers },
    config: { keys: [{ name: 'shown', secret: 'hidden' }] },
  };
  log.info(fields, 'shown');
  const error = Object.assign(new Error('shown'), {
    connectionString: 'hidden',
    options: { password: 'hidden' },
  });
  log.error({ err: error }, 'an error');
  log.error(error);
  t.notMatch(written.join(''), /hidden/);
  t.equal(written.length, 3);
  t.match(JSON.parse(written[0] ?? ''), {
    request: { headers: { host: 'shown', Authorization: '[redacted]' } },
    config: { keys: [{ name: 'shown' }] },
  });
  t.match(JSON.parse(written[1] ?? ''), { err: { type: 'Error', message: 'shown', stack: /logs\.test/ } });
  t.equal(headers.Authorization, 'hidden', 'what was logged is left alone');
});
