/**
 * Compiles the rules to WebAssembly: `npm run policy:build`. What comes out is committed in `policies/bundle/`, so that
 * nobody needs opa to run the product; the same sources give the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capabilities, opa, POLICIES, rules } from './opa.mjs';

export const ODD = join(POLICIES, '..', 'test', 'fixtures', 'policies', 'odd');

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Everything that a bundle is made from, in order, with `/` in every path. */
function sources() {
  return globSync(['*.rego', '*/data.json'], { cwd: POLICIES })
    .map((path) => path.split(sep).join('/'))
    .filter((path) => !path.endsWith('_test.rego') && !path.startsWith('bundle/'))
    .sort();
}

/** Which rule answers which actions. */
function entrypoints() {
  const { actions } = JSON.parse(readFileSync(join(POLICIES, 'config', 'data.json'), 'utf8'));
  const found = {};
  for (const [action, { concern }] of Object.entries(actions))
    (found[`formicary/${concern}/decision`] ??= []).push(action);
  return Object.fromEntries(
    Object.entries(found)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([entrypoint, names]) => [entrypoint, names.sort()]),
  );
}

/** Compiles the rules under a folder; answers the bytes of the two files that a bundle has of them. */
function compile(folder, names) {
  const work = mkdtempSync(join(tmpdir(), 'formicary-policy-'));
  try {
    const archive = join(work, 'bundle.tar.gz');
    const named = names.flatMap((entrypoint) => ['--entrypoint', entrypoint]);
    opa('build', '--target', 'wasm', ...named, '--capabilities', capabilities(), ...rules, '--output', archive, folder);
    const taken = (name) => execFileSync('tar', ['-xzOPf', archive, `/${name}`], { maxBuffer: 64 * 1024 * 1024 });
    return Object.fromEntries(['data.json', 'policy.wasm'].map((name) => [name, taken(name)]));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Builds the bundle into a folder. */
export function build(folder) {
  const answering = entrypoints();
  const files = compile('.', Object.keys(answering));
  const hashes = Object.fromEntries(sources().map((path) => [path, sha256(readFileSync(join(POLICIES, path)))]));
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
  const { 'policy.wasm': bytes } = compile(
    ODD,
    [...names, 'open'].map((name) => `odd/${name}`),
  );
  writeFileSync(join(folder, 'policy.wasm'), bytes);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { name, revision } = build(join(POLICIES, 'bundle'));
  buildOdd(ODD);
  console.log(`policies/bundle: ${name} ${revision}`);
}
