/** What docs/typescript.md tells to type, typed in its order, with the packages as they are packed. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { blocksOf, pageOf } from '../docs/walk';
import { follow, ROOT, Terminal } from './terminal';

const PAGE = pageOf('docs/typescript.md');
let terminal: Terminal;
/** Of the starter. */
let folder: string;

beforeAll(async () => {
  terminal = await Terminal.open();
  folder = path.join(terminal.folder, '.formicary/agent');
});
afterAll(() => terminal.close());

test('the page can be followed, from `formicary init typescript` on', async () => {
  expect(await follow(terminal, PAGE, ['formicary start', 'src/worker.ts', 'src/request.ts'])).toBe(12);
});

test('its test of a few lines works', async () => {
  const program = blocksOf(PAGE, 'ts').at(-1) as string;
  writeFileSync(path.join(folder, 'src/page.ts'), program);
  expect(await terminal.run('node src/page.ts')).toContain('6\n');
});

test('what was installed is the client and zod for its types, and nothing of a host', () => {
  const { dependencies } = JSON.parse(
    execFileSync('npm', ['ls', '--all', '--omit=dev', '--json'], { cwd: folder, encoding: 'utf8' }),
  );
  expect(Object.keys(dependencies)).toEqual(['@formicary/client']);
  // An optional peer that is not there is listed without a version.
  const below: Record<string, { version?: string }> = dependencies['@formicary/client'].dependencies;
  expect(Object.keys(below).filter((name) => below[name]?.version !== undefined)).toEqual(['zod']);
  expect(existsSync(path.join(folder, 'node_modules/@opentelemetry'))).toBe(false);
  const installed = path.join(folder, 'node_modules/@formicary/client');
  expect(readdirSync(installed).sort()).toEqual([
    'LICENSE',
    'README.md',
    'client',
    'contract',
    'domain',
    'package.json',
  ]);
  expect(globSync('{contract,domain}/**/*.js', { cwd: installed })).toEqual([]);
});

test('its types are those of the contract, also where every library is checked', () => {
  writeFileSync(
    path.join(folder, 'src/types.ts'),
    `import { Formicary, type Task } from '@formicary/client';
const formicary = new Formicary();
const task: Task = (await formicary.tasks.post({ task_type: 'a', payload: 1 })).task;
const status: 'held' | 'open' | 'awarded' | 'running' | 'completed' | 'cancelled' | 'expired' | 'dead' = task.status;
// @ts-expect-error -- a task has a type
await formicary.tasks.post({ payload: status });
`,
  );
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '--skipLibCheck', 'false'], { cwd: folder, stdio: 'inherit' });
});

test.each([
  ['init typescript .formicary/agent', 'is not empty'],
  ['init cobol', 'Allowed choices are typescript, python'],
  ['init', "missing required argument 'language'"],
])('formicary %s is told what is wrong', async (command, said) => {
  const other = await Terminal.open();
  mkdirSync(path.join(other.folder, '.formicary/agent/src'), { recursive: true });
  await expect(other.run(`npx formicary ${command}`)).rejects.toThrow(said);
  await other.close();
});
