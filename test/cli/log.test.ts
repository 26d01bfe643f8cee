/** The commands that read the log of a real host, or of its folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Commit } from '../../domain/kernel/commit';
import { eventually } from '../support/eventually';
import { compiledApp } from '../support/host';
import { formicary } from './support';
import { client, commitsOf, done, folder, host, masked, run } from './worked-host';

/** What `tail` says before anything comes; never part of its output. */
const WAITING = 'Waiting: each receipt is printed as it comes. Ctrl+C ends it.\n';

describe('the log', () => {
  test('tail, in words', async () => {
    const { code, stdout } = await run([
      'tail',
      '--correlation',
      done.correlation_id,
      '--category',
      'task',
      '--all',
      '--limit',
      '5',
    ]);
    expect(code).toBe(0);
    expect(masked(stdout)).toBe(
      [
        'CLOCK  task/worked@0  TaskPosted cli.work, priority 0.9  by developer  HASH',
        'CLOCK  task/worked@1  BidsClosed 2 candidates, strength 0.45; TaskAwarded to AGENT, award 1, score 0.645  by market  HASH',
        'CLOCK  task/worked@2  TaskAccepted by AGENT, award 1, lease 60 s  by AGENT  HASH',
        'CLOCK  task/worked@3  TaskProgressed 50 % by AGENT: half way  by AGENT  HASH',
        'CLOCK  task/worked@4  TaskCompleted by AGENT, award 1  by AGENT  HASH',
        '',
      ].join('\n'),
    );
  });

  test('tail follows what comes, as JSON lines', async () => {
    const tail = run(['tail', '--json', '--limit', '2', '--category', 'tool']);
    let n = 0;
    const poking = setInterval(
      () =>
        void client.tools.register(`tailed-${(n += 1)}`, {
          tool_name: 'T',
          description: 'T',
          schema: {},
          version: '1.0.0',
        }),
      50,
    );
    const { code, stdout, stderr } = await tail;
    clearInterval(poking);
    expect(stderr).toBe(WAITING);
    const commits = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Commit);
    expect(code).toBe(0);
    expect(commits.map(({ events }) => events[0]?.type)).toEqual(['ToolRegistered', 'ToolRegistered']);
    expect(Number(/tailed-(\d+)/.exec(commits[1]!.stream)![1])).toBe(
      Number(/tailed-(\d+)/.exec(commits[0]!.stream)![1]) + 1,
    );
  });

  test('a reader that has enough may go', async () => {
    const child = spawn('sh', [
      '-c',
      `"${process.execPath}" "${join(compiledApp(), 'dist/cli/main.js')}" tail --all --url ${host.url} | head -2`,
    ]);
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    const poking = setInterval(() => void client.signals.emit({ type: 'poke', location: 'x', strength: 0.1 }), 50);
    await once(child, 'close');
    clearInterval(poking);
    expect({ lines: output.trim().split('\n').length, errors }).toEqual({ lines: 2, errors: WAITING });
  });

  test('why: a tree of causes and effects', async () => {
    const { code, stdout } = await run(['why', 'worked']);
    expect(code).toBe(0);
    const [head, empty, ...lines] = masked(stdout.trimEnd()).split('\n');
    expect([head, empty]).toEqual(['worked: 7 receipts from TIME to TIME (SPAN)', '']);
    const raw = stdout.trimEnd().split('\n').slice(2);
    const column = raw[0]!.indexOf('task.post');
    const tree = raw.map((line) => masked(line.slice(column)));
    expect(tree).toEqual(WHY);
    expect(lines.filter((line) => line.includes('CLOCK'))).toHaveLength(7);
    for (const line of raw)
      expect(line.slice(0, column)).toMatch(/^( *(0|\+\d[\d.]* (ms|s)) {2}\d\d:\d\d:\d\d\.\d{3} {2}| +)$/);
    expect((await run(['why', 'worked', '--json'])).json).toEqual(await client.why('worked'));
    expect((await run(['why', 'nothing-of-the-kind'])).code).toBe(1);
  });

  test('why, without a host: the same', async () => {
    for (const id of ['worked', 'default/task/worked@2', done.correlation_id]) {
      const { code, json } = await formicary(['why', id, '--data', host.data, '--json']);
      expect({ code, json }).toEqual({ code: 0, json: await client.why(id) });
    }
    const { code, stderr } = await formicary(['why', 'worked', '--data', host.data, '--tenant', 'other']);
    expect(code).toBe(2);
    expect(stderr).toContain('nothing is known of worked');
  });

  test('why follows a cause into what another one has set in motion', async () => {
    const signal = await client.signals.emit({ type: 'alarm', location: 'plant/9', strength: 0.9, decay_rate: 0 });
    await client.tasks.post({ id: 'caused', task_type: 'cli.other', cause: `${signal.stream}@${signal.version}` });
    await eventually(async () => (await client.status()).feed.every(({ lag }) => lag === 0));
    const { stdout } = await run(['why', 'caused']);
    expect(
      masked(stdout)
        .split('\n')
        .slice(2, 6)
        .map((line) => line.replace(/[0-9a-f]{32}/, 'TRAIL')),
    ).toEqual([
      expect.stringMatching(/0 {2}CLOCK {2}signal\.emit by developer {2}trail\/TRAIL@0 {2}HASH$/),
      expect.stringMatching(/│ SignalEmitted alarm at plant\/9, strength 0\.9, from developer$/),
      expect.stringMatching(/└─ task\.post by developer {2}task\/caused@0 {2}HASH$/),
      expect.stringMatching(/ {5}TaskPosted cli\.other, priority 0\.5$/),
    ]);
    expect((await formicary(['why', 'caused', '--data', host.data, '--json'])).json).toEqual(
      await client.why('caused'),
    );
  });

  test('asof: how it was, and what is different', async () => {
    const [, , accepted] = await commitsOf('task', 'worked');
    const { code, stdout } = await run(['asof', accepted!.at, 'task', 'worked']);
    expect(code).toBe(0);
    const [then, since] = stdout.split('Changed since:') as [string, string];
    expect(then).toMatch(/^task worked at .*Z \(.* ago\)\n/);
    expect(then).toMatch(/^ {2}status +running$/m);
    expect(since).toMatch(/^ {2}status +running → completed$/m);
    expect(since).toMatch(/^ {2}completion\.result\.ok +– → true$/m);
    expect(since).not.toMatch(/priority/);

    expect((await run(['asof', 'now', 'task', 'worked'])).stdout).toMatch(/\n\nNothing has changed since\.\n$/);
    expect((await run(['asof', '2020-01-01T00:00:00Z', 'agent', 'cli-1'])).stdout).toMatch(/ {2}did not exist yet\n/);
    expect((await run(['asof', '2020-01-01', 'task', 'worked', '--json'])).json).toMatchObject({
      as_of: '2020-01-01T00:00:00.000Z',
      then: null,
      now: { status: 'completed' },
    });
    await client.signals.emit({ type: 'alarm', location: 'plant/8', strength: 0.9, decay_rate: 0 });
    expect((await run(['asof', 'now', 'trail', 'alarm/plant/8', '--json'])).json).toMatchObject({
      then: { strength: 0.9 },
    });
    expect((await run(['asof', '1m', 'task', 'nobody'])).code).toBe(1);
  });
});

