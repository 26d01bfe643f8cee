/** `formicary ask` against a live host: the plan is shown, risky commands ask, and what runs is what was shown. */
import { type ModelServer, startModelServer } from '../asks/model-server';
import { eventually } from '../support/eventually';
import { client, commitsOf, run } from './worked-host';

test('what is read is shown as a command first, and then run', async () => {
  const { code, stdout, stderr } = await run(['ask', 'show', 'agents', 'in', 'pool', 'cli']);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^formicary --url \S+ agents --pool cli --limit 15 {2}# List agents\n/);
  expect(stdout).toContain('cli-1');
  expect(stdout.replaceAll(/\d+(\.\d+)? m?s ago/g, 'AGO')).toBe(
    (await run(['agents', '--pool', 'cli', '--limit', '15'])).stdout.replaceAll(/\d+(\.\d+)? m?s ago/g, 'AGO'),
  );
});

test('a dry run changes nothing, and needs no host', async () => {
  const { code, stdout } = await run(['ask', '--dry-run', 'post a task cli.work with id asked-1'], {
    env: { FORMICARY_URL: 'http://127.0.0.1:1' },
  });
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/ post cli\.work --id asked-1 {2}# Post a task; risk 0\.2\n$/),
  ]);
  await expect(client.tasks.get('asked-1')).rejects.toMatchObject({ status: 404 });
});

