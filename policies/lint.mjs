/**
 * Checks the rules: `npm run lint:policies`. Their form, that they compile strictly, that their tests pass and reach at
 * least 95 % of every file, and that the committed bundle is what they compile to, byte for byte.
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, buildOdd, ODD } from './build.mjs';
import { opa, POLICIES, rulesAndTests } from './opa.mjs';

const LEAST = 95;
const BUNDLE = ['policy.wasm', 'data.json', 'manifest.json'];

/** What is wrong, in words. */
const faults = [];

/** Runs a check that fails by throwing. */
function check(what, work) {
  try {
    work();
    console.log(`${what}: good`);
  } catch (error) {
    faults.push(`${what}: ${error.stdout || error.message}`);
  }
}

check('form', () => opa('fmt', '--fail', '--diff', '.'));
check('strict', () => opa('check', '--strict', ...rulesAndTests, '.'));
check('tests', () => opa('test', ...rulesAndTests, '--fail-on-empty', '.'));
check('coverage', () => {
  const { files } = JSON.parse(opa('test', ...rulesAndTests, '--coverage', '--format', 'json', '.'));
  const low = globSync('*.rego', { cwd: POLICIES })
    .filter((name) => !name.endsWith('_test.rego'))
    // What no test reaches at all is not among the files.
    .map((name) => ({ name, coverage: files[name]?.coverage ?? 0 }))
    .filter(({ coverage }) => coverage < LEAST)
    .map(({ name, coverage }) => `${name} ${coverage} %`);
  if (low.length > 0) throw new Error(`less than ${LEAST} % is tested: ${low.join(', ')}`);
});
check('bundle', () => {
  const work = mkdtempSync(join(tmpdir(), 'formicary-policy-'));
  try {
    const changed = (name, folder) => !readFileSync(join(work, name)).equals(readFileSync(join(folder, name)));
    build(work, true);
    const stale = BUNDLE.filter((name) => changed(name, join(POLICIES, 'bundle')));
    buildOdd(work);
    if (changed('policy.wasm', ODD)) stale.push('the WebAssembly of the tests');
    if (stale.length > 0)
      throw new Error(`${stale.join(', ')} is not what the rules compile to: npm run policy:build -- --tests`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});

for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
