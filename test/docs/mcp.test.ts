/** The commands of docs/mcp.md, typed in their order on a fresh host: a task by tools alone, a tool of others. */
import { startTestHost } from '../support/host';
import { McpTestServer } from '../support/mcp-server';
import { blocksOf, commandsOf, LEAST_SECONDS, pageOf, secondsIn, shell, stepsOf, walk } from './walk';

const SETTINGS = 4;

test('every command works as it stands', async () => {
  const [block = ''] = blocksOf(pageOf('docs/mcp.md'), 'sh');
  const commands = commandsOf(block);
  const posting = secondsIn(block.replaceAll('\\"', '"'));
  expect(posting).toHaveLength(2);
  expect(Math.min(...posting)).toBeGreaterThanOrEqual(LEAST_SECONDS);
  const host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  const settings = commands
    .slice(0, SETTINGS)
    .join('\n')
    .replace('http://127.0.0.1:7071', host.url)
    .replace('.formicary/guide', host.data);
  const results: { tools?: unknown[]; structuredContent?: Record<string, unknown>; contents?: { text: string }[] }[] =
    [];
  for (const command of commands.slice(SETTINGS)) {
    const { code, output } = await shell(`${settings}\n${command}`, { FORMICARY_URL: host.url });
    expect([command, code, output]).toEqual([command, 0, expect.stringContaining('"result":')]);
    expect(output).not.toContain('"isError":true');
    results.push(JSON.parse(output).result);
  }
  const [discovered, listed, registered, posted, inbox, accepted, completed, task, receipts] = results;
  expect(discovered).toMatchObject({ supportedVersions: ['2026-07-28'] });
  expect(listed?.tools?.length).toBeGreaterThan(10);
  expect(registered?.structuredContent).toMatchObject({ agent: { id: 'ada-1' } });
  expect(posted?.structuredContent).toMatchObject({ task: { id: 'invoice-4712' } });
  expect(inbox?.structuredContent).toMatchObject({ items: [{ kind: 'assignment', task: 'invoice-4712', award: 1 }] });
  expect(accepted?.structuredContent).toMatchObject({ task: { status: 'running' } });
  expect(completed?.structuredContent).toMatchObject({ task: { status: 'completed' } });
  expect(JSON.parse(task?.contents?.[0]?.text ?? '')).toMatchObject({ status: 'completed' });
  expect(JSON.parse(receipts?.contents?.[0]?.text ?? '').value.length).toBeGreaterThan(3);
  await host.stop();
});

test('a tool of another server is registered, accepted and called as the page shows', async () => {
  const server = await McpTestServer.start();
  const host = await startTestHost({
    env: { FORMICARY_MCP_HOSTS: server.host, FORMICARY_WEBHOOK_HOSTS: '127.0.0.1' },
  });
  const steps = stepsOf(pageOf('docs/mcp.md'));
  expect(steps).toHaveLength(5);
  const here = (text: string) => text.replace('https://mcp.example.com/mcp', server.url);
  for (const { command, expected } of steps)
    await walk({ command: here(command), expected: expected.map(here) }, { FORMICARY_URL: host.url });
  expect(server.called).toEqual([{ account: 'DE02' }]);
  await host.stop();
  await server.stop();
});