describe('recompute', () => {
  test('an award agrees with its receipt', async () => {
    const { code, stdout } = await run(['recompute', 'worked']);
    expect(code).toBe(0);
    expect(masked(stdout)).toBe(RECOMPUTED);
    expect((await formicary(['recompute', 'worked', '--data', host.data, '--json'])).json).toEqual(
      (await run(['recompute', 'worked', '--json'])).json,
    );
  });

  test('a changed input is found, without a host', async () => {
    const file = join(folder, 'receipt.json');
    expect((await run(['recompute', 'worked', '--save', file])).stderr).toContain(file);
    expect((await formicary(['recompute', '--file', file])).code).toBe(0);

    const forged = JSON.parse(readFileSync(file, 'utf8')) as Commit;
    (forged.events[0]!.data as { candidates: { load: number }[] }).candidates[0]!.load = 0.5;
    writeFileSync(file, JSON.stringify(forged));
    const { code, stdout } = await formicary(['recompute', '--file', file]);
    expect(code).toBe(1);
    expect(stdout).toContain('the receipt does not hash to what it says: it was changed');
    expect(stdout).toMatch(/^score of cli-\d: recorded 0\.645, computed 0\.495$/m);
    expect(stdout).toMatch(/^winner: recorded (cli-\d), computed (?!\1)cli-\d$/m);
    expect(stdout).toMatch(/The award does NOT agree with its receipt\.\n$/);
    expect((await formicary(['recompute', '--file', file, '--json'])).json).toMatchObject({
      agrees: false,
      hashHolds: false,
    });
  });

  test('a line of an export is a receipt too', async () => {
    const { stdout } = await run(['export']);
    const file = join(folder, 'line.json');
    writeFileSync(
      file,
      stdout.split('\n').find((line) => line.includes('TaskAwarded'))!,
    );
    expect((await formicary(['recompute', '--file', file])).code).toBe(0);
    writeFileSync(
      file,
      stdout.split('\n').find((line) => line.includes('AgentRegistered'))!,
    );
    expect(await formicary(['recompute', '--file', file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not the receipt of an award'),
    });
    writeFileSync(file, '{}');
    expect(await formicary(['recompute', '--file', file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('holds no receipt'),
    });
  });
});

const WHY = [
  'task.post by developer  task/worked@0  HASH',
  '│ TaskPosted cli.work, priority 0.9',
  '└─ agent.reserve by market  agent/AGENT@1  HASH',
  '   │ SlotReserved for worked, award 1',
  '   └─ task.award by market  task/worked@1  HASH',
  '      │ BidsClosed 2 candidates, strength 0.45',
  '      │ TaskAwarded to AGENT, award 1, score 0.645',
  '      ├─ task.accept by AGENT  task/worked@2  HASH',
  '      │    TaskAccepted by AGENT, award 1, lease 60 s',
  '      ├─ task.progress by AGENT  task/worked@3  HASH',
  '      │    TaskProgressed 50 % by AGENT: half way',
  '      └─ task.complete by AGENT  task/worked@4  HASH',
  '         │ TaskCompleted by AGENT, award 1',
  '         └─ agent.release by market  agent/AGENT@2  HASH',
  '              SlotReleased of worked, award 1: completed',
];

const RECOMPUTED = `Award 1 of worked  default/task/worked@1
score = 0.4 × match + 0.3 × (1 − load) + 0.2 × (wins + 1)/(tries + 2) + 0.1 × 0.45 (strength)

RANK  AGENT  BY     MATCH  LOAD  WINS/TRIES  RECORDED  COMPUTED
   1  AGENT  offer    0.5     0         0/0     0.645     0.645  winner
   2  AGENT  offer    0.5     0         0/0     0.645     0.645

winner   recorded AGENT, computed AGENT
hash     the receipt hashes to what it says
The award agrees with its receipt.
`;
