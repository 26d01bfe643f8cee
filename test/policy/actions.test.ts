/**
 * Every action that the code gives is known to the rules, to exactly one entrypoint, and the rules know no other: what
 * they don't know is denied, and would be so for the first time in production.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STOP_EFFECTS } from '../../domain/stops/stop';
import { ENDINGS } from '../../domain/tenants/tenant';
import { shippedBundle } from '../../host/policy';
import { shipped } from '../support/policy';

const ROOT = join(__dirname, '../..');

/** Texts of the same form that are no actions: kinds, files, names in traces. */
const OTHERS = new Set([
  'data.json',
  'formicary.stream',
  'manifest.json',
  'policy.wasm',
  'round.outcome',
  'service.name',
]);

/** What is put together is given here, by its beginning. */
const MADE: Readonly<Record<string, readonly string[]>> = { 'stop.': STOP_EFFECTS, 'tenant.': ENDINGS };

/** Every text of the form of an action in the code that gives commands. */
function inCode(): Set<string> {
  const found = new Set<string>();
  for (const file of globSync('app/**/*.ts', { cwd: ROOT })) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, name] of text.matchAll(/'([a-z][a-z-]*\.[a-z_-]+)'/g)) found.add(name as string);
    for (const [, start, rest] of text.matchAll(/`([a-z][a-z-]*\.)\$\{[\w.]+\}(`?)/g)) {
      if (rest !== '`') continue;
      const ends = MADE[start as string];
      if (ends === undefined) throw new Error(`${file} puts an action together that begins with ${start}: say it here`);
      for (const end of ends) found.add(`${start}${end}`);
    }
  }
  for (const other of OTHERS) found.delete(other);
  // The roll-out of policy stands above it: no bundle is asked.
  return new Set([...found].filter((name) => !name.startsWith('policy.')));
}

test('the rules know the actions of the code, each at one entrypoint, and no others', async () => {
  const { manifest } = await shipped();
  const known = Object.values(manifest.entrypoints).flat();
  expect(known.toSorted()).toEqual([...inCode()].toSorted());
  expect(new Set(known).size).toBe(known.length);
});

test('what looks like an action and is none is there', () => {
  const text = globSync('app/**/*.ts', { cwd: ROOT })
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
  for (const other of OTHERS) expect(text).toContain(`'${other}'`);
});

test('the page says what is asked of which action', async () => {
  const { 'data.json': data } = await shippedBundle();
  const { config } = JSON.parse(Buffer.from(data).toString('utf8')) as {
    readonly config: { readonly actions: Readonly<Record<string, object>> };
  };
  const page = readFileSync(join(ROOT, 'docs/policy.md'), 'utf8');
  const said = [...page.matchAll(/^\| `(\w+)` \| `(\w+)` \| (anyone|system) \| (.+) \|$/gm)].flatMap(
    ([, concern, level, by, names = '']) =>
      [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => [name as string, { concern, level, by }] as const),
  );
  expect(new Set(said.map(([name]) => name)).size).toBe(said.length);
  expect(Object.fromEntries(said)).toEqual(config.actions);
});
