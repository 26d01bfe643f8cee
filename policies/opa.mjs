/** The compiler of the rules: opa of one version, built from source where it is not there yet. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = 'v1.22.4';
export const POLICIES = dirname(fileURLToPath(import.meta.url));
const CACHE = join(POLICIES, '..', '.cache', `opa-${VERSION}`);
const BINARY = join(CACHE, process.platform === 'win32' ? 'opa.exe' : 'opa');

/** What a bundle brings along beside its rules, and what only tests need. */
const NO_RULES = ['--ignore', 'bundle', '--ignore', '*.mjs'];
const NO_TESTS = ['--ignore', '*_test.rego'];

/** Builtins that the host would have to supply, or whose answer is another each time. */
const REFUSED = new Set(['json.is_valid', 'rand.intn', 'sprintf', 'yaml.is_valid', 'yaml.marshal', 'yaml.unmarshal']);

/** Installs opa, which takes minutes the first time, and answers where it is. */
function install() {
  if (existsSync(BINARY)) return BINARY;
  mkdirSync(CACHE, { recursive: true });
  console.error(`opa ${VERSION} is built from source, which takes a few minutes, once …`);
  execFileSync('go', ['install', '-ldflags', '-s -w', `github.com/open-policy-agent/opa@${VERSION}`], {
    env: { ...process.env, GOBIN: CACHE, CGO_ENABLED: '0' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return BINARY;
}

/** Runs opa on the folder of the rules; answers what it printed. Throws when it fails, with what it said. */
export function opa(...args) {
  return execFileSync(install(), args, { cwd: POLICIES, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/**
 * The file that says which builtins a rule may use: those of WebAssembly in Node that this version of opa knows, without
 * the refused ones, and nothing that reaches the network. What uses another one doesn't build.
 */
export function capabilities() {
  // Its `src/index.cjs` is what the package shows of itself.
  const wasm = dirname(createRequire(import.meta.url).resolve('@open-policy-agent/opa-wasm'));
  const inNode = JSON.parse(readFileSync(join(wasm, '..', 'capabilities.json'), 'utf8'));
  const names = new Set(inNode.builtins.map(({ name }) => name).filter((name) => !REFUSED.has(name)));
  const all = JSON.parse(opa('capabilities', '--current'));
  const file = join(CACHE, 'capabilities.json');
  const builtins = all.builtins.filter(({ name }) => names.has(name));
  const { wasm_abi_versions } = all;
  writeFileSync(file, JSON.stringify({ builtins, wasm_abi_versions, features: ['rego_v1'], allow_net: [] }));
  return file;
}

/** Options that name what is built. */
export const rules = [...NO_RULES, ...NO_TESTS];
/** Options that name what is tested. */
export const rulesAndTests = NO_RULES;
