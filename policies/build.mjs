/**
 * Compiles the rules to WebAssembly: `npm run policy:build`. What comes out is committed in `policies/bundle/`, so that
 * nobody needs opa to run the product; the same sources give the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capabilities, opa, POLICIES, rules } from './opa.mjs';

export const ODD = join(POLICIES, '..', 'test', 'fixtures', 'policies', 'odd');

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Paths below the folder, in order, with `/` in every one. */
const found = (...patterns) =>
  globSync(patterns, { cwd: POLICIES })
    .map((path) => path.split(sep).join('/'))
    .sort();
const textOf = (path) => readFileSync(join(POLICIES, path));
const jsonOf = (path) => JSON.parse(textOf(path));

const ruleFiles = () => found('*.rego').filter((path) => !path.endsWith('_test.rego'));
const dataFiles = () => found('config/**/*.json');

/** What the rules find in `data.config`: the settings, and the rows of all actions. Throws when two files have one. */
function config() {
  const actions = {};
  for (const path of found('config/actions/*.json'))
    for (const [action, row] of Object.entries(jsonOf(path))) {
      if (action in actions) throw new Error(`${path}: ${action} stands in another file, too`);
      actions[action] = row;
    }
  return { ...jsonOf('config/data.json'), actions };
}

/** Which rule answers which actions. */
function entrypoints({ actions }) {
  const answering = {};
  for (const action of Object.keys(actions).sort())
    (answering[`formicary/${actions[action].concern}/decision`] ??= []).push(action);
  return Object.fromEntries(Object.entries(answering).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Compiles the rules under a folder; answers their WebAssembly. */
function compile(folder, names) {
  const work = mkdtempSync(join(tmpdir(), 'formicary-policy-'));
  try {
    const archive = join(work, 'bundle.tar.gz');
    const named = names.flatMap((entrypoint) => ['--entrypoint', entrypoint]);
    opa('build', '--target', 'wasm', ...named, '--capabilities', capabilities(), ...rules, '--output', archive, folder);
    return execFileSync('tar', ['-xzOPf', archive, '/policy.wasm'], { maxBuffer: 64 * 1024 * 1024 });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The WebAssembly of a bundle that was made from these rules for these entrypoints; undefined where it was not. */
function compiled(hashes, names) {
  try {
    const { sources, entrypoints: answering } = jsonOf('bundle/manifest.json');
    const before = Object.entries(sources).filter(([path]) => path.endsWith('.rego'));
    const isSame = before.length === ruleFiles().length && before.every(([path, hash]) => hashes[path] === hash);
    return isSame && Object.keys(answering).join() === names.join() ? textOf('bundle/policy.wasm') : undefined;
  } catch {
    return undefined;
  }
}

/** Builds the bundle into a folder. What has changed in the data alone needs no compiler, unless it is to be `anew`. */
export function build(folder, anew = false) {
  const settings = config();
  const answering = entrypoints(settings);
  const names = Object.keys(answering);
  const hashes = Object.fromEntries([...dataFiles(), ...ruleFiles()].map((path) => [path, sha256(textOf(path))]));
  const files = {
    'data.json': Buffer.from(`${JSON.stringify({ config: settings })}\n`),
    'policy.wasm': (anew ? undefined : compiled(hashes, names)) ?? compile('.', names),
  };
  const manifest = {
    name: 'default',
    revision: sha256(JSON.stringify(hashes)).slice(0, 12),
    entrypoints: answering,
    files: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha256(bytes)])),
    sources: hashes,
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Rules for tests, which answer as none should: their WebAssembly stands beside them. */
export function buildOdd(folder) {
  const names = [...readFileSync(join(ODD, 'odd.rego'), 'utf8').matchAll(/^([a-z]+) := denied if/gm)].map(
    ([, name]) => name,
  );
  // A path from here, the same in every checkout: it stands in the WebAssembly.
  const bytes = compile(
    relative(POLICIES, ODD),
    [...names, 'open'].map((name) => `odd/${name}`),
  );
  writeFileSync(join(folder, 'policy.wasm'), bytes);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { name, revision } = build(join(POLICIES, 'bundle'));
  console.log(`policies/bundle: ${name} ${revision}`);
  // What the tests of the loader are given needs the compiler, so it is made only where it is asked for.
  if (process.argv.includes('--tests')) buildOdd(ODD);
}
