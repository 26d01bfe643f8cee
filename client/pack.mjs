/**
 * Makes the npm package `@formicary/client` of what is compiled: its code is `client/` alone, its types are those of
 * the contract. It lies packed in `dist/packages/`, from where `formicary init` takes it.
 *
 *     node client/pack.mjs
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const PACKAGES = path.join(ROOT, 'dist/packages');
const FOLDER = path.join(PACKAGES, 'client');

const read = (file) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
const run = (...args) => execFileSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });

rmSync(PACKAGES, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.client.json');
// Of the contract and of what it stands on only the types are used: nothing of a host is in the package.
for (const file of globSync('{contract,domain}/**/*.js', { cwd: FOLDER })) rmSync(path.join(FOLDER, file));

const { version } = read('package.json');
writeFileSync(
  path.join(FOLDER, 'package.json'),
  `${JSON.stringify({ ...read('client/package.json'), version }, null, 2)}\n`,
);
copyFileSync(path.join(ROOT, 'client/README.md'), path.join(FOLDER, 'README.md'));
copyFileSync(path.join(ROOT, 'LICENSE'), path.join(FOLDER, 'LICENSE'));
execFileSync('npm', ['pack', '--silent', '--pack-destination', PACKAGES], {
  cwd: FOLDER,
  stdio: ['ignore', 'ignore', 'inherit'],
  shell: process.platform === 'win32',
});
