/** The committed bundle is what its sources say, without the compiler: that shows stale ones on every machine. */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalize, sha256 } from '../../domain/kernel/commit';
import { shippedBundle } from '../../host/policy';
import { shipped } from '../support/policy';

const POLICIES = join(__dirname, '../../policies');
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('it was built from these sources: else npm run policy:build', async () => {
  const { manifest } = await shipped();
  const sources = globSync(['*.rego', 'config/**/*.json'], { cwd: POLICIES }).filter(
    (path) => !path.endsWith('_test.rego'),
  );
  expect(manifest.sources).toEqual(
    Object.fromEntries(sources.map((path) => [path, hashOf(readFileSync(join(POLICIES, path)))])),
  );
});

test('its hash is over all that it is', async () => {
  const files = await shippedBundle();
  const { manifest, hash } = await shipped();
  expect(hash).toBe(sha256(canonicalize(JSON.parse(Buffer.from(files['manifest.json']).toString('utf8')))));
  expect(manifest.files).toEqual({
    'data.json': hashOf(files['data.json']),
    'policy.wasm': hashOf(files['policy.wasm']),
  });
});

test('the data of the rules are those that were written', async () => {
  const { 'data.json': built } = await shippedBundle();
  const read = (path: string) => JSON.parse(readFileSync(join(POLICIES, path), 'utf8')) as Record<string, unknown>;
  const rows = globSync('config/actions/*.json', { cwd: POLICIES }).flatMap((path) => Object.entries(read(path)));
  expect(JSON.parse(Buffer.from(built).toString('utf8'))).toEqual({
    config: { ...read('config/data.json'), actions: Object.fromEntries(rows) },
  });
});

test('every rule says what it is for', () => {
  const silent: string[] = [];
  for (const file of globSync('*.rego', { cwd: POLICIES }).filter((path) => !path.endsWith('_test.rego'))) {
    const lines = readFileSync(join(POLICIES, file), 'utf8').split('\n');
    const said = new Set<string>();
    lines.forEach((line, at) => {
      const [, name] = /^(?:default )?([a-z_]+)/.exec(line) ?? [];
      if (name === undefined || name === 'import') return;
      let above = at - 1;
      while (lines[above]?.startsWith('#') === true) above -= 1;
      if (lines[above + 1] === '# METADATA' && above + 1 < at) said.add(name);
      else if (!said.has(name)) silent.push(`${file}:${at + 1} ${name}`);
    });
  }
  expect(silent).toEqual([]);
});
