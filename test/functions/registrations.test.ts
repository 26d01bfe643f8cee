/**
 * What the app registers when the worker loads it, held to the reviewed list in registrations.json. After a change that
 * is meant: `UPDATE_REGISTRATIONS=1 npx jest test/functions/registrations.test.ts`, and look at the difference.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledApp } from '../support/host';

const REVIEWED = join(__dirname, 'registrations.json');

/** In a process of its own, since an app is loaded once a process: by its package.json, start and end included. */
const PROGRAM = `
  const [loader, app, output] = process.argv.slice(1);
  require(loader).loadApp(app).then(async ({ registrations, terminate }) => {
    // The SDK draws the names of bindings by chance.
    const list = registrations.map(({ name, bindings, retryOptions }) => ({ name, retryOptions, bindings: Object.values(bindings).map(({ name: _, properties: __, ...binding }) => binding) }));
    await terminate();
    require('node:fs').writeFileSync(output, JSON.stringify(list.sort((a, b) => (a.name < b.name ? -1 : 1))));
  });`;

test('the built package registers what was reviewed', () => {
  const app = compiledApp();
  const data = mkdtempSync(join(tmpdir(), 'formicary-registrations-'));
  try {
    const output = join(data, 'list.json');
    execFileSync(process.execPath, ['-e', PROGRAM, join(app, 'dist/local/app-loader.js'), app, output], {
      env: { ...process.env, FORMICARY_DATA: data, FORMICARY_LOG: 'silent' },
      timeout: 60_000,
    });
    const list = JSON.parse(readFileSync(output, 'utf8')) as unknown[];
    if (process.env.UPDATE_REGISTRATIONS !== undefined) writeFileSync(REVIEWED, `${JSON.stringify(list, null, 2)}\n`);
    expect(list.length).toBeGreaterThan(20);
    expect(list).toEqual(JSON.parse(readFileSync(REVIEWED, 'utf8')));
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}, 90_000);
