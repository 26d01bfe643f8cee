/** What is uploaded: everything that the app runs, nothing that it doesn't. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, matchesGlob, resolve } from 'node:path';
import { compiledApp } from '../support/host';

const ROOT = resolve(__dirname, '../..');
const ignored = readFileSync(join(ROOT, '.funcignore'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const uploaded = readdirSync(ROOT).filter((name) => !ignored.some((pattern) => matchesGlob(name, pattern)));
type Manifest = Record<'scripts' | 'dependencies' | 'devDependencies' | 'peerDependencies', Record<string, string>>;
const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
const { scripts, dependencies, devDependencies, peerDependencies } = manifestIn(ROOT);

/** Loads the app in a folder and says which packages that took, and what was registered. */
const PROGRAM = `
  const [loader, app] = process.argv.slice(1);
  require(loader).loadApp(app).then(async ({ registrations, terminate }) => {
    await terminate();
    const packages = new Set(Object.keys(require.cache).map((file) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(file)?.[1]));
    console.log(JSON.stringify({ functions: registrations.length, packages: [...packages].filter(Boolean) }));
  });`;

test('it is what is needed to compile and to run', () => {
  expect(uploaded.sort()).toEqual([
    'LICENSE',
    'adapters',
    'app',
    'contract',
    'domain',
    'functions',
    'host',
    'host.json',
    'package-lock.json',
    'package.json',
    'policies',
    'projections',
    'tsconfig.build.json',
    'tsconfig.json',
  ]);
});

test('it runs by itself, without packages of tools, and starts without those that can wait', () => {
  const everything = compiledApp();
  const folder = mkdtempSync(join(tmpdir(), 'formicary-package-'));
  try {
    for (const name of uploaded) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    for (const name of uploaded.filter((name) => readdirSync(join(everything, 'dist')).includes(name)))
      cpSync(join(everything, 'dist', name), join(folder, 'dist', name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const env = {
      ...process.env,
      FORMICARY_DATA: join(folder, 'data'),
      FORMICARY_LOG: 'silent',
      FORMICARY_SMTP: 'smtp://127.0.0.1:587',
    };
    const output = execFileSync(
      process.execPath,
      ['-e', PROGRAM, join(everything, 'dist/local/app-loader.js'), folder],
      { env, encoding: 'utf8', timeout: 60_000 },
    );
    const { functions, packages } = JSON.parse(output) as { functions: number; packages: readonly string[] };
    expect(functions).toBeGreaterThan(20);
    expect(packages.filter((name) => name in devDependencies)).toEqual([]);
    const heavy = ['nodemailer', ...Object.keys(peerDependencies)];
    expect(heavy.length).toBeGreaterThan(7);
    expect(packages.filter((name) => heavy.includes(name))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 90_000);

test('tools stay behind, the packages of the profile azure do not: Azure installs everything, compiles, and prunes', () => {
  expect(scripts['build:azure']).toBe(
    'node adapters/azure/require-packages.mjs && npm prune --omit=dev --no-audit --no-fund',
  );
  const folder = mkdtempSync(join(tmpdir(), 'formicary-package-'));
  try {
    cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
    execFileSync(process.execPath, [join(ROOT, 'adapters/azure/require-packages.mjs')], { cwd: folder });
    const deployed = manifestIn(folder);
    expect(deployed.dependencies).toEqual({ ...dependencies, ...peerDependencies });
    expect(Object.keys(deployed.devDependencies).filter((name) => name in deployed.dependencies)).toEqual([]);
    expect(deployed.peerDependencies).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('an optional package that is missing here is the one that is installed for development', () => {
  for (const [name, version] of Object.entries(peerDependencies))
    expect([name, devDependencies[name]]).toEqual([name, version]);
});
