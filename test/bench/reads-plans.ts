/** How PostgreSQL answers pages: the statements that the store makes of the questions, explained. */
import { createPool, orm } from '../../src/store/database.js';
import { type CallsQuestion, selectCalls } from '../../src/store/read/calls.js';
import type { Facts } from './reads-facts.js';

export interface PagePlan {
  readonly title: string;
  /** Tables and indexes in the order in which the plan tells of them. */
  readonly scans: readonly string[];
  readonly sorts: readonly string[];
  /** Rows that scans came upon, those that a filter threw away included. */
  readonly rowsRead: number;
  readonly blocks: number;
  readonly ms: number;
}

export async function explainPages(databaseUrl: string, facts: Facts): Promise<PagePlan[]> {
  const pool = createPool(
    { connectionString: databaseUrl },
    { name: 'bench', max: 1, statementTimeoutMs: 0 },
    () => undefined,
  );
  const { call_type, sport } = facts.filters;
  const after = { sent_at: facts.middle, call_id: facts.call_id };
  const both = { call_type: call_type.common, sport: sport.common };
  const questions: readonly (readonly [string, Omit<CallsQuestion, 'limit'>])[] = [
    ['first page', { filters: {} }],
    ['page after half of all', { filters: {}, after }],
    ['from, to', { filters: { from: facts.middle, to: facts.month_later } }],
    ['min_roi 2, max_roi 3', { filters: { min_roi: 2, max_roi: 3 } }],
    ['min_roi rare', { filters: { min_roi: facts.high_roi } }],
    ['call_type, sport', { filters: both }],
    ['call_type, sport, after half of all', { filters: both, after }],
    ...Object.entries(facts.filters).flatMap(([name, { common, rare }]) => [
      [`${name} common`, { filters: { [name]: common } }] as const,
      [`${name} rare`, { filters: { [name]: rare } }] as const,
    ]),
  ];
  const plans: PagePlan[] = [];
  try {
    for (const [title, question] of questions) {
      // As the route does it: one more than the page holds.
      const statement = selectCalls(orm(pool), { limit: 101, ...question }).toSQL();
      const { rows } = await pool.query<{ 'QUERY PLAN': readonly Explained[] }>(
        `explain (analyze, buffers, format json) ${statement.sql}`,
        statement.params,
      );
      const explained = rows[0]?.['QUERY PLAN'][0];
      if (explained === undefined) throw new Error(`no plan for ${statement.sql}`);
      plans.push({ title, ...told(explained) });
    }
  } finally {
    await pool.end();
  }
  return plans;
}

interface Explained {
  readonly Plan: PlanNode;
  readonly 'Execution Time': number;
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly PlanNode[];
}

function told({ Plan: root, 'Execution Time': ms }: Explained): Omit<PagePlan, 'title'> {
  const scans: string[] = [];
  const sorts: string[] = [];
  let rowsRead = 0;
  const visit = (node: PlanNode): void => {
    const { 'Node Type': type, 'Actual Loops': loops } = node;
    if (type.endsWith('Scan') && type !== 'Bitmap Heap Scan') {
      const name = node['Index Name'] ?? node['Relation Name'] ?? '';
      scans.push(type === 'Seq Scan' ? `all of ${name}` : name);
    }
    if (type.endsWith('Scan') && node['Relation Name'] !== undefined) {
      const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
      rowsRead += Math.round((node['Actual Rows'] + removed) * loops);
    }
    if (type.endsWith('Sort')) {
      const sorted = (node.Plans ?? []).reduce((sum, child) => sum + child['Actual Rows'], 0);
      sorts.push(`${type} of ${Math.round(sorted)}`);
    }
    for (const child of node.Plans ?? []) visit(child);
  };
  visit(root);
  const blocks = (root['Shared Hit Blocks'] ?? 0) + (root['Shared Read Blocks'] ?? 0);
  return { scans, sorts, rowsRead, blocks, ms };
}
