import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { ConfigError, readConfig } from '../../src/config/config.js';
import { version } from '../../src/config/version.js';
import { listen, testApp } from '../helpers/app.js';
import { root } from '../helpers/program.js';

const read = (file: string): string => readFileSync(`${root}${file}`, 'utf8');

interface Instruction {
  readonly keyword: string;
  readonly text: string;
}
/** The stages of the Dockerfile, each from its FROM on. */
const stages = read('Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split(/^(?=FROM )/m)
  .map((stage) =>
    [...stage.matchAll(/^([A-Z]+) +(.*)$/gm)].map(([, keyword = '', text = '']): Instruction => ({
      keyword,
      text,
    })),
  )
  .filter((stage) => stage.length > 0);
const image = stages.at(-1) ?? [];
const textsOf = (stage: readonly Instruction[], keyword: string): string[] =>
  stage.filter((instruction) => instruction.keyword === keyword).map(({ text }) => text);
const textOf = (keyword: string): string => textsOf(image, keyword).at(-1) ?? '';
const stageNamed = (name: string): readonly Instruction[] =>
  stages.find((stage) => stage[0]?.text.endsWith(` AS ${name}`)) ?? [];

/** Sources and target of every COPY of a stage, and the stage they come from. */
function copiesOf(stage: readonly Instruction[]) {
  return textsOf(stage, 'COPY').map((text) => {
    const words = text.split(' ');
    const from = words[0]?.startsWith('--from=') === true ? words.shift()?.slice(7) : undefined;
    return { from, sources: words.slice(0, -1), target: words.at(-1) ?? '' };
  });
}

const environment = Object.fromEntries(
  textOf('ENV')
    .split(' ')
    .map((pair) => pair.split('=')),
) as Record<string, string>;
const keys = {
  INGEST_KEYS: 'bot:ingest-secret-1234',
  READ_KEYS: 'ana:read-secret-123456',
  ADMIN_KEYS: 'ops:admin-secret-12345',
};

t.test('the image is Node 24 on Debian, and runs as a user who is not root', async (t) => {
  for (const [from] of stages) t.match(from?.text, /^(node:24-bookworm-slim( AS \w+)?|base AS \w+)$/);
  t.match(textOf('USER'), /^[1-9]\d*:[1-9]\d*$/, 'by number, so that Kubernetes sees it');
  t.equal(/image\.version="([^"]+)"/.exec(textOf('LABEL'))?.[1], version);
});

t.test('in the image are the build and what it needs to run, and nothing else', async (t) => {
  t.strictSame(textsOf(stageNamed('dependencies'), 'RUN'), ['npm ci --omit=dev --no-audit --no-fund']);
  const copies = copiesOf(image);
  t.strictSame(
    copies.filter(({ from }) => from !== undefined),
    [
      { from: 'dependencies', sources: ['/app/node_modules'], target: './node_modules' },
      { from: 'build', sources: ['/app/dist'], target: './dist' },
    ],
  );
  const fromContext = copies.filter(({ from }) => from === undefined).flatMap(({ sources }) => sources);
  t.strictSame(fromContext.sort(), ['LICENSE', 'drizzle/migrations', 'package.json']);
  const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' });
  const wanted = files
    // What developers run writes into the project.
    .filter((file) => file.endsWith('.ts') && file !== 'cli/export-openapi.ts')
    .flatMap((file) => [
      ...read(`src/${file}`).matchAll(/new URL\('(?:\.\.\/)+([^'.][^']*)', import\.meta\.url\)/g),
    ])
    .map(([, path = '']) => path);
  t.ok(wanted.length >= 2, 'files that the service reads from its own directory were found');
  for (const path of wanted) t.ok(fromContext.includes(path), `${path} is in the image`);
});

t.test('the build sees only what it copies: no data, no keys, no history', async (t) => {
  const copied = stages
    .flatMap(copiesOf)
    .filter(({ from }) => from === undefined)
    .flatMap(({ sources }) => sources);
  const [all, ...others] = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  t.equal(all, '*');
  t.equal(others.pop(), '**/README.md', 'a word of a README changes nothing that is built');
  t.strictSame(others.sort(), [...new Set(copied)].map((path) => `!${path}`).sort());
});

t.test('signals reach the service, and somebody reaps', async (t) => {
  t.equal(textOf('ENTRYPOINT'), '["tini", "--"]');
  t.match(textOf('RUN'), /apt-get install .*\btini\b/);
  t.equal(textOf('CMD'), '["node", "dist/server.js"]');
});

t.test('what is on the volume survives, and belongs to the user of the service', async (t) => {
  t.equal(textOf('VOLUME'), environment['DATA_DIR']);
  t.match(
    textOf('RUN'),
    new RegExp(`install --directory --owner=node --group=node --mode=\\d+ ${textOf('VOLUME')}$`),
  );
  t.equal(textOf('EXPOSE'), environment['PORT']);
});

