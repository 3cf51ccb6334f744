import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readConfig } from '../../src/config/config.js';
import { openService } from '../../src/service.js';
import { silent, until } from '../helpers/drain.js';
import { callOf, clickOf } from '../helpers/events.js';
import { readPage } from '../helpers/exposition.js';
import { createGate } from '../helpers/gate.js';
import { createMigratedDatabase, type Teardown } from '../helpers/postgres.js';
import { RawClient } from '../helpers/raw-client.js';
import { temporaryDirectory } from '../helpers/service.js';
import { flush } from '../whole/audit.js';

t.setTimeout(120_000);

const keys = { INGEST_KEYS: 'bot:bot-secret-00000001', ADMIN_KEYS: 'ops:ops-secret-00000001' };
const bot = { authorization: 'Bearer bot-secret-00000001' };
const ops = { authorization: 'Bearer ops-secret-00000001' };

interface House {
  readonly url: string;
  readonly dataDir: string;
  readonly post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Response>;
}

async function openHouse(t: Teardown, env: Readonly<Record<string, string>>): Promise<House> {
  const dataDir = await temporaryDirectory(t);
  const service = await openService(readConfig({ DATA_DIR: dataDir, ...env }), silent, () => undefined);
  t.teardown(() => service.stop());
  const url = await service.app.listen({ port: 0 });
  const post: House['post'] = async (path, body, headers = bot) => {
    const isText = typeof body === 'string';
    const response = await fetch(new URL(path, url), {
      method: 'POST',
      headers: { 'content-type': isText ? 'application/x-ndjson' : 'application/json', ...headers },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
    await response.arrayBuffer();
    return response;
  };
  return { url, dataDir, post };
}

t.test('what is sent is what is counted: good, rejected, repeated and contradicting events', async (t) => {
  const database = await createMigratedDatabase(t);
  const { url, post } = await openHouse(t, { DATABASE_URL: database.url, ...keys });
  const start = await readPage(url);
  t.equal(start.value('call_logger_events_received_total{key="bot"}'), 0, 'a sender shows before it sends');

  const lines = [callOf('a'), callOf('b'), '{"type":', callOf('c'), { type: 'call', call_id: 'd' }];
  const ndjson = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  t.equal((await post('/v1/events', ndjson)).status, 207);
  t.equal((await post('/v1/calls', callOf('a'))).status, 202, 'a repetition');
  t.equal((await post('/v1/calls', callOf('a', { roi_percent: 9 }))).status, 202, 'a contradiction');
  t.equal((await post('/v1/calls', { call_type: 'arbitrage' })).status, 400);
  t.equal((await post('/v1/calls', callOf('e', { odds_a: 3 }))).status, 422);
  t.equal((await post('/v1/events', [clickOf('a', 'k1'), clickOf('a', 'k1')], ops)).status, 202);
  const body = JSON.stringify({ timeout_s: 30 });
  const headers = { ...ops, 'content-type': 'application/json' };
  t.equal((await fetch(new URL('/v1/admin/flush', url), { method: 'POST', headers, body })).status, 200);

  const page = await readPage(url);
  for (const [series, value] of [
    ['call_logger_events_received_total{key="bot"}', 9],
    ['call_logger_events_received_total{key="ops"}', 2],
    ['call_logger_events_rejected_total{key="bot",reason="malformed_json"}', 1],
    ['call_logger_events_rejected_total{key="bot",reason="required"}', 2],
    ['call_logger_events_rejected_total{key="bot",reason="invalid_odds"}', 1],
    ['call_logger_events_accepted_total', 7],
    ['call_logger_events_settled_total{outcome="stored"}', 4],
    ['call_logger_events_settled_total{outcome="duplicate"}', 2],
    ['call_logger_events_settled_total{outcome="dead_letter"}', 1],
    ['call_logger_dead_letters_total{reason="conflict"}', 1],
    ['call_logger_dead_letters_total{reason="unstorable"}', 0],
    ['call_logger_spool_events', 0],
    ['call_logger_spool_sync_events_sum', 7],
    ['call_logger_http_request_duration_seconds_count{method="POST",route="/v1/events",status="207"}', 1],
    ['call_logger_http_request_duration_seconds_count{method="POST",route="/v1/calls",status="202"}', 2],
    ['call_logger_http_request_duration_seconds_count{method="POST",route="/v1/calls",status="422"}', 1],
    ['call_logger_drain_state{state="running"}', 1],
    ['call_logger_drain_state{state="retrying"}', 0],
    ['call_logger_store_state{state="up"}', 1],
    ['call_logger_spool_state{state="open"}', 1],
    ['call_logger_pool_connections_limit{pool="drain"}', 3],
    ['call_logger_ready', 1],
  ] as const) {
    t.equal(page.value(series), value, series);
  }
  t.equal(page.sum('call_logger_drain_batch_events_sum'), 7, 'every accepted event was in one batch');
  t.ok(page.sum('call_logger_drain_insert_duration_seconds_count', { result: 'committed' }) > 0);
  t.ok(page.sum('call_logger_spool_sync_duration_seconds_sum') > 0);
  t.ok(page.sum('call_logger_disk_free_bytes') > 0);
  t.equal(page.value('call_logger_disk_reserve_bytes'), 16 * 2 ** 20);
});

t.test('nothing that a client makes up becomes a label', async (t) => {
  const { url, post } = await openHouse(t, { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
  for (const path of ['/v1/nothing', '/secret-1?secret-2', '/v1/calls/secret-3/nothing'])
    t.equal((await fetch(new URL(path, url))).status, 404);
  t.equal((await fetch(new URL('/v1/calls', url), { method: 'DELETE' })).status, 405);
  t.equal((await fetch(new URL('/v1/calls/secret-4', url))).status, 503);
  t.equal((await post('/v1/events', { type: 'secret-5', 'secret-6': 1 })).status, 422);
  const client = new RawClient(Number(new URL(url).port));
  await client.send('SECRET-7 /secret-8 HTTP/1.1\r\nHost: x\r\n\r\n');
  t.equal((await client.answer()).status, 400);
  client.socket.destroy();

  const response = await fetch(new URL('/metrics', url));
  t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  t.notMatch(await response.text(), /secret/i);
  const page = await readPage(url);
  const count = 'call_logger_http_request_duration_seconds_count';
  t.equal(page.value(`${count}{method="any",route="unmatched",status="404"}`), 3);
  t.equal(page.value(`${count}{method="any",route="unmatched",status="405"}`), 1);
  t.equal(page.value(`${count}{method="GET",route="/v1/calls/:call_id",status="503"}`), 1);
  t.equal(page.value('call_logger_http_requests_refused_total{problem="malformed_request"}'), 1);
});

t.test('with PostgreSQL away the page answers, and what is not known is absent, not 0', async (t) => {
  const database = await createMigratedDatabase(t);
  const gate = await createGate(t, database.url);
  const { url, post } = await openHouse(t, { DATABASE_URL: gate.url, SPOOL_MAX_BYTES: String(2 ** 20) });
  t.equal((await post('/v1/calls', callOf('a'))).status, 202);
  const away = await readPage(url);
  t.strictSame(away.labels('call_logger_events_settled_total', 'outcome'), []);
  t.equal(away.value('call_logger_backup_last_good_timestamp_seconds'), undefined);
  t.equal(away.value('call_logger_events_received_total{key=""}'), 1, 'without keys there is one sender');
  t.equal(away.value('call_logger_events_accepted_total'), 1);
  t.equal(away.value('call_logger_spool_events'), 1);
  t.ok((away.value('call_logger_spool_oldest_age_seconds') ?? 0) > 0);
  t.equal(away.value('call_logger_drain_state{state="running"}'), 0);

  const large = Array.from({ length: 100 }, (_, i) => callOf(`b${i}`, { raw: { text: 'x'.repeat(5_000) } }));
  let refused = 0;
  for (let i = 0; refused === 0; i++)
    if ((await post('/v1/events', large)).status === 503) refused = large.length;
  const full = await readPage(url);
  t.equal(full.value('call_logger_events_unacknowledged_total{reason="spool_full"}'), refused);
  t.equal(full.value('call_logger_spool_faults_total{kind="full"}'), 1);
  t.equal(full.value('call_logger_spool_state{state="full"}'), 1);
  t.equal(full.value('call_logger_ready'), 0);
  const lost = full.sum('call_logger_events_received_total') - refused;
  t.equal(full.value('call_logger_events_accepted_total'), lost, 'received = accepted + unacknowledged');

  await gate.open();
  t.ok(await flush(url, 30));
  const stored = await readPage(url);
  t.equal(stored.value('call_logger_spool_events'), 0);
  const settled = stored.sum('call_logger_events_settled_total');
  t.equal(settled, stored.value('call_logger_events_accepted_total'));

  await gate.shut();
  t.equal((await post('/v1/calls', callOf('z'))).status, 202);
  await until(async () => (await readPage(url)).sum('call_logger_drain_retries_total') > 0);
  const again = await readPage(url);
  t.strictSame(again.labels('call_logger_drain_retries_total', 'class'), ['connection']);
  t.ok(again.sum('call_logger_drain_insert_duration_seconds_count', { result: 'failed' }) > 0);
  t.equal(again.sum('call_logger_events_settled_total'), settled, 'what was known stays known');
});

t.test(
  'upkeep is told from its audit: successes, durations, backups, and a backup that is refuted',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const { url, post, dataDir } = await openHouse(t, {
      DATABASE_URL: database.url,
      BACKUP_INTERVAL_DAYS: '3',
    });
    const value = async (series: string): Promise<number | undefined> => (await readPage(url)).value(series);
    const lastGood = 'call_logger_backup_last_good_timestamp_seconds';
    await until(async () => (await value(lastGood)) === 0);
    t.equal(await value('call_logger_backup_interval_seconds'), 259_200);

    const before = Date.now() / 1000;
    t.equal((await post('/v1/admin/cleanup', {})).status, 200);
    const made = await post('/v1/admin/backups?wait=true');
    t.equal(made.status, 201);
    const { pathname } = new URL(made.headers.get('location') ?? '', url);
    t.equal((await post(`${pathname}/verify`)).status, 200);
    await until(async () => ((await value('call_logger_backup_last_verified_timestamp_seconds')) ?? 0) > 0);
    const page = await readPage(url);
    for (const task of ['cleanup', 'backup', 'verify']) {
      t.equal(page.value(`call_logger_upkeep_last_run_success{task="${task}"}`), 1, task);
      const at = page.value(`call_logger_upkeep_last_success_timestamp_seconds{task="${task}"}`) ?? 0;
      t.ok(at >= before - 1 && at <= Date.now() / 1000 + 1, 'in seconds since 1970');
      const took = page.value(`call_logger_upkeep_last_duration_seconds{task="${task}"}`) ?? -1;
      t.ok(took >= 0 && took < 120, 'in seconds');
    }
    t.ok((page.value(lastGood) ?? 0) >= before - 1);

    const file = join(dataDir, 'backups', `${pathname.split('/').at(-1) ?? ''}.sql.gz`);
    const bytes = await readFile(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(file, bytes);
    t.equal((await post(`${pathname}/verify`)).status, 200);
    await until(async () => (await value('call_logger_upkeep_last_run_success{task="verify"}')) === 0);
    t.equal(await value(lastGood), 0, 'a refuted backup is no good one');
  },
);
