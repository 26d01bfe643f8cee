/**
 * Read models on SQLite: a table per view, a row per contribution. What is filtered on has an expression index, or a
 * table of its values where a field holds several.
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

/** Equality with a value, or that it is among several. */
interface Filter {
  readonly field: string;
  readonly several: boolean;
  readonly value: string | number;
}

/** Fields that queries filter on, and that have an index: of one value each, and of several. */
interface Fields {
  readonly single: ReadonlySet<string>;
  readonly several: ReadonlySet<string>;
}

const NO_FIELDS: Fields = { single: new Set(), several: new Set() };
/** Of several filters the narrowest is looked up: as many rows of each are counted first, and at most. */
const COUNTED = 1_000;
const MOST_COUNTED = 64_000;

export class SqliteViewStore implements ViewStore {
  private readonly fields = new Map<string, Fields>();

  constructor(private readonly database: Database) {}

  async declare(view: string, fields: readonly string[]): Promise<void> {
    const name = table(view);
    const statements: Statement[] = [
      [
        `CREATE TABLE IF NOT EXISTS ${name} (tenant TEXT NOT NULL, key TEXT NOT NULL, source TEXT NOT NULL, idx INTEGER NOT NULL, doc TEXT, PRIMARY KEY (tenant, key, source)) WITHOUT ROWID`,
        [],
      ],
    ];
    const single = new Set<string>();
    const several = new Set<string>();
    for (const field of fields) {
      if (!FIELD_NAME.test(field)) throw new RangeError(`not a field name: ${field}`);
      if (field.endsWith('[]')) {
        several.add(field.slice(0, -2));
        statements.push(...this.itemsOf(view, field.slice(0, -2)));
      } else {
        single.add(field);
        statements.push([
          `CREATE INDEX IF NOT EXISTS ${index(view, field)} ON ${name} (tenant, ${path(field)}, key, source)`,
          [],
        ]);
      }
    }
    this.fields.set(view, { single, several });
    await this.database.write({ statements });
  }

  /** A table of each value that the field holds, which triggers keep as the rows are; filled once, when it is new. */
  private itemsOf(view: string, field: string): Statement[] {
    const name = items(view, field);
    const own = name.slice(1, -1);
    const parts = [own, `${own}:added`, `${own}:changed`];
    const there = this.database.all(`SELECT 1 FROM sqlite_schema WHERE name IN (?, ?, ?)`, ...parts);
    if (there.length === parts.length) return [];
    const valuesOf = (row: string) =>
      `SELECT ${row}.tenant, value, ${row}.key, ${row}.source FROM json_each(${row}.doc, '$.${field}')`;
    const removed = `DELETE FROM ${name} WHERE (tenant, value, key, source) IN (${valuesOf('old')})`;
    const added = `INSERT OR IGNORE INTO ${name} ${valuesOf('new')}`;
    const fieldOf = (row: string) => `json_extract(${row}.doc, '$.${field}')`;
    return [
      // A table without its triggers is one of a view that was dropped by who knew nothing of it.
      ...parts.slice(1).map((trigger): Statement => [`DROP TRIGGER IF EXISTS "${trigger}"`, []]),
      [`DROP TABLE IF EXISTS ${name}`, []],
      [
        `CREATE TABLE ${name} (tenant TEXT NOT NULL, value NOT NULL, key TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (tenant, value, key, source)) WITHOUT ROWID`,
        [],
      ],
      [`CREATE TRIGGER "${own}:added" AFTER INSERT ON ${table(view)} BEGIN ${added}; END`, []],
      [
        `CREATE TRIGGER "${own}:changed" AFTER UPDATE ON ${table(view)} WHEN ${fieldOf('old')} IS NOT ${fieldOf('new')} BEGIN ${removed}; ${added}; END`,
        [],
      ],
      [
        `INSERT OR IGNORE INTO ${name} SELECT row.tenant, item.value, row.key, row.source FROM ${table(view)} AS row, json_each(row.doc, '$.${field}') AS item`,
        [],
      ],
    ];
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
    const limit = Math.max(1, Math.min(1_000, Math.trunc(query.limit)));
    const [sql, parameters] = this.statementOf(view, { ...query, limit: limit + 1 });
    const rows = this.database.all<StoredRow>(sql, ...parameters);
    const page = rows.slice(0, limit).map((row) => parse<D>(row));
    const last = page.at(-1);
    return rows.length > limit && last !== undefined
      ? { rows: page, continuation: continuationAfter(last.key, last.source) }
      : { rows: page };
  }