test('what changes little runs; what is risky asks, and does nothing where nobody can be asked', async () => {
  const posted = await run(['ask', 'post a task cli.work with id asked-2']);
  expect([posted.code, posted.stdout]).toEqual([0, expect.stringContaining('asked-2 is ')]);
  const refused = await run(['ask', 'cancel task asked-2 because "not needed"']);
  expect([refused.code, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toContain("nothing was done: cancel asked-2 --reason 'not needed' asks first");
  expect((await client.tasks.get('asked-2')).status).not.toBe('cancelled');
  const done = await run(['ask', '--yes', 'cancel task asked-2 because "not needed"']);
  expect([done.code, done.stdout]).toEqual([0, 'asked-2 is cancelled.\n']);
  expect((await client.tasks.get('asked-2')).ended).toMatchObject({ reason: 'not needed' });
});

test('a plan of several commands stops where one is refused', async () => {
  const { code, stderr } = await run(['ask', '--yes', 'retry task missing-1 and show tasks']);
  expect(code).toBe(1);
  expect(stderr).toContain('redrive missing-1');
  expect(stderr).not.toContain('2 of 2');
});

test('nobody acts as somebody else by words: each command is given what this call was', async () => {
  const given = ['--principal', 'human:ada'];
  const { code } = await run([...given, 'ask', 'post a task cli.work with id asked-3']);
  expect(code).toBe(0);
  const [first] = await commitsOf('task', 'asked-3');
  expect(first?.meta.actor).toMatchObject({ id: 'human:ada' });
});

test('a chain is posted as a job, a schedule is made, out of the plan as it is typed', async () => {
  const job = await run(['ask', '--json', 'cli.work → cli.audit on mail']);
  expect(job.code).toBe(0);
  const [plan, answer] = job.stdout.split(/\n(?=\{\n)/).map((text) => JSON.parse(text));
  expect(plan).toMatchObject({ outcome: 'planned', risk: 0.3, steps: [{ operation: 'postJob' }] });
  const tasks = [];
  for await (const task of client.jobs.tasks(answer.job.id)) tasks.push(task);
  expect(tasks).toMatchObject([{ key: 'cli.work' }, { key: 'cli.audit', status: 'waiting', waits_for: ['cli.work'] }]);
  const made = await run(['ask', 'schedule cli.work every weekday at 18:30 named asked-daily']);
  expect(made.code).toBe(0);
  expect(await client.schedules.get('asked-daily')).toMatchObject({ cron: '30 18 * * MON-FRI', status: 'active' });
});

test('a question and a refusal end with 1, with phrases to say instead', async () => {
  const question = await run(['ask', 'spawn']);
  expect([question.code, question.stdout]).toEqual([1, '']);
  expect(question.stderr).toMatch(
    /^formicary: Which type of agent\?\n {2}For example:\n {2}formicary --url \S+ ask 'spawn 2 /,
  );
  const refusal = await run(['ask', '--json', 'cancel all tasks']);
  expect([refusal.code, refusal.json]).toEqual([1, expect.objectContaining({ outcome: 'refused' })]);
  const typed = await run(['ask', 'erase customer-17']);
  expect([typed.code, typed.stderr]).toEqual([1, expect.stringContaining('erase --help')]);
  expect(await run(['ask', '--manner', 'bold=1', 'show tasks'])).toMatchObject({ code: 2 });
});

test('how it behaves comes from the environment too', async () => {
  const { stdout } = await run(['ask', '--dry-run', 'show tasks'], { env: { FORMICARY_ASK_MANNER: 'efficient=0.5' } });
  expect(stdout).toContain('tasks --limit 50');
});

test('an agent that is registered in words takes work', async () => {
  expect((await run(['ask', 'register agent asked-agent of type cli.asked'])).code).toBe(0);
  await eventually(async () => (await client.agents.get('asked-agent')).status === 'active');
});

describe('the receipt of an exchange', () => {
  const asked = async () => {
    const found: Record<string, unknown>[] = [];
    for await (const { meta, events } of client.receipts.all({ category: 'ask' }))
      for (const { data } of events) found.push({ ...(data as object), actor: meta.actor.id });
    return found;
  };
  const jobs = async () => {
    const found: string[] = [];
    for await (const { id } of client.jobs.all()) found.push(id);
    return found;
  };

  test('says what was said, by whom, and as which commands it was read; before they run', async () => {
    await run(['--principal', 'human:ada', 'ask', 'retry task missing-1']);
    expect((await asked()).at(-1)).toEqual({
      words: 'retry task missing-1',
      outcome: 'run',
      steps: [{ operation: 'redriveTask', command: 'redrive missing-1', risk: 0.3 }],
      by: 'human:ada',
      actor: 'human:ada',
    });
  });

  test('is left of what was not wanted, asked back or refused too, and of a dry run not', async () => {
    const before = (await asked()).length;
    await run(['ask', 'cancel task worked because x']);
    await run(['ask', 'spawn']);
    await run(['ask', 'cancel all tasks']);
    await run(['ask', '--dry-run', 'show tasks']);
    await run(['ask', '--dry-run', 'spawn']);
    expect((await asked()).slice(before).map(({ outcome }) => outcome)).toEqual(['declined', 'question', 'refused']);
  });

  test('without one nothing runs: what must not be kept is not done either', async () => {
    const before = await jobs();
    const { code, stderr } = await run(['ask', `ghp ${'a'.repeat(36)} → cli.work`]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('a token of GitHub')]);
    expect(await jobs()).toEqual(before);
  });

  test('repeats no secret, nor words that speak of one', async () => {
    const before = (await asked()).length;
    for (const phrase of ['my key is fmo_abc', `post a task cli.work with id asked-4 about "ghp_${'a'.repeat(36)}"`])
      expect((await run(['ask', phrase])).code).toBe(1);
    expect((await asked()).slice(before)).toMatchObject([
      { words: '(words that may hold a secret)', outcome: 'refused', steps: [] },
      { words: '(words that may hold a secret)', outcome: 'refused', steps: [] },
    ]);
    await expect(client.tasks.get('asked-4')).rejects.toMatchObject({ status: 404 });
  });
});

describe('with a model', () => {
  let model: ModelServer;
  beforeAll(async () => {
    model = await startModelServer();
  });
  afterAll(() => model.stop());
  const env = () => ({ FORMICARY_ASK_URL: model.url, FORMICARY_ASK_MODEL: 'small', FORMICARY_ASK_KEY: model.key });

  test('what the grammar understands it is not asked; what it plans is run after it was agreed to', async () => {
    await run(['ask', 'post a task cli.work with id asked-5'], { env: env() });
    expect(model.asked).toHaveLength(0);
    model.reply = { calls: [['cancelTask', { id: 'asked-5', reason: 'TEXT_1' }]] };
    const words = 'throw asked-5 away because "nobody needs it"';
    const first = await run(['ask', words], { env: env() });
    expect([first.code, first.stderr]).toEqual([1, expect.stringContaining('asks first')]);
    const { code, stdout, stderr } = await run(['ask', '--yes', words], { env: env() });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^read by small\n.* cancel asked-5 --reason 'nobody needs it' {2}# Cancel a task; risk 0\.5\n.*asks first\n {2}Type the commands\.\n$/,
    );
    expect((await client.tasks.get('asked-5')).status).not.toBe('cancelled');
    model.reply = { calls: [['getTask', { id: 'asked-5' }]] };
    const looked = await run(['ask', 'throw a glance at asked-5'], { env: env() });
    expect([looked.code, looked.stdout]).toEqual([0, expect.stringContaining('asked-5')]);
    for await (const { events } of client.receipts.all({ category: 'ask' }))
      if (events.some(({ data }) => (data as { model?: string }).model === 'small')) return;
    throw new Error('no receipt names the model');
  });

  test('what it makes up is refused, and where it gives no answer the grammar asks back', async () => {
    model.reply = { calls: [['stop', { kind: 'tenant', name: 'default', reason: 'x' }]] };
    const made = await run(['ask', '--yes', 'throw asked-6 away'], { env: env() });
    expect([made.code, made.stderr]).toEqual([1, expect.stringContaining('"default" was not said')]);
    model.reply = { status: 500, body: '{}' };
    const none = await run(['ask', 'throw asked-6 away'], { env: env() });
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('gave no answer: it answered 500')]);
    expect(await run(['ask', 'spawn'], { env: { FORMICARY_ASK_MODEL: 'small' } })).toMatchObject({ code: 2 });
  });
});