t.test('the image is open to other machines, and so starts with keys only', async (t) => {
  t.throws(() => readConfig(environment), {
    message: /HOST=0\.0\.0\.0 .* INGEST_KEYS, READ_KEYS and ADMIN_KEYS/,
  });
  t.match(readConfig({ ...environment, ...keys }), {
    host: '0.0.0.0',
    dataDir: '/data',
    databaseUrl: undefined,
  });
});

t.test('the health check is right about a door that is ready, not ready, and not there', async (t) => {
  const [, script = ''] = /^.*CMD \["node", "-e", "(.*)"\]$/.exec(textOf('HEALTHCHECK')) ?? [];
  const check = async (port: number): Promise<number | null> => {
    const child = spawn(process.execPath, ['-e', script], { env: { PORT: String(port) }, stdio: 'ignore' });
    await once(child, 'exit');
    return child.exitCode;
  };
  let ready = true;
  const { app } = testApp({
    status: {
      status: () => {
        throw new Error('nobody asked');
      },
      readiness: () => ({ ready, checks: { spool: 'open', store: 'down', drain: 'retrying' } }),
    },
  });
  const port = await listen(app);
  t.equal(await check(port), 0);
  ready = false;
  t.equal(await check(port), 1);
  await app.close();
  t.equal(await check(port), 1);
});

interface Service {
  readonly image: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly [other: string]: unknown;
}
// Its schema is not ours to test; every member read below is compared with what it has to be.
const compose = parse(read('docker-compose.yml')) as {
  readonly services: { readonly 'call-logger': Service; readonly postgres: Service };
  readonly volumes: Readonly<Record<string, unknown>>;
};
const { 'call-logger': service, postgres } = compose.services;
const secrets = { ...keys, POSTGRES_PASSWORD: 'c0ffee' };

/** Variables put in as Compose does. */
function resolved(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)(:[?-])([^}]*)\}/g, (_, name: string, operator: string, rest: string) => {
    const value = variables[name] ?? '';
    if (value === '' && operator === ':?') throw new Error(`${name} ${rest}`);
    return value === '' ? rest : value;
  });
}

function environmentOf(part: Service, variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(part.environment).map(([name, value]) => [name, resolved(String(value), variables)]),
  );
}

t.test('compose: keys and password have to be set, and make a configuration that is valid', async (t) => {
  for (const name of Object.keys(secrets)) {
    t.throws(
      () => environmentOf(service, { ...secrets, [name]: '' }),
      { message: `${name} is not set` },
      name,
    );
  }
  const database = environmentOf(postgres, secrets);
  t.throws(() => environmentOf(postgres, {}), { message: 'POSTGRES_PASSWORD is not set' });
  const config = readConfig({ ...environment, ...environmentOf(service, secrets) });
  const { POSTGRES_USER: user = '', POSTGRES_PASSWORD: password = '', POSTGRES_DB: name = '' } = database;
  t.equal(config.databaseUrl, `postgres://${user}:${password}@postgres:5432/${name}`);
  t.equal(config.keys.length, 3);
  t.equal(config.retentionDays, readConfig({}).retentionDays, 'empty is the default');
  t.throws(
    () => readConfig({ ...environment, ...environmentOf(service, { ...secrets, READ_KEYS: 'ana:short' }) }),
    ConfigError,
  );
});

t.test('compose: data of both outlives the containers', async (t) => {
  t.strictSame(service.volumes, [`data:${textOf('VOLUME')}`]);
  t.equal(postgres.image, 'postgres:18');
  t.strictSame(postgres.volumes, ['postgres:/var/lib/postgresql'], 'where 18 has its volume');
  t.strictSame(Object.keys(compose.volumes).sort(), ['data', 'postgres']);
});

t.test('compose: the door does not wait for the database, and everything comes back by itself', async (t) => {
  t.strictSame(service.depends_on, { postgres: { condition: 'service_started' } });
  t.match(postgres.healthcheck?.test, ['CMD', 'pg_isready', '--host=127.0.0.1']);
  for (const part of [service, postgres]) t.equal(part['restart'], 'unless-stopped');
});

t.test('compose: the service has the time that it takes to stop', async (t) => {
  const { shutdownGraceMs } = readConfig({ ...environment, ...environmentOf(service, secrets) });
  const [, seconds] = /^(\d+)s$/.exec(String(service['stop_grace_period'])) ?? [];
  t.ok(Number(seconds) * 1000 >= 2 * shutdownGraceMs);
});

t.test(
  'compose: the service can do nothing but its work, and is reached from this machine only',
  async (t) => {
    t.match(service, { read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'] });
    for (const part of [service, postgres]) t.match(part['security_opt'], ['no-new-privileges:true']);
    t.strictSame(
      service.ports?.map((port) => resolved(port, {})),
      [`127.0.0.1:3000:${textOf('EXPOSE')}`],
    );
    t.equal(postgres.ports, undefined);
  },
);
