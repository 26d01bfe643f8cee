/**
 * What people give to the command line is taken as it stands or refused with its reason, and what others wrote acts on
 * no screen.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { startTestHost, type TestHost } from '../support/host';
import { formicary, type Run } from './support';

let host: TestHost;
let client: Formicary;
let folder: string;
const run = (args: readonly string[], input?: string): Promise<Run> =>
  formicary(['--url', host.url, ...args], { input });

beforeAll(async () => {
  host = await startTestHost();
  client = new Formicary({ url: host.url });
  folder = mkdtempSync(join(tmpdir(), 'formicary-reading-'));
});
afterAll(async () => {
  client.close();
  rmSync(folder, { recursive: true });
  await host.stop();
});

const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

describe('what can be mistaken is refused', () => {
  test.each([
    ['a day that is none', ['--deadline', '2027-02-30T00:00:00Z'], /day from 01 to 28/],
    ['a day alone that is none', ['--deadline', '2100-02-29'], /day from 01 to 28/],
    ['a time without a zone', ['--deadline', '2100-01-01T10:00:00'], /zone/],
    ['a span that goes back', ['--deadline=-2h'], /has a sign/],
    ['a span with a plus', ['--deadline=+2h'], /has a sign/],
    ['a span beyond the calendar', ['--deadline', '999999999d'], /beyond the calendar/],
    ['a level that is empty', ['--requires', 'x='], /level must be a number from 0 to 1/],
    ['a level in other digits', ['--requires', 'x=0x1'], /level must be a number/],
    ['two levels', ['--requires', 'x=0.5=0.9'], /level must be a number/],
    ['a capability without a name', ['--requires', '=0.5'], /a name must stand before/],
    ['a priority with an exponent', ['--priority', '1e-1'], /number from 0 to 1/],
    ['a priority that is empty', ['--priority', ''], /number from 0 to 1/],
    ['an effort without end', ['--effort', 'Infinity'], /number of at least 0/],
    ['attempts with a space', ['--max-attempts', ' 3'], /whole number/],
    ['a number that stands twice', ['--payload', '{"amount":1,"amount":1000}'], /#\/amount stands more than once/],
    ['a number that no double holds', ['--payload', '{"to":9007199254740993}'], /#\/to is an integer beyond/],
  ])('%s', async (_, given, said) => {
    const { code, stdout, stderr } = await run(['post', 'cli.reading', ...given]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(said);
  });

  test.each([
    ['empty', 'a='],
    ['negative', 'a=-1'],
    ['endless', 'a=Infinity'],
    ['two', 'a=1=2'],
  ])('a weight that is %s', async (_, voter) => {
    const { code, stderr } = await run(['poll', 'Well?', '--voter', voter]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/the weight must be a number/)]);
  });

  test.each([
    [
      'a deadline of what is brought back',
      ['redrive', 'a-task', '--deadline', '2027-02-30T00:00:00Z'],
      /day from 01 to 28/,
    ],
    ['one that lies behind', ['redrive', 'a-task', '--deadline=-2h'], /has a sign/],
    ['a place that is empty', ['tail', '--limit', '1', '--after', ''], /--after names no place/],
    ['an id that is empty', ['tasks', ''], /must not be empty/],
    ['a kind that is empty', ['oversight', ''], /must not be empty/],
    ['a name made of dots', ['agents', '..'], /nor made of dots/],
  ])('%s', async (_, args, said) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(said);
  });

  test('a span as the deadline of what is brought back is read as anywhere else', async () => {
    const { stdout } = await run(['redrive', 'never-posted', '--deadline', '2h']);
    expect(stdout).toContain('not redriven never-posted: there is no such task');
  });

  test('and nothing was posted', async () =>
    expect((await client.tasks.list({ task_type: 'cli.reading' })).value).toEqual([]));

  test('a variable that is nearly one of ours is told', async () => {
    const { stderr } = await formicary(['--url', host.url, 'tasks'], { env: { FORMICARY_TENENT: 'acme' } });
    expect(stderr).toContain('FORMICARY_TENENT is not known, and not used: did you mean FORMICARY_TENANT?');
  });
});

describe('files', () => {
  test.each([
    ['a byte-order mark', Buffer.from('\ufeff{"n":1}'), /byte-order mark/],
    ['another encoding', Buffer.from('{"n":"é"}', 'latin1'), /not well-formed UTF-8/],
    ['no JSON', Buffer.from('{"n":'), /it ends too early/],
    ['a name twice', Buffer.from('{"n":1,"n":2}'), /#\/n stands more than once/],
  ])('with %s are refused, whatever reads them', async (name, content, said) => {
    const path = file(`${name}.json`, content);
    for (const args of [
      ['post', 'cli.reading', '--payload', `@${path}`],
      ['post', '--file', path],
      ['oversight', 'cli.reading', '--set', `@${path}`],
    ]) {
      const { code, stderr } = await run(args);
      expect([args[0], code, stderr]).toEqual([args[0], 2, expect.stringMatching(said)]);
    }
  });

  test('hold one value, a list, or one a line', async () => {
    const tasks = ['one', 'two'].map((id) => ({ id, task_type: 'cli.file' }));
    const others = ['three', 'four'].map((id) => ({ id, task_type: 'cli.file' }));
    expect((await run(['post', '--file', file('list.json', JSON.stringify(tasks))])).stdout).toBe('2 tasks posted\n');
    expect(
      (await run(['post', '--file', file('lines.json', others.map((task) => JSON.stringify(task)).join('\r\n\r\n'))]))
        .stdout,
    ).toBe('2 tasks posted\n');
    expect((await run(['post'], JSON.stringify({ id: 'five', task_type: 'cli.file' }))).stdout).toBe('1 task posted\n');
    const { stderr } = await run([
      'post',
      '--file',
      file('broken.json', '{"id":"a","task_type":"b"}\n{"id":1,"id":2}'),
    ]);
    expect(stderr).toMatch(/line 2, holds a value that is not accepted: #\/id stands more than once/);
  });
});

describe('what others wrote', () => {
  const EVIL = 'a\u001b[2J\u001b[31mred\u009b31m\u202egnirts\u2066\rX\nagent  forged';

  const ACTS = /(?!\n)[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200e\u200f]/u;

  beforeAll(async () => {
    await client.tools
      .register('evil', {
        tool_name: EVIL,
        description: EVIL,
        schema: {},
        owner: 'ada',
        version: '1.0.0',
        sandbox_level: 'none',
        api_name: EVIL,
      } as never)
      .catch(() => undefined);
    await client.tasks.post({ id: 'evil', task_type: 'cli.evil', payload: { [EVIL]: EVIL } });
    await client.tasks.cancel('evil', EVIL);
    await client.rounds.open({
      id: 'evil',
      question: EVIL,
      kind: 'question',
      impact: 'low',
      electorate: { algorithm: 'simple_majority', voters: [{ id: 'ada', why: EVIL }] },
    });
  });

  test.each([
    ['tasks', 'evil'],
    ['tasks', '--all'],
    ['tools', 'evil'],
    ['tools', '--show', 'evil'],
    ['rounds'],
    ['rounds', 'evil'],
    ['why', 'evil'],
    ['tail', '--all', '--limit', '5'],
    ['audit', '--all'],
    ['audit', '--resource', 'round/evil', '--json'],
    ['asof', 'now', 'task', 'evil'],
    ['tasks', 'evil', '--json'],
    ['tail', '--all', '--limit', '5', '--json'],
    ['rounds', 'evil', '--json'],
  ])('acts on no screen: %s %s', async (...args) => {
    const { stdout, stderr } = await run(args.filter((arg) => arg !== undefined));
    expect(stdout).not.toMatch(ACTS);
    expect(stderr).not.toMatch(ACTS);
    expect(stdout).not.toMatch(/^agent {2}forged/m);
  });

  test('is the same value as JSON', async () => {
    expect((await run(['rounds', 'evil', '--json'])).json.question).toBe(EVIL);
  });

  test('shows nothing but colours where there are colours', async () => {
    const { stdout } = await formicary(['--url', host.url, 'rounds', 'evil'], { env: { FORCE_COLOR: '1' } });
    expect(stdout).toContain('\u001b[1mRound evil\u001b[22m');

    expect(stdout.replaceAll(/\u001b\[(?:[12]|22|3[1-7]|39)m/g, '')).not.toMatch(ACTS);
    expect(stdout).toContain('\\u001b[2J');
  });
});
