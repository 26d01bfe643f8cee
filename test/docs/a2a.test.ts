/** The commands of docs/a2a.md, typed in their order on a fresh host: a message is a task, and an agent does it. */
import { startTestHost } from '../support/host';
import { blocksOf, commandsOf, LEAST_SECONDS, pageOf, secondsIn, shell } from './walk';

test('every command works as it stands', async () => {
  const [block = ''] = blocksOf(pageOf('docs/a2a.md'), 'sh');
  const commands = commandsOf(block);
  const posting = secondsIn(block.replaceAll('\\"', '"'));
  expect(posting).toHaveLength(2);
  expect(Math.min(...posting)).toBeGreaterThanOrEqual(LEAST_SECONDS);
  const host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  const written = commands.map((command) =>
    command.replace('http://127.0.0.1:7071', host.url).replaceAll('.formicary/guide', host.data),
  );
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is read back is checked below
  const answers: any[] = [];
  let settings = '';
  for (const command of written) {
    const [, name] = /^(\w+)=\$\(/.exec(command) ?? [];
    const isSaid = name === undefined && !/^\w+(=|\(\))/.test(command);
    if (name === undefined && !isSaid) {
      settings += `${command}\n`;
      continue;
    }
    const { code, output } = await shell(`${settings}${command}${isSaid ? '' : `\necho "$${name}"`}`, {
      FORMICARY_URL: host.url,
    });
    expect([command, code]).toEqual([command, 0]);
    // What a command has found out stays so for those after it.
    if (isSaid) answers.push(JSON.parse(output));
    else settings += `${name}=${output.trim()}\n`;
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