  /**
   * The statement that finds the first rows of a query, in order of key and source. It says by which index: the planner
   * does not know that every row of a tenant may be under one key, and would walk through them.
   */
  statementOf(view: string, query: ViewQuery): [sql: string, parameters: SQLInputValue[]] {
    const filters = Object.entries(query.where ?? {}).map(([field, value]) => {
      const several = this.fields.get(view)?.several.has(checked(field)) ?? false;
      return { field, several, value: typeof value === 'boolean' ? Number(value) : value };
    });
    const chosen = this.narrowest(view, query.tenant, filters);
    const conditions = ['row.doc IS NOT NULL'];
    const parameters: SQLInputValue[] = [];
    const where = (sql: string, ...values: SQLInputValue[]) => {
      conditions.push(sql);
      parameters.push(...values);
    };
    // Whoever has several values is looked up in the table of these, and its row then by its key.
    const first = chosen?.several === true ? 'item' : 'row';
    where(`${first}.tenant = ?`, query.tenant);
    if (chosen?.several === true) where('item.value = ?', chosen.value);
    if (query.key !== undefined) where(`${first}.key = ?`, query.key);
    if (query.keyPrefix !== undefined)
      where(`${first}.key >= ? AND ${first}.key < ?`, query.keyPrefix, `${query.keyPrefix}\u{10FFFF}`);
    for (const { field, several, value } of filters) {
      if (!several) where(`${path(field, 'row.')} = ?`, value);
      else if (field !== chosen?.field)
        where(`EXISTS (SELECT 1 FROM json_each(row.doc, '$.${checked(field)}') WHERE value = ?)`, value);
    }
    // With a plus before it an expression has no index: a place leaves fewer rows than a bound does.
    const bound = query.key !== undefined || query.keyPrefix !== undefined ? '+' : '';
    for (const [field, value] of Object.entries(query.atLeast ?? {}))
      where(`${bound}${path(field, 'row.')} >= ?`, value);
    if (query.continuation !== undefined) {
      const [key, source] = placeOf(query.continuation);
      // Within one key the place is found in the index, and not by passing what lies before it.
      if (key === query.key) where(`${first}.source > ?`, source);
      else where(`(${first}.key, ${first}.source) > (?, ?)`, key, source);
    }
    const from =
      chosen === undefined
        ? `${table(view)} AS row`
        : chosen.several
          ? `${items(view, chosen.field)} AS item CROSS JOIN ${table(view)} AS row ON row.tenant = item.tenant AND row.key = item.key AND row.source = item.source`
          : `${table(view)} AS row INDEXED BY ${index(view, chosen.field)}`;
    return [
      `SELECT row.* FROM ${from} WHERE ${conditions.join(' AND ')} ORDER BY ${first}.key, ${first}.source LIMIT ?`,
      [...parameters, query.limit],
    ];
  }

  /** The filter that leaves fewest rows, of those that have an index; undefined when none has. */
  private narrowest(view: string, tenant: string, filters: readonly Filter[]): Filter | undefined {
    const { single, several } = this.fields.get(view) ?? NO_FIELDS;
    const indexed = filters.filter(({ field }) => single.has(field) || several.has(field));
    if (indexed.length < 2) return indexed[0];
    for (let bound = COUNTED; ; bound *= 8) {
      const counts = indexed.map(({ field, several: many, value }) => {
        const found = many
          ? `SELECT 1 FROM ${items(view, field)} WHERE tenant = ? AND value = ?`
          : `SELECT 1 FROM ${table(view)} INDEXED BY ${index(view, field)} WHERE tenant = ? AND ${path(field)} = ?`;
        const sql = `SELECT count(*) AS count FROM (${found} LIMIT ${bound})`;
        return this.database.get<{ count: number }>(sql, tenant, value)?.count ?? 0;
      });
      const least = Math.min(...counts);
      if (least < bound || bound >= MOST_COUNTED) return indexed[counts.indexOf(least)];
    }
  }

  async tenants(view: string): Promise<readonly string[]> {
    const found: string[] = [];
    // From one to the next in the index: DISTINCT would pass every row.
    const next = `SELECT min(tenant) AS tenant FROM ${table(view)} WHERE tenant > ?`;
    const after = (tenant: string) => this.database.get<{ tenant: string | null }>(next, tenant)?.tenant ?? null;
    for (let tenant = after(''); tenant !== null; tenant = after(tenant)) found.push(tenant);
    return found;
  }

  async drop(view: string): Promise<void> {
    const ofItems = this.database.all<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE ? || '%'",
      `items:${view}:`,
    );
    const names = [table(view), ...ofItems.map(({ name }) => `"${name}"`)];
    await this.database.write({ statements: names.map((name) => [`DROP TABLE IF EXISTS ${name}`, []]) });
    this.fields.delete(view);
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

/** @param of the row's name in the statement, with a point */
function path(field: string, of = ''): string {
  return `json_extract(${of}doc, '$.${checked(field)}')`;
}

function index(view: string, field: string): string {
  return `"${view}:${checked(field)}"`;
}

/** The table of the values that a field of several holds. */
function items(view: string, field: string): string {
  table(view);
  return `"items:${view}:${checked(field)}"`;
}

function parse<D>(row: StoredRow): ViewRow<D> & { doc: D } {
  return { tenant: row.tenant, key: row.key, source: row.source, index: row.idx, doc: JSON.parse(row.doc) as D };
}
