/** The command line against a real host: what it prints, what it exits with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { eventually } from '../support/eventually';
import { compiledApp, freePort } from '../support/host';
import { formicary } from './support';
import { client, commitsOf, folder, host, masked, run } from './worked-host';

describe('help and errors', () => {
  test('every command tells what it does, with examples', async () => {
    const { code, stdout } = await formicary(['--help']);
    expect(code).toBe(0);
    const commands = [
      'start',
      'post',
      'tasks',
      'candidates',
      'agents',
      'types',
      'tools',
      'signals',
      'rounds',
      'poll',
      'vote',
      'tally',
      'approvals',
      'approval',
      'approve',
      'reject',
      'ask',
      'ask-back',
      'actions',
      'veto',
      'override',
      'challenge',
      'oversight',
      'tail',
      'why',
      'asof',
      'recompute',
      'verify',
      'export',
      'audit',
      'report',
      'retention',
      'archive',
      'status',
    ];
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    for (const command of commands) {
      const help = await formicary([command, '--help']);
      expect([command, help.code]).toEqual([command, 0]);
      expect(help.stdout).toMatch(new RegExp(`Examples:\\n  \\$ .*formicary ${command}\\b`));
      expect(help.stdout).toContain('--url <url>');
    }
  }, 60_000);

  test('it tells its version', async () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string };
    expect(await formicary(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('without a host it says how to start one', async () => {
    const { code, stdout, stderr } = await formicary(['status', '--url', 'http://127.0.0.1:1']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      'formicary: no host answers at http://127.0.0.1:1\n  Start one with: formicary start\n  or name another with --url or FORMICARY_URL.\n',
    );
    // What npx has started tells what can be typed.
    const throughNpx = await formicary(['status', '--url', 'http://127.0.0.1:1'], { env: { npm_command: 'exec' } });
    expect(throughNpx.stderr).toContain('Start one with: npx formicary start\n');
    const help = await formicary(['export', '--help'], { env: { npm_command: 'exec' } });
    expect(help.stdout).toContain('$ npx formicary export | npx formicary verify --export -\n');
    const usage = await formicary(['recompute'], { env: { npm_command: 'exec' } });
    expect(usage.stderr).toContain('For example: npx formicary recompute');
    const spoken = await formicary(['--tenant', 'acme', '--principal', "o'hara", 'recompute'], {
      env: { npm_command: 'exec', FORMICARY_URL: 'http://127.0.0.1:1' },
    });
    expect(spoken.stderr).toContain(`npx formicary --tenant acme --principal 'o'\\''hara' recompute`);
  });

  test.each<[string, string[], RegExp]>([
    ['an unknown command', ['frobnicate'], /unknown command 'frobnicate'/],
    ['an unknown option', ['tasks', '--colour', 'red'], /unknown option '--colour'/],
    ['a value out of range', ['post', 'cli.work', '--priority', '7'], /Give a number from 0 to 1/],
    ['a choice that is none', ['tasks', '--status', 'happy'], /Allowed choices are held, open/],
    ['a missing argument', ['why'], /missing required argument 'id'/],
    ['no task to post', ['post', 'cli.work', '--file', 'x.json'], /give TASK_TYPE or --file, not both/],
    ['a time that is none', ['asof', 'yesterdayish', 'task', 'worked'], /"yesterdayish" is not a time/],
    ['a trail without a location', ['asof', '1m', 'trail', 'worked'], /names no trail/],
    ['nothing to recompute', ['recompute'], /give a TASK, or a receipt/],
    ['a payload that is no JSON', ['post', 'cli.work', '--payload', '{oops'], /--payload is not JSON/],
  ])('%s ends with 2', async (_, args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  test('help says which options are required', async () => {
    const { stdout } = await run(['drain', '--help']);
    expect(stdout).toMatch(/--reason <\w+> .*\(required\)/);
    expect(stdout.match(/\(required\)/g)).toHaveLength(1);
  });

  test('a refusal ends with 1 and says what was wrong', async () => {
    expect(await run(['tasks', 'nobody'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'formicary: There is no task nobody.\n',
    });
    const noAward = await run(['recompute', 'worked', '--award', '9']);
    expect(noAward).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/no award 9 of worked/) });
    const { code, stderr } = await run(['post', 'not ok!']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^formicary: The body does not have the required form\.\n {2}#\/task_type: must be an id/);
  });

  test('address, tenant and caller may come from the environment', async () => {
    const env = { FORMICARY_URL: host.url, FORMICARY_TENANT: 'from-env', FORMICARY_PRINCIPAL: 'service:env' };
    const posted = await formicary(['post', 'cli.work', '--json'], { env });
    expect(posted.json).toMatchObject({
      receipt: { stream: expect.stringMatching(/^from-env\//) },
      task: { requester: 'service:env' },
    });
  });
});

describe('post', () => {
  test('one task, with all that can be said of it', async () => {
    const { code, json } = await run([
      ...[
        'post',
        'cli.other',
        '--id',
        'whole',
        '--priority',
        '0.9',
        '--urgency',
        '0.2',
        '--requires',
        'welding=0.5',
        '--requires',
        'english',
        '--location',
        'plant/1',
      ],
      ...[
        '--effort',
        '30',
        '--deadline',
        '2h',
        '--payload',
        '{"n":1}',
        '--bid-seconds',
        '1',
        '--accept-seconds',
        '2',
        '--lease-seconds',
        '3',
        '--max-attempts',
        '4',
        '--retry-seconds',
        '5',
      ],
      ...['--cause', 'default/agent/cli-1@0', '--json'],
    ]);
    expect(code).toBe(0);
    const [registered] = await commitsOf('agent', 'cli-1');
    expect(json.task).toMatchObject({
      ...{
        id: 'whole',
        task_type: 'cli.other',
        priority: 0.9,
        urgency: 0.2,
        location: 'plant/1',
        effort: 30,
        payload: { n: 1 },
        bid_seconds: 1,
        accept_seconds: 2,
        lease_seconds: 3,
        max_attempts: 4,
        retry_seconds: 5,
      },
      requires: [
        { capability: 'welding', level: 0.5 },
        { capability: 'english', level: 0 },
      ],
      correlation_id: registered!.meta.correlationId,
    });
    expect(Date.parse(json.task.deadline) - Date.now()).toBeGreaterThan(7_100_000);
  });

  test('in words', async () => {
    expect(masked((await run(['post', 'cli.other', '--id', 'worded'])).stdout)).toBe(
      'worded is open, strength 0.25  default/task/worded@0  HASH\n',
    );
  });

  test('the same key again changes nothing', async () => {
    const [first, second] = [
      await run(['post', 'cli.other', '--key', 'k1', '--json']),
      await run(['post', 'cli.other', '--key', 'k1', '--json']),
    ];
    expect(second.json.receipt).toEqual({ ...first.json.receipt, repeated: true });
  });

  test.each<[string, (tasks: object[]) => string]>([
    ['an array', (tasks) => JSON.stringify(tasks)],
    ['a task a line', (tasks) => tasks.map((task) => JSON.stringify(task)).join('\n\n')],
  ])('many on standard input, as %s', async (form, write) => {
    const ids = Array.from({ length: 3 }, (_, i) => `many-${form.length}-${i}`);
    const { code, stdout } = await run(['post'], { input: write(ids.map((id) => ({ id, task_type: 'cli.other' }))) });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '3 tasks posted\n' });
    expect((await client.tasks.get(ids[2]!)).status).toBe('open');
  });

  test('more than one request takes, from a file; what is refused is counted and named', async () => {
    const file = join(folder, 'tasks.json');
    writeFileSync(
      file,
      JSON.stringify([
        ...Array.from({ length: 501 }, (_, i) => ({ id: `lot-${i}`, task_type: 'cli.other' })),
        { id: 'worked', task_type: 'cli.other' },
      ]),
    );
    const { code, stdout, stderr } = await run(['post', '--file', file]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '501 tasks posted, 1 refused\n' });
    expect(stderr).toMatch(/worked: a task with this id was posted before/);
    expect((await client.tasks.get('lot-500')).status).toBe('open');
  });

  test('a batch that is not well-formed names its tasks', async () => {
    const { code, stderr } = await run(['post'], { input: '[{"task_type":"x","priority":7}]' });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /\(tasks 1 to 1, #\/tasks\/0 the first of them; the ones before are posted\)\n {2}#\/tasks\/0\/priority/,
    );
  });

  test('input that holds no task', async () => {
    expect((await run(['post'])).stderr).toContain('standard input holds no task');
    expect((await run(['post'], { input: '{"task_type":"x"}\nnonsense' })).stderr).toContain(
      'standard input, line 2, is not JSON',
    );
  });
});

describe('lists', () => {
  test('tasks', async () => {
    const { stdout } = await run(['tasks', '--type', 'cli.work', '--status', 'completed']);
    expect(stdout.replaceAll(/\S+ (ms|s|min) ago/g, 'AGO').replaceAll(/cli-\d/g, 'AGENT')).toBe(
      [
        'TASK    STATUS     TYPE      PRIORITY  AGENT  ATTEMPT  POSTED',
        'worked  completed  cli.work       0.9  AGENT        1  AGO',
        '',
      ].join('\n'),
    );
    expect((await run(['tasks', '--status', 'completed', '--json'])).json).toMatchObject([{ id: 'worked' }]);
    expect((await run(['tasks', 'worked'])).stdout).toMatch(/^completion\.agent +cli-\d$/m);
  });

  test('a list that goes on says so', async () => {
    const { stdout, stderr } = await run(['tasks', '--limit', '1']);
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect(stderr).toContain('There are more');
    expect((await run(['tasks', '--all', '--json'])).json.length).toBeGreaterThan(500);
  });

  test('agents', async () => {
    const { stdout } = await run(['agents', '--pool', 'cli']);
    expect(stdout.replaceAll(/\S+ (ms|s|min) ago/g, 'AGO')).toBe(
      [
        'AGENT  STATUS  TYPE      POOL  SLOTS  LOAD  SINCE',
        'cli-1  active  cli.work  cli     0/4   0 %  AGO',
        'cli-2  active  cli.work  cli     0/4   0 %  AGO',
        '',
      ].join('\n'),
    );
    expect((await run(['agents', '--capability', 'welding', '--json'])).json).toHaveLength(2);
    expect((await run(['agents', 'cli-1', '--json'])).json).toMatchObject({ id: 'cli-1', capacity: 4 });
  });

  test('signals, emitted and perceived', async () => {
    const emitted = await run(['signals', 'emit', 'resource_needed', 'dock/3', '0.8', '--decay', '0']);
    expect(masked(emitted.stdout)).toMatch(
      /^resource_needed at dock\/3 is at 0\.8 {2}default\/trail\/[0-9a-f]{32}@0 {2}HASH\n$/,
    );
    await eventually(async () => (await client.signals.field({ location: 'dock' })).value.length === 1);
    const { stdout } = await run(['signals', '--location', 'dock']);
    expect(stdout).toBe(
      [
        'STRENGTH              TYPE             LOCATION  EMITTER    SIGNALS  GONE',
        '   0.800  ████████░░  resource_needed  dock/3    developer        1  never',
        '',
      ].join('\n'),
    );
    expect((await run(['signals', '--location', 'dock', '--minimum', '0.9', '--json'])).json).toEqual({
      value: [],
      complete: true,
    });
  });

  test('tools and types', async () => {
    await client.tools.register('cli-tool', {
      tool_name: 'Invoices',
      description: 'Lists invoices',
      schema: {},
      version: '1.0.0',
      api_name: 'Books',
    });
    await eventually(async () => (await client.tools.search({ q: 'invoices' })).value.length === 1);
    expect((await run(['tools', 'invoices'])).stdout).toMatch(
      /^cli-tool +1\.0\.0 +Invoices +Books +restricted +developer$/m,
    );
    expect((await run(['tools', '--show', 'cli-tool', '--json'])).json).toMatchObject({
      tool_id: 'cli-tool',
      status: 'active',
    });
    expect((await run(['types', 'inventory', 'optimization', '--limit', '1', '--json'])).json).toMatchObject([
      { agent_type: 'supply_chain.inventory' },
    ]);
    expect((await run(['types', '--department', 'finance'])).stdout).toMatch(/^finance\.reconciliation /m);
    expect((await run(['types', 'x', '--department', 'finance'])).code).toBe(2);
  });

  test('status', async () => {
    const { code, stdout } = await run(['status']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ is ready: \d+ open tasks?\n/);
    expect(stdout).toMatch(/^tasks +tasks\.v\d +–$/m);
    expect((await run(['status', '--json'])).json).toMatchObject({ url: host.url, feed: expect.any(Array) });
  });
});

describe('start', () => {
  test('runs a host until it is told to stop, as the script of that name does', async () => {
    const port = await freePort();
    const data = join(folder, 'started');
    const { scripts } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as {
      scripts: { start: string };
    };
    const [, program, ...args] = scripts.start.split(' ') as [string, string];
    const child = spawn(process.execPath, [
      join(compiledApp(), program),
      ...args,
      '--port',
      String(port),
      '--data',
      data,
    ]);
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    await eventually(() => Promise.resolve(output.includes('is running at')));
    const status = await formicary(['status', '--url', `http://127.0.0.1:${port}`], { env: { FORMICARY_DATA: data } });
    expect(status).toMatchObject({ code: 0, stderr: '' });
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(await formicary(['verify', '--data', data])).toMatchObject({ code: 0 });
  }, 30_000);

  test('ends as the host ends when it can not run', async () => {
    const { code, stderr } = await formicary(['start', '--port', String(host.port), '--data', join(folder, 'taken')]);
    expect(code).toBe(2);
    expect(stderr).toContain(`Port ${host.port} is in use`);
  });
});

test('a task that does not move says why: alone, in a list, with its candidates, in the status', async () => {
  const waiting = new Formicary({ url: host.url, tenant: 'waiting' });
  await waiting.as('low').agents.register({ agent_type: 'legal.work', capabilities: { contract: 0.3 } });
  await waiting.tasks.post({
    id: 'level',
    task_type: 'legal.work',
    requires: [{ capability: 'legal.work' }, { capability: 'contract', level: 0.8 }],
  });
  await waiting.tasks.post({ id: 'nobody', task_type: 'nobody.does' });
  await eventually(async () => (await waiting.status()).waiting.open === 2);
  waiting.close();
  const said = async (...args: string[]) => (await run([...args, '--tenant', 'waiting'])).stdout;

  const text = 'not awarded: 1 agent of legal.work; low has contract 0.3, needs 0.8';
  expect(await said('tasks', 'level')).toMatch(new RegExp(`^why.text +${text}$`, 'm'));
  expect(await said('why', 'level')).toContain(`WHY  ${text}\n`);
  const stuck = await said('tasks', '--stuck', '0');
  expect(stuck).toMatch(new RegExp(`^TASK.* WHY\nlevel .*${text}\nnobody .*no agent of nobody.does is registered\n$`));
  expect(await said('tasks', '--stuck')).not.toContain('level');
  expect(await said('tasks', '--sort', 'waiting', '--limit', '1')).toContain('level');
  expect(await said('candidates', 'level')).toMatch(
    /^AGENT.*\nlow +no +0\/1 +legal.work 1\/0 contract 0.3\/0.8 +low has contract 0.3, needs 0.8\n$/,
  );
  const status = await said('status');
  expect(status).toMatch(/^level-too-low +1 .*level +not awarded: 1 agent of legal.work/m);
  expect(status).toMatch(/^no-agent +1 .*nobody +not awarded: no agent of nobody.does/m);
}, 60_000);
