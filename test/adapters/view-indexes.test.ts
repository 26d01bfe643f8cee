/** Every filter of a list is looked up in an index, and no page passes what lies before it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Database } from '../../adapters/embedded/database';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import type { ViewQuery, ViewRow } from '../../app/engine/ports';
import { continuationAfter } from '../../domain/kernel/continuation';
import { agents } from '../../projections/market/agents';
import { tasks } from '../../projections/market/tasks';
import { actions } from '../../projections/oversight/actions';
import { approvals } from '../../projections/oversight/approvals';
import { corrections } from '../../projections/oversight/corrections';
import { rounds } from '../../projections/oversight/rounds';
import { ALL, viewName } from '../../projections/projection';
import { tools } from '../../projections/repository/tools';
import { trails } from '../../projections/signals/trails';

const TENANT = 'acme';
const FILTERED = [agents, tasks, actions, approvals, corrections, rounds, tools, trails];
const FIELDS = FILTERED.flatMap((view) => view.fields.map((field) => [viewName(view), field] as const));

describe('views in SQLite', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'formicary-views-'));
  let database: Database;
  let store: SqliteViewStore;

  beforeAll(async () => {
    database = await Database.open(folder);
    store = new SqliteViewStore(database);
    for (const view of FILTERED) await store.declare(viewName(view), view.fields);
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What SQLite says of how it finds the rows. */
  const planOf = (view: string, query: Omit<ViewQuery, 'tenant' | 'limit'>): string => {
    const [sql, parameters] = store.statementOf(view, { tenant: TENANT, limit: 100, ...query });
    return database
      .all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...parameters)
      .map(({ detail }) => detail)
      .join('; ');
  };
  const filter = (field: string) => ({ [field.replace('[]', '')]: 'x' });

  test.each(FIELDS)('%s: a list with a filter on %s is looked up, and needs no sorting', (view, field) => {
    for (const key of [{}, { key: ALL }]) {
      const plan = planOf(view, { ...key, where: filter(field) });
      if (field.endsWith('[]')) expect(plan).toMatch(/SEARCH item USING PRIMARY KEY \(tenant=\? AND value=\?/);
      else expect(plan).toContain(`SEARCH row USING INDEX ${view}:${field} (tenant=? AND <expr>=?`);
      expect(plan).not.toContain('SCAN');
      expect(plan).not.toContain('TEMP B-TREE');
    }
  });

  test.each(FILTERED.map(viewName))('%s: the next page of a list begins where it ended', (view) => {
    const continuation = continuationAfter(ALL, 'last');
    expect(planOf(view, { key: ALL, continuation })).toBe(
      'SEARCH row USING PRIMARY KEY (tenant=? AND key=? AND source>?)',
    );
  });

  test.each(FIELDS)('%s: the next page of a list filtered by %s begins where it ended', (view, field) => {
    const plan = planOf(view, { key: ALL, where: filter(field), continuation: continuationAfter(ALL, 'last') });
    expect(plan).toMatch(/key=\? AND source>\?\)/);
  });

  test('signals below a place are looked up, and those at a place', () => {
    const atLeast = { goneAt: '2026-11-21T10:00:00.000Z', strength: 0.1 };
    expect(planOf(viewName(trails), { keyPrefix: 'warehouse/', atLeast })).toBe(
      'SEARCH row USING PRIMARY KEY (tenant=? AND key>? AND key<?)',
    );
    expect(planOf(viewName(trails), { key: 'warehouse/dock-1', atLeast })).toBe(
      'SEARCH row USING PRIMARY KEY (tenant=? AND key=?)',
    );
    expect(planOf(viewName(trails), { key: 'warehouse/dock-1', where: { type: 'x' }, atLeast })).not.toContain('SCAN');
  });

  test('of two filters the one that leaves fewer rows is looked up', async () => {
    const view = 'pairs.v1';
    await store.declare(view, ['status', 'agent', 'tags[]']);
    const rows = Array.from({ length: 300 }, (_, n): ViewRow<{ status: string; agent: string; tags: string[] }> => ({
      tenant: TENANT,
      key: ALL,
      source: `row-${n}`,
      index: 0,
      doc: { status: n % 100 === 0 ? 'rare' : 'usual', agent: n % 2 === 0 ? 'ann' : 'bob', tags: [`tag-${n % 30}`] },
    }));
    await store.put(view, rows);
    const pairs = { usual: 'agent', rare: 'status' };
    for (const [status, field] of Object.entries(pairs))
      expect(planOf(view, { where: { status, agent: 'ann' } })).toContain(`INDEX ${view}:${field}`);
    expect(planOf(view, { where: { status: 'usual', tags: 'tag-3' } })).toContain('SEARCH item');
    const found = await store.query(view, { tenant: TENANT, limit: 10, where: { agent: 'bob', tags: 'tag-3' } });
    const odd = rows.filter(({ doc }) => ['bob', 'tag-3'].join() === [doc?.agent, ...(doc?.tags ?? [])].join());
    expect(found.rows.map(({ source }) => source)).toEqual(odd.map(({ source }) => source).sort());
    expect(found.rows).toHaveLength(10);
  });

  test('also where both leave many', async () => {
    const view = 'many.v1';
    await store.declare(view, ['status', 'agent']);
    const row = (n: number): ViewRow => ({
      tenant: TENANT,
      key: ALL,
      source: `row-${n}`,
      index: 0,
      doc: { status: 'completed', agent: n % 2 === 0 ? 'ann' : 'bob' },
    });
    await store.put(
      view,
      Array.from({ length: 4_000 }, (_, n) => row(n)),
    );
    expect(planOf(view, { where: { status: 'completed', agent: 'ann' } })).toContain(`INDEX ${view}:agent`);
    expect(await store.tenants(view)).toEqual([TENANT]);
  });

  test('a table of values that nothing keeps is made anew', async () => {
    const view = 'remade.v1';
    await store.declare(view, ['tags[]']);
    await store.put(view, [{ tenant: TENANT, key: ALL, source: 'one', index: 0, doc: { tags: ['old'] } }]);
    // As an older version drops a view: without the table of its values.
    await database.write({ statements: [['DROP TABLE "view:remade.v1"', []]] });
    await store.declare(view, ['tags[]']);
    await store.put(view, [{ tenant: TENANT, key: ALL, source: 'two', index: 0, doc: { tags: ['new'] } }]);
    const sources = async (tags: string) =>
      (await store.query(view, { tenant: TENANT, limit: 10, where: { tags } })).rows.map(({ source }) => source);
    expect(await sources('new')).toEqual(['two']);
    expect(await sources('old')).toEqual([]);
  });

  test('what a view held before its values had a table is found, and a dropped view leaves nothing', async () => {
    const view = 'older.v1';
    await store.declare(view, []);
    await store.put(view, [{ tenant: TENANT, key: ALL, source: 'one', index: 0, doc: { tags: ['a', 'b'] } }]);
    await store.declare(view, ['tags[]']);
    const sources = async (tags: string) =>
      (await store.query(view, { tenant: TENANT, limit: 10, where: { tags } })).rows.map(({ source }) => source);
    expect(await sources('b')).toEqual(['one']);
    await store.put(view, [{ tenant: TENANT, key: ALL, source: 'one', index: 1, doc: { tags: ['c'] } }]);
    expect(await sources('b')).toEqual([]);
    expect(await sources('c')).toEqual(['one']);
    await store.put(view, [{ tenant: TENANT, key: ALL, source: 'one', index: 2, doc: null }]);
    expect(await sources('c')).toEqual([]);
    await store.drop(view);
    expect(database.all("SELECT name FROM sqlite_schema WHERE name LIKE '%older%'")).toEqual([]);
  });
});
