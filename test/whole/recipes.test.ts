import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../helpers/drain.js';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { startService, temporaryDirectory } from '../helpers/service.js';
import { fill } from '../bench/fill.js';
import { fixtureEvents } from '../bench/rows.js';
import { root } from '../helpers/program.js';

t.setTimeout(120_000);

const readme = readFileSync(`${root}README.md`, 'utf8');

interface Recipe {
  readonly question: string;
  readonly path: string;
  readonly query: string;
}
type Row = Readonly<Record<string, string | number | null>>;

/** Every question of the README: its request, and the same in SQL. */
const recipes: Recipe[] = [
  ...readme.matchAll(/^\*\*([^*]+)\*\*[^\n]*\n+```http\nGET (\S+)\n```\n+```sql\n([\s\S]*?)```$/gm),
].map(([, question = '', path = '', query = '']) => ({ question, path, query }));

/** In an order of its own, with numbers as far as both sides can agree on them. */
function comparable(rows: readonly Row[]): string[] {
  const rounded = (value: string | number | null): string | number | null => {
    const number = value === null || value === '' ? NaN : Number(value);
    return Number.isNaN(number) ? value : number.toPrecision(9);
  };
  const line = (row: Row): string =>
    JSON.stringify(
      Object.entries(row)
        .map(([name, value]) => [name, rounded(value)])
        .sort(),
    );
  return rows.map(line).sort();
}

t.test('every question of the README gets the answer that its SQL gives', async (t) => {
  t.equal(recipes.length, 12);
  const database = await createMigratedDatabase(t);
  const pool = database.pool();
  const events = fixtureEvents();
  await fill({ databaseUrl: database.url, events, calls: 400, weeks: 20, add: false }, () => undefined);
  const directory = await temporaryDirectory(t);
  const service = await startService({ DATABASE_URL: database.url, DATA_DIR: join(directory, 'data') });
  await until(async () => (await fetch(`${service.url}/v1/calls?limit=1`)).status === 200);
  for (const { question, path, query } of recipes) {
    const response = await fetch(service.url + path);
    t.equal(response.status, 200, question);
    // Checked against the schema of the route by its own tests.
    const { groups } = (await response.json()) as { groups: Row[] };
    const { rows } = await pool.query<Row>(query);
    t.ok(groups.length > 0, `${question} has an answer`);
    t.strictSame(comparable(groups), comparable(rows), question);
  }
  t.equal(await service.end('SIGTERM'), 0);
});
