/** What goes to the writer thread, and how much of it at once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Database } from '../../adapters/embedded/database';
import type { Statement, WriterRequest } from '../../adapters/embedded/writer';

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-database-'));
  database = await Database.open(folder);
  await database.write({ statements: [['CREATE TABLE rows (one INTEGER, two INTEGER)', []]] });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await database.close();
  rmSync(folder, { recursive: true });
});

test('a message carries few values more than its bound, however many operations wait and however large they are', async () => {
  const sent = jest.spyOn(Worker.prototype, 'postMessage');
  const statements = (operation: number): Statement[] =>
    Array.from({ length: 99 }, (_, i) => ['INSERT INTO rows VALUES (?, ?)', [operation, i]]);
  await Promise.all(
    Array.from({ length: 200 }, (_, operation) => database.write({ statements: statements(operation) })),
  );
  expect(database.get('SELECT count(*) AS count FROM rows')).toEqual({ count: 200 * 99 });
  const values = sent.mock.calls.map(([message]) => (message as Exclude<WriterRequest, string>).program.length);
  expect(Math.max(...values)).toBeLessThan(5_500);
  expect(values.length).toBeLessThan(30);
});
