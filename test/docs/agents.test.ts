/** The commands of docs/agents.md, typed in their order on a fresh host by somebody who reads slowly, do two tasks. */
import { spawn } from 'node:child_process';
import { Formicary } from '../../client/client';
import { eventually } from '../support/eventually';
import { startTestHost } from '../support/host';
import { blocksOf, commandsOf, LEAST_SECONDS, pageOf, readOn, secondsIn, shell } from './walk';

const [CURL, CLI] = blocksOf(pageOf('docs/agents.md'), 'sh').map(commandsOf) as [string[], string[]];

/** A host that believes nobody without a token. */
const STRICT = { env: { FORMICARY_DEV_HEADERS: 'off' } };

test('nothing that they leave waiting lapses while one reads', () => {
  // In each block: presence of the agent, acceptance and lease of the task.
  for (const commands of [CURL, CLI]) {
    const seconds = commands.flatMap(secondsIn);
    expect(seconds).toHaveLength(3);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(LEAST_SECONDS);
  }
});

test('every command works as it stands, with a pause before each', async () => {
  const host = await startTestHost(STRICT);
  const client = new Formicary({ url: host.url, credentials: { key: host.key } });
  const [places, tokens, ...requests] = CURL as [string, string, ...string[]];
  const settings = `${places.replace('http://127.0.0.1:7071', host.url).replace('.formicary/guide', host.data)}\n${tokens}`;
  const env = { FORMICARY_URL: host.url, FORMICARY_DATA: host.data };
  const answers: string[] = [];
  for (const request of requests) {
    await readOn(1_100);
    const { code, output } = await shell(`${settings}\n${request}`, env);
    expect([request, code, output]).toEqual([request, 0, expect.not.stringContaining('/problems/')]);
    answers.push(output);
  }
  const [registered, posted, inbox, accepted, beat, completed] = answers.map((answer) => JSON.parse(answer));
  expect(registered.agent).toMatchObject({ id: 'ada-1', status: 'active' });
  expect(posted.task).toMatchObject({ id: 'invoice-4711', status: 'open' });
  expect(inbox.items).toEqual([expect.objectContaining({ kind: 'assignment', task: 'invoice-4711', award: 1 })]);
  expect(accepted.task).toMatchObject({ status: 'running' });
  expect(beat.held).toEqual([expect.objectContaining({ task: 'invoice-4711', award: 1, stands: true })]);
  expect(completed.task).toMatchObject({ status: 'completed', attempts: 1 });

  for (const command of CLI) {
    await readOn(1_100);
    const { code, output } = await shell(command, env);
    expect([command, code, output]).toEqual([command, 0, expect.any(String)]);
  }
  expect((await client.tasks.get('lead-7')).status).toBe('completed');
  client.close();
  await host.stop();
}, 120_000);

test('the program does what it is given', async () => {
  const [program] = blocksOf(pageOf('docs/agents.md'), 'python') as [string];
  const host = await startTestHost(STRICT);
  const client = new Formicary({ url: host.url, credentials: { key: host.key } });
  const { access_token: token } = await client.identity.issue({ subject: 'cy-3' });
  const agent = spawn('python3', ['-c', program], {
    env: { ...process.env, FORMICARY_URL: host.url, FORMICARY_TOKEN: token },
    stdio: 'ignore',
  });
  try {
    await client.tasks.post({ id: 'count-1', task_type: 'text.count', payload: 'four' });
    await eventually(async () => (await client.tasks.get('count-1')).status === 'completed');
    expect((await client.tasks.get('count-1')).completion).toMatchObject({ agent: 'cy-3', result: { characters: 4 } });
  } finally {
    agent.kill();
    client.close();
    await host.stop();
  }
}, 60_000);
