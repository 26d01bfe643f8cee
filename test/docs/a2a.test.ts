/** The commands of docs/a2a.md, typed in their order on a fresh host: a message is a task, and an agent does it. */
import { startTestHost } from '../support/host';
import { blocksOf, commandsOf, LEAST_SECONDS, pageOf, secondsIn, shell } from './walk';

const SETTINGS = 6;

test('every command works as it stands', async () => {
  const [block = ''] = blocksOf(pageOf('docs/a2a.md'), 'sh');
  const commands = commandsOf(block);
  const posting = secondsIn(block.replaceAll('\\"', '"'));
  expect(posting).toHaveLength(2);
  expect(Math.min(...posting)).toBeGreaterThanOrEqual(LEAST_SECONDS);
  const host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  let settings = commands
    .slice(0, SETTINGS)
    .join('\n')
    .replace('http://127.0.0.1:7071', host.url)
    .replaceAll('.formicary/guide', host.data);
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is read back is checked below
  const answers: any[] = [];
  for (const command of commands.slice(SETTINGS)) {
    const isSetting = command.startsWith('TASK=');
    const { code, output } = await shell(`${settings}\n${command}${isSetting ? '\necho $TASK' : ''}`, {
      FORMICARY_URL: host.url,
    });
    expect([command, code]).toEqual([command, 0]);
    if (isSetting) settings += `\nTASK=${output.trim()}`;
    else answers.push(JSON.parse(output));
  }
  const [card, extended, registered, sent, accepted, completed, got, listed, rest] = answers;
  expect(card).toMatchObject({ name: 'Formicary', signatures: [{}] });
  expect(extended.result.skills.length).toBeGreaterThan(1);
  expect(registered).toMatchObject({ agent: { id: 'ada-1' } });
  expect(sent.result.task).toMatchObject({ contextId: 'invoices', status: { state: 'TASK_STATE_SUBMITTED' } });
  expect(accepted).toMatchObject({ task: { status: 'running' } });
  expect(completed).toMatchObject({ task: { status: 'completed' } });
  expect(got.result).toMatchObject({
    status: { state: 'TASK_STATE_COMPLETED' },
    artifacts: [{ artifactId: 'result' }],
  });
  expect(listed.result).toMatchObject({ tasks: [{ id: got.result.id }], totalSize: 1 });
  expect(rest).toEqual(got.result);
  await host.stop();
});
