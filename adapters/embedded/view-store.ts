/**
 * Read models on SQLite: a table per view, a row per contribution, an expression index per field that is filtered on.
 */
import type { ViewPage, ViewQuery, ViewRow, ViewStore } from '../../app/engine/ports';
import { continuationAfter, placeOf } from '../../domain/kernel/continuation';
import type { Database } from './database';
import type { SQLInputValue } from './sqlite';
import type { Statement } from './writer';

interface StoredRow {
  readonly tenant: string;
  readonly key: string;
  readonly source: string;
  readonly idx: number;
  readonly doc: string;
}

const VIEW_NAME = /^[a-z][a-z0-9-]*\.v\d+(\.\d+)?$/;
const FIELD_NAME = /^[a-zA-Z][a-zA-Z0-9_]*(\[\])?$/;

export class SqliteViewStore implements ViewStore {
  /** Fields that hold arrays, by view. */
  private readonly arrays = new Map<string, ReadonlySet<string>>();

  constructor(private readonly database: Database) {}

  async declare(view: string, fields: readonly string[]): Promise<void> {
    const name = table(view);
    const statements: Statement[] = [
      [
        `CREATE TABLE IF NOT EXISTS ${name} (tenant TEXT NOT NULL, key TEXT NOT NULL, source TEXT NOT NULL, idx INTEGER NOT NULL, doc TEXT, PRIMARY KEY (tenant, key, source)) WITHOUT ROWID`,
        [],
      ],
    ];
    const arrays = new Set<string>();
    for (const field of fields) {
      if (!FIELD_NAME.test(field)) throw new RangeError(`not a field name: ${field}`);
      if (field.endsWith('[]')) arrays.add(field.slice(0, -2));
      else
        statements.push([
          `CREATE INDEX IF NOT EXISTS "${view}:${field}" ON ${name} (tenant, ${path(field)}, key, source)`,
          [],
        ]);
    }
    this.arrays.set(view, arrays);
    await this.database.write({ statements });
  }

  async put(view: string, rows: readonly ViewRow[]): Promise<void> {
    if (rows.length === 0) return;
    const sql = `INSERT INTO ${table(view)} (tenant, key, source, idx, doc) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (tenant, key, source) DO UPDATE SET idx = excluded.idx, doc = excluded.doc WHERE excluded.idx > idx`;
    await this.database.write({
      statements: rows.map((row) => [
        sql,
        [row.tenant, row.key, row.source, row.index, row.doc === null ? null : JSON.stringify(row.doc)],
      ]),
    });
  }

  async get<D>(
    view: string,
    tenant: string,
    key: string,
    source: string,
  ): Promise<(ViewRow<D> & { doc: D }) | undefined> {
    const row = this.database.get<StoredRow>(
      `SELECT * FROM ${table(view)} WHERE tenant = ? AND key = ? AND source = ? AND doc IS NOT NULL`,
      tenant,
      key,
      source,
    );
    return row === undefined ? undefined : parse<D>(row);
  }

  async query<D>(view: string, query: ViewQuery): Promise<ViewPage<D>> {
    const conditions = ['tenant = ?', 'doc IS NOT NULL'];
    const parameters: SQLInputValue[] = [query.tenant];
    const where = (sql: string, ...values: SQLInputValue[]) => {
      conditions.push(sql);
      parameters.push(...values);
    };
    if (query.key !== undefined) where('key = ?', query.key);
    if (query.keyPrefix !== undefined) where('key >= ? AND key < ?', query.keyPrefix, `${query.keyPrefix}\u{10FFFF}`);
    for (const [field, value] of Object.entries(query.where ?? {})) {
      const bound = typeof value === 'boolean' ? Number(value) : value;
      if (this.arrays.get(view)?.has(field))
        where(`EXISTS (SELECT 1 FROM json_each(doc, '$.${checked(field)}') WHERE value = ?)`, bound);
      else where(`${path(field)} = ?`, bound);
    }
    for (const [field, value] of Object.entries(query.atLeast ?? {})) where(`${path(field)} >= ?`, value);
    if (query.continuation !== undefined) where('(key, source) > (?, ?)', ...placeOf(query.continuation));
    const limit = Math.max(1, Math.min(1_000, Math.trunc(query.limit)));
    const rows = this.database.all<StoredRow>(
      `SELECT * FROM ${table(view)} WHERE ${conditions.join(' AND ')} ORDER BY key, source LIMIT ?`,
      ...parameters,
      limit + 1,
    );
    const page = rows.slice(0, limit).map((row) => parse<D>(row));
    const last = page.at(-1);
    return rows.length > limit && last !== undefined
      ? { rows: page, continuation: continuationAfter(last.key, last.source) }
      : { rows: page };
  }

  async tenants(view: string): Promise<readonly string[]> {
    return this.database
      .all<{ tenant: string }>(`SELECT DISTINCT tenant FROM ${table(view)} ORDER BY tenant`)
      .map(({ tenant }) => tenant);
  }

  async drop(view: string): Promise<void> {
    await this.database.write({ statements: [[`DROP TABLE IF EXISTS ${table(view)}`, []]] });
    this.arrays.delete(view);
  }

  async list(): Promise<readonly string[]> {
    return this.database
      .all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'view:%' ORDER BY name")
      .map(({ name }) => name.slice('view:'.length));
  }
}

function table(view: string): string {
  if (!VIEW_NAME.test(view)) throw new RangeError(`not a view name (name.v1): ${view}`);
  return `"view:${view}"`;
}

function checked(field: string): string {
  if (!FIELD_NAME.test(field)) throw new RangeError(`not a field name: ${field}`);
  return field;
}

function path(field: string): string {
  return `json_extract(doc, '$.${checked(field)}')`;
}

function parse<D>(row: StoredRow): ViewRow<D> & { doc: D } {
  return { tenant: row.tenant, key: row.key, source: row.source, index: row.idx, doc: JSON.parse(row.doc) as D };
}
