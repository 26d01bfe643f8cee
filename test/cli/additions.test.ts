/** A folder beside the command line's own adds commands, and kinds of things, without an edit anywhere else. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiledApp } from '../support/host';
import { formicary } from './support';

const names = (help: string) =>
  help
    .split(/^Commands:$/m)[1]!
    .split(/^$/m)[0]!
    .split('\n')
    .flatMap((line) => /^ {2}([a-z]+)/.exec(line)?.[1] ?? []);

/** Adds what is given (the code of a list of additions) as a capability of this name. */
function add(capability: string, additions: string): void {
  const folder = join(compiledApp(), 'dist/cli', capability);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'commands.js'), `exports.commands = ${additions};\n`);
}

const declares = (name: string) =>
  `declare: (program) => program.command('${name}').action(() => console.log('${name} was called'))`;

test('a folder with commands is found: its commands come last, or where it wants them', async () => {
  const before = names((await formicary(['--help'])).stdout);
  expect(before.slice(0, 2)).toEqual(['start', 'post']);
  expect(before.at(-1)).toBe('status');

  add('archery', `[{ ${declares('shoot')} }, { order: 15, ${declares('aim')} }]`);
  mkdirSync(join(compiledApp(), 'dist/cli/nothing'));
  const after = names((await formicary(['--help'])).stdout);
  expect(after).toEqual([before[0], 'aim', ...before.slice(1), 'shoot']);
  expect(await formicary(['shoot'])).toMatchObject({ code: 0, stdout: 'shoot was called\n', stderr: '' });
});

test('its kinds of things can be shown as they were', async () => {
  add('weather', `[{ asOf: { cloud: async (_, id, asOf) => ({ id, seen: asOf ?? 'now' }) } }]`);
  const { stdout } = await formicary(['asof', '--help']);
  expect(stdout.replace(/\s+/g, ' ')).toContain(
    '(choices: "task", "agent", "job", "schedule", "trail", "tool", "cloud")',
  );
  const { code, json } = await formicary(['asof', '2026-01-01T00:00:00Z', 'cloud', 'nine', '--json']);
  expect(code).toBe(0);
  expect(json).toMatchObject({
    then: { id: 'nine', seen: '2026-01-01T00:00:00.000Z' },
    now: { id: 'nine', seen: 'now' },
    changed: [{ field: 'seen' }],
  });
});

test.each<[what: string, source: string, says: string]>([
  ['takes the name of a command', `exports.commands = [{ ${declares('post')} }]`, "cannot add command 'post'"],
  ['takes a kind of asof', 'exports.commands = [{ asOf: { task: () => ({}) } }]', "a kind 'task' of asof already"],
  ['throws', "throw new Error('no luck\\nand more')", 'no luck'],
  ['can not be read', 'exports.commands = [', 'Unexpected end of input'],
  ['is empty', '', 'it must export commands, a list'],
  ['adds something else than a list', 'exports.commands = {}', 'it must export commands, a list'],
  [
    'declares by something else than a function',
    'exports.commands = [{ declare: 5 }]',
    'it must export commands, a list',
  ],
  [
    'reads by something else than a function',
    'exports.commands = [{ asOf: { x: 5 } }]',
    'it must export commands, a list',
  ],
])('a file that %s is named in one line, whatever was called', async (_, source, says) => {
  const folder = join(compiledApp(), 'dist/cli/zealots');
  mkdirSync(folder);
  writeFileSync(join(folder, 'commands.js'), source);
  try {
    const { code, stdout, stderr } = await formicary(['--version']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      expect.stringContaining(`formicary: ${join(folder, 'commands.js')}: `) as string,
      '',
    ]);
    expect(stderr).toContain(says);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
