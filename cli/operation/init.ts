/** A starter: a worker, a requester, an approval and a test, which work as they are. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { CALL, type Context, note, print, UsageError } from '../terminal';

export interface InitInput {
  readonly language: 'typescript' | 'python';
  readonly folder: string;
}

/** Where package.json stands: this file is compiled to dist/cli/operation/init.js. */
const ROOT = resolve(__dirname, '../../..');
const WINDOWS = process.platform === 'win32';

interface Manifest {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/**
 * Makes the starter in a folder that is empty or not there. What it needs of this project it takes from here, so that
 * it works without a registry that has it: the client is copied into `vendor/`, the host is this installation.
 */
export async function init({ json }: Context, { language, folder }: InitInput): Promise<void> {
  const target = resolve(folder);
  if (existsSync(target) && readdirSync(target).length > 0)
    throw new UsageError(`${folder} is not empty`, `Name another folder: ${CALL} init ${language} FOLDER`);
  const parts = language === 'typescript' ? typescript() : python();
  mkdirSync(target, { recursive: true });
  cpSync(join(ROOT, 'starters', language), target, { recursive: true });
  // As it is called, npm would leave it out of a package.
  renameSync(join(target, 'gitignore'), join(target, '.gitignore'));
  for (const [from, to] of parts.vendored)
    cpSync(join(ROOT, from), join(target, 'vendor', to), { recursive: true, filter: isSource });
  const file = join(target, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as object;
  // npm links to it, by the way that leads there from where the folder really is.
  const host = relative(realpathSync(target), realpathSync(ROOT)).split(sep).join('/');
  const { dependencies, devDependencies } = parts;
  const named = { name: nameOf(target), ...manifest, dependencies };
  const written = { ...named, devDependencies: { ...devDependencies, formicary: `file:${host}` } };
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
  if (json) print(JSON.stringify({ folder: target, language }));
  else
    print(
      [
        `${folder === '.' ? 'This folder' : folder} has a worker, a requester, an approval and a test. Next:`,
        '',
        ...[...(folder === '.' ? [] : [`cd ${folder}`]), ...parts.next].map((line) => `  ${line}`),
        '',
        'README.md goes on from there.',
      ].join('\n'),
    );
}

interface Parts {
  /** Files and folders of this installation, and what they are called in `vendor/`. */
  readonly vendored: readonly (readonly [from: string, to: string])[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly next: readonly string[];
}

function typescript(): Parts {
  const { version, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  const name = `formicary-client-${version}.tgz`;
  const packed = join('dist/packages', name);
  if (isStale(join(ROOT, packed))) pack();
  return {
    vendored: [[packed, name]],
    dependencies: { '@formicary/client': `file:vendor/${name}` },
    devDependencies: {
      '@types/node': devDependencies['@types/node'] as string,
      typescript: devDependencies['typescript'] as string,
    },
    next: ['npm install', 'npm test'],
  };
}

function python(): Parts {
  return {
    vendored: [['python', 'formicary']],
    next: [
      'npm install',
      `python3 -m venv .venv`,
      '.venv/bin/pip install --quiet --requirement requirements.txt',
      '.venv/bin/pytest -q',
    ],
  };
}

/** Whether the client is to be packed: where it was not, and in a checkout that was built since. */
function isStale(packed: string): boolean {
  if (!existsSync(packed)) return true;
  const built = join(ROOT, 'dist/.tsbuildinfo');
  return existsSync(built) && statSync(built).mtimeMs > statSync(packed).mtimeMs;
}

/** In a checkout the client is packed when it is needed. */
function pack(): void {
  note('packing the client, which takes up to a minute…');
  const options = { cwd: ROOT, encoding: 'utf8', shell: WINDOWS } as const;
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build:client'], options);
  if (status !== 0) throw new UsageError(`the client could not be packed: ${`${stdout}${stderr}`.trim()}`);
}

/** Of the package for Python: neither its tests nor what Python has left there. */
function isSource(file: string): boolean {
  return !['tests', '__pycache__', 'requirements.txt'].includes(basename(file));
}

/** What npm takes as a name, made of the folder's. */
function nameOf(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return name === '' || name === 'formicary' ? 'agent' : name;
}
