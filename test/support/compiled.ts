/**
 * Compiles sources of ours into a folder, laid out as `npm run build` lays them out, for tests that need a process of
 * their own: plain Node runs the result, the writer thread included, with no loader in between.
 */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { transformFileSync } from '@swc/core';

const ROOT = resolve(__dirname, '../..');

/**
 * Compiles the given files (relative to the root of the repository) and whatever of ours they import; gives the path
 * of the first one’s result. Name files that no import leads to, such as the entry of a thread.
 */
export function compileInto(target: string, ...entries: readonly [string, ...string[]]): string {
  const place = (source: string) => join(target, relative(ROOT, source).replace(/\.ts$/, '.js'));
  const waiting = entries.map((entry) => join(ROOT, entry));
  const seen = new Set(waiting);
  for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
    const { code } = transformFileSync(source, {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'commonjs' },
    });
    mkdirSync(dirname(place(source)), { recursive: true });
    writeFileSync(place(source), code);
    for (const [, path] of code.matchAll(/\brequire\("(\.{1,2}\/[^"]+)"\)/g)) {
      const imported = resolve(dirname(source), `${path}.ts`);
      if (!seen.has(imported) && existsSync(imported)) {
        seen.add(imported);
        waiting.push(imported);
      }
    }
  }
  for (const shared of ['node_modules', 'policies']) symlinkSync(join(ROOT, shared), join(target, shared));
  return place(join(ROOT, entries[0]));
}
