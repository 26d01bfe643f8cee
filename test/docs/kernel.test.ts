/** The worked example of docs/kernel.md does what the page says. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { format } from 'node:util';
import { compileFunction } from 'node:vm';
import { transformSync } from '@swc/core';

const ROOT = join(__dirname, '../..');

function block(page: string, language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1];
  if (found === undefined) throw new Error(`no ${language} block in the page`);
  return found;
}

test('the example prints what the page shows', async () => {
  const page = readFileSync(join(ROOT, 'docs/kernel.md'), 'utf8');
  const { code } = transformSync(block(page, 'ts'), {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  const printed: string[] = [];
  const console = { log: (...values: unknown[]) => printed.push(format(...values)) };
  const exported: { example?: Promise<void> } = {};
  const builtIn = createRequire(__filename);
  const load = (id: string): unknown =>
    id.startsWith('./') ? jest.requireActual<object>(join(ROOT, id)) : builtIn(id);
  compileFunction(code, ['require', 'exports', 'console']).call(undefined, load, exported, console);
  await exported.example;
  expect(printed.join('\n')).toBe(block(page, 'text').trim());
});
