/** A call of a tool that is cut off: nobody makes it again, and whoever asks is told that nobody knows. */
import type { ServerResponse } from 'node:http';
import { Script } from 'node:vm';
import { OpaLoader } from '../../adapters/opa/loader';
import { McpServers } from '../../adapters/outbound/mcp';
import { StoreBusy } from '../../app/engine/ports';
import { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import { decide } from '../../domain/policy/asking';
import { askCall, type CallOfTool, callTimePassed, endCall, toolCallDecider } from '../../domain/repository/tool-call';
import { bundleWith } from '../support/bundles';
import { eventually } from '../support/eventually';
import { given } from '../support/given';
import { LINES, McpTestServer } from '../support/mcp-server';
import { as, hangsAt, Stage, TENANT } from '../support/stage';

const CALL: CallOfTool = {
  tool_id: 'ledger',
  tool_version: '1.0.0',
  pin: '5f'.repeat(32),
  url: 'https://mcp.example.com/mcp',
  tool: 'list_lines',
  arguments_hash: '6f'.repeat(32),
  until: '2026-11-21T11:00:00.000Z',
};
const ADA: Principal = { tenant: TENANT, id: 'ada', kind: 'human', level: 'critical' };
const asked = { type: 'ToolCallAsked' as const, v: 1, data: { ...CALL, by: 'ann' } };

describe('a call', () => {
  test('is asked for once', () => {
    given(toolCallDecider, []).when(askCall(CALL, 'ann')).then([asked]);
    given(toolCallDecider, [asked]).when(askCall(CALL, 'ann')).thenRejected('tool-call-exists');
  });

  test('ends once, with a hash of what was answered', () => {
    const result = { content: [{ type: 'text', text: '118 lines' }] };
    const ok = { outcome: 'ok' as const, called: true, result };
    given(toolCallDecider, [asked])
      .when(endCall(ok))
      .then([
        {
          type: 'ToolCallEnded',
          v: 1,
          data: { ...ok, result_hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
        },
      ])
      .thenRepeatedNothing();
    given(toolCallDecider, []).when(endCall(ok)).thenNothing();
  });

  test('is unknown from its time on, and not before; what comes later changes nothing', () => {
    given(toolCallDecider, [asked]).thenState((state) => {
      expect(callTimePassed('2026-11-21T10:59:59.999Z')(state)).toEqual([]);
      const late = callTimePassed(CALL.until)(state);
      if (late instanceof Rejection) throw new Error(late.message);
      expect(late).toMatchObject([{ data: { outcome: 'unknown', called: true } }]);
      given(toolCallDecider, [asked, ...late])
        .when(endCall({ outcome: 'ok', called: true }))
        .thenNothing();
    });
  });
});

describe('a process', () => {
  let server: McpTestServer;
  let stage: Stage;
  beforeEach(async () => {
    server = await McpTestServer.start();
    stage = new Stage();
    stage.outbound = {
      ...stage.outbound,
      tools: new McpServers(
        { privateHosts: ['127.0.0.1'], httpToLoopback: true },
        new Map([[server.host, undefined]]),
        stage.outbound.secrets,
      ),
    };
    await stage.start();
    await accepted('1.0.0', {});
  });
  afterEach(async () => {
    await stage.end();
    await server.stop();
  });

  /** A tool with this schema, as a person has accepted it. */
  async function accepted(version: string, schema: Record<string, unknown>): Promise<void> {
    const { tools, toolCalls } = stage.colony;
    const registered = await tools.register(as('ann'), 'ledger', {
      tool_name: 'Ledger',
      description: 'Lines of an account',
      schema,
      sandbox_level: 'restricted',
      operations: [],
      version,
      tags: [],
      mcp: { url: server.url, tool: 'list_lines', level: 'execute', timeout_seconds: 60 },
    });
    expect(registered).toMatchObject({ ok: true });
    await ask(`look-${version}`, `look-${version}`);
    const { found } = (await tools.load(TENANT, 'ledger')).state;
    const read = { version, hash: found?.hash ?? '' };
    expect(await toolCalls.pin({ principal: ADA }, 'ledger', read)).toMatchObject({ ok: true });
  }

  const ask = (id: string, key: string, account = 'DE02') =>
    stage.colony.toolCalls.call(as('ann', key), 'ledger', id, { account });
  const call = () => ask('c-1', 'once');

  test.each<[string, () => void]>([
    ['that ends while the tool works', () => (server.misdeed = ({ method }) => method === 'tools/call')],
    [
      'that ends before it has noted the end',
      () => (stage.mishaps = hangsAt(`${TENANT}/tool-call/c-1`, 'ToolCallEnded')),
    ],
  ])('%s leaves a call that is unknown, and called once', async (_, befall) => {
    befall();
    void call();
    await eventually(() => server.called.length === 1);
    stage.first.kill();
    stage.mishaps = () => undefined;
    await stage.start();
    expect(await call()).toMatchObject({ ok: true, repeated: true, state: { status: 'asked' } });
    await stage.pass(80);
    const unknown = { status: 'ended', ending: { outcome: 'unknown', called: true } };
    expect((await stage.colony.toolCalls.load(TENANT, 'c-1')).state).toMatchObject(unknown);
    expect(await call()).toMatchObject({ ok: true, repeated: true, state: unknown });
    expect(server.called).toHaveLength(1);
    expect(stage.deadlines().filter(({ reason }) => reason === 'tool-call')).toEqual([]);
  });

  test.each<[string, () => Error]>([
    ['the store is busy', () => new StoreBusy('in a test', 1)],
    ['the store is away', () => new Error('in a test')],
  ])('writes down what came of a call once that can be done, where %s meanwhile', async (_, trouble) => {
    let attempts = 0;
    stage.mishaps = (port, method, args) => {
      if (hangsAt(`${TENANT}/tool-call/c-1`, 'ToolCallEnded')(port, method, args) === undefined) return undefined;
      attempts += 1;
      return attempts > 6 ? undefined : Promise.reject(trouble());
    };
    expect(await call()).toMatchObject({ ok: true, state: { ending: { outcome: 'ok' } } });
    expect(attempts).toBeGreaterThan(6);
    expect(server.called).toHaveLength(1);
  });

  test('whose store fails while it looks at a tool has called nothing, and says so', async () => {
    server.tools = [{ ...LINES, description: 'Lists the lines of another account.' }];
    const atInterface = hangsAt(`${TENANT}/tool/ledger`, 'ToolInterfaceFound');
    stage.mishaps = (port, method, args) =>
      atInterface(port, method, args) === undefined ? undefined : Promise.reject(new StoreBusy('in a test', 1));
    const ending = { outcome: 'error', called: false, reason: expect.stringMatching(/store/) };
    expect(await call()).toMatchObject({ ok: true, state: { status: 'ended', ending } });
    expect(server.called).toEqual([]);
  });

  test('makes no more calls of a tenant at once than it may, however many are asked for at once', async () => {
    const held: ServerResponse[] = [];
    server.misdeed = ({ method }, response) => method === 'tools/call' && held.push(response) > 0;
    const asking = Array.from({ length: 25 }, (_, i) => ask(`burst-${i}`, `burst-${i}`));
    await eventually(() => held.length >= 20);
    expect((await ask('one-more', 'one-more')).ok).toBe(false);
    server.misdeed = () => false;
    for (const response of held) response.destroy();
    const refused = (await Promise.all(asking)).flatMap((outcome) => (outcome.ok ? [] : [outcome.rejection.code]));
    expect(refused).toEqual(Array.from({ length: 5 }, () => 'tools-busy'));
    expect(server.called).toHaveLength(20);
    expect(await call()).toMatchObject({ ok: true, state: { ending: { outcome: 'ok' } } });
  });

  test('has sent nothing of a call that people approve first', async () => {
    const bundle = await new OpaLoader().load(await bundleWith({ approvals: { actions: ['tool.call'] } }));
    stage.policy = { evaluate: (request) => decide(bundle, request) };
    const before = server.asked.length;
    const runs = jest.spyOn(Script.prototype, 'runInContext');
    expect(await call()).toMatchObject({ ok: false, rejection: { code: 'approval-needed' } });
    expect(server.asked).toHaveLength(before);
    expect(stage.stream(`${TENANT}/tool-call/c-1`)).toEqual([]);
    // Nor has anybody read a schema, which may take its time.
    expect(runs.mock.calls.filter(([, options]) => options?.timeout !== undefined)).toEqual([]);
    runs.mockRestore();
  });

  test('leaves a schema unread for a while that could not be read in time', async () => {
    await accepted('1.1.0', { type: 'object', properties: { account: { type: 'string', pattern: '^(a+)+$' } } });
    expect(await ask('good', 'good', 'aaa')).toMatchObject({ ok: true, state: { ending: { outcome: 'ok' } } });
    const late = { ok: false, rejection: { code: 'arguments-invalid', message: expect.stringMatching(/too long/) } };
    expect(await ask('slow', 'slow', `${'a'.repeat(40)}!`)).toMatchObject(late);
    expect(await ask('soon', 'soon', 'aaa')).toMatchObject(late);
    await stage.pass(61);
    expect(await ask('later', 'later', 'aaa')).toMatchObject({ ok: true, state: { ending: { outcome: 'ok' } } });
    expect(server.called).toHaveLength(2);
  });
});
