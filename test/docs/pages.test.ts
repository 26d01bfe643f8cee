/**
 * What the pages point at is there: headings, files, scripts, commands with their options, reasons and lines of the
 * log.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { WHY_CODES } from '../../domain/market/why-not';
import { formicary } from '../cli/support';
import { pageOf } from './walk';

const ROOT = join(__dirname, '../..');
const PAGES = globSync(['README.md', 'docs/**/*.md', 'test/servers/*.md'], { cwd: ROOT });
/** Those that tell what to type. */
const GUIDES = PAGES.filter((page) => !page.startsWith('docs/decisions/'));
const found = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map((match) =>
    match
      .slice(1)
      .filter((part) => part !== undefined)
      .join(' '),
  );
const sources = () =>
  globSync('{adapters,app,functions,host,local,projections}/**/*.ts', { cwd: ROOT })
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');

/** The names by which GitHub's headings are linked to. */
function anchorsOf(page: string): string[] {
  return found(pageOf(page), /^#+ (.*)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(PAGES)('every link of %s leads somewhere', (page) => {
  const broken = found(pageOf(page).replaceAll(/```[\s\S]*?```/g, ''), /\]\((?!https?:)([^)\s]+)\)/g).filter((link) => {
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? page : relative(ROOT, join(ROOT, dirname(page), file));
    return !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
  });
  expect(broken).toEqual([]);
});

test('what a page of the package links to under docs/ is in the package', () => {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  const packed = new Set(globSync(files, { cwd: ROOT }));
  const missing = ['README.md', ...packed]
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) =>
      found(pageOf(page).replaceAll(/```[\s\S]*?```/g, ''), /\]\((?!https?:)([^)\s#]+)/g).map((link) =>
        relative(ROOT, join(ROOT, dirname(page), link)),
      ),
    )
    .filter((file) => file.startsWith('docs/') && !packed.has(file) && !packed.has(`${file}/README.md`));
  expect(missing).toEqual([]);
});

test.each(GUIDES)('every file that %s names is there', (page) => {
  // A file that a page writes itself stands above its text.
  const files = found(
    pageOf(page).replaceAll(/^### `[^`]+`$/gm, ''),
    /`((?:adapters|app|attack|bench|bicep|bin|cli|client|contract|domain|docs|functions|host|local|projections|samples|test)\/[\w./-]*)`/g,
  );
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

test.each(GUIDES)('every script that %s tells to run exists', (page) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(found(pageOf(page), /npm run (?:-\S+ )*([\w:-]+)/g).filter((script) => scripts[script] === undefined)).toEqual(
    [],
  );
});

test('every command that a guide tells to type exists, with its options', async () => {
  const told = new Map<string, Set<string>>();
  for (const page of GUIDES) {
    for (const call of found(pageOf(page).replaceAll(/\\\n\s*/g, ''), /npx formicary ([a-z]+[^`|\n]*)/g)) {
      const [command = ''] = call.split(' ');
      const options = found(call.replaceAll(/'[^']*'|"[^"]*"|  # .*$/g, ''), /(--[a-z-]+)/g);
      told.set(command, new Set([...(told.get(command) ?? []), ...options]));
    }
  }
  expect(told.size).toBeGreaterThan(25);
  for (const [command, options] of told) {
    const { code, stdout } = await formicary([command, '--help']);
    expect([command, code]).toEqual([command, 0]);
    const known = found(stdout, /(--[a-z-]+)/g);
    expect([command, [...options].filter((option) => !known.includes(option))]).toEqual([command, []]);
  }
}, 120_000);

test.each(GUIDES)('every variable that %s tells to set or get in azd is one of the template', (page) => {
  const parameters = found(pageOf('bicep/main.parameters.json'), /\$\{(\w+)/g);
  const outputs = found(pageOf('bicep/main.bicep'), /^output (\w+)/gm);
  const told = pageOf(page);
  expect(
    found(told, /azd env set ([A-Z]\w+)/g).filter((name) => !parameters.includes(name) && name !== 'NAME'),
  ).toEqual([]);
  expect(found(told, /azd env get-value (\w+)/g).filter((name) => !outputs.includes(name))).toEqual([]);
});

test('the reasons why a task waits are all told, and no others', () => {
  const page = pageOf('docs/operation.md');
  const table = page.slice(page.indexOf('| `code` |'), page.indexOf('A look takes in'));
  expect(
    found(table, /^\| (.*?) \|/gm)
      .flatMap((cell) => found(cell, /`([a-z-]+)`/g))
      .filter((code) => code !== 'code')
      .sort(),
  ).toEqual([...WHY_CODES].sort());
});

test('what the log is said to say, it says', () => {
  const page = pageOf('docs/observability.md');
  const table = page.slice(page.indexOf('| `msg` |'), page.indexOf('## Questions in PromQL'));
  const messages = found(table, /^\| (.*?) \|/gm)
    .flatMap((cell) => found(cell, /`([^`]+)`/g))
    .filter((message) => message !== 'msg');
  const code = sources();
  expect(messages.length).toBeGreaterThan(10);
  expect(messages.filter((message) => !code.includes(message))).toEqual([]);
});

test('each record of a decision stands in their index', () => {
  const index = pageOf('docs/decisions/README.md');
  expect(
    globSync('docs/decisions/*.md', { cwd: ROOT })
      .map((file) => file.split('/').at(-1) as string)
      .filter((file) => file !== 'README.md' && !index.includes(`(${file})`)),
  ).toEqual([]);
});
