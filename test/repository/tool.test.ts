import fc from 'fast-check';
import { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import {
  callable,
  deprecate,
  interfaceFound,
  MAX_CODE_BYTES,
  MAX_VERSIONS,
  pinTool,
  register,
  toolDecider,
  type ToolDefinition,
  type ToolEvent,
  toolProblems,
} from '../../domain/repository/tool';
import { differencesOf, interfaceHash, type ToolInterface } from '../../domain/repository/tool-interface';
import { at, given } from '../support/given';

const tool: ToolDefinition = {
  tool_name: 'Salesforce leads',
  description: 'Finds leads.',
  schema: { type: 'object', properties: { name: { type: 'string' } } },
  sandbox_level: 'restricted',
  api_name: 'Salesforce',
  operations: ['query_leads', 'update_opportunity'],
  owner: 'builder-1',
  version: '1.2.0',
  code: 'export const run = () => 1;',
  tags: ['crm'],
};
const next = { ...tool, version: '1.10.0', code: 'export const run = () => 2;' };

const registered: ToolEvent = { type: 'ToolRegistered', v: 1, data: { tool_id: 'leads', ...tool } };
const upgraded: ToolEvent = { type: 'ToolVersionRegistered', v: 1, data: { tool_id: 'leads', ...next } };
const deprecated: ToolEvent = {
  type: 'ToolDeprecated',
  v: 1,
  data: { tool_id: 'leads', reason: 'slow', replacement: 'leads-2' },
};

describe('register', () => {
  test('a new tool', () => {
    given(toolDecider, []).when(register('leads', tool)).then([registered]).thenRepeatedNothing();
    given(toolDecider, [at({ at: '2026-11-21T12:00:00.000Z', index: 0 }, registered)]).thenState((state) => {
      expect(state).toMatchObject({ status: 'active', tool_id: 'leads', latest: tool });
      expect(state.versions).toEqual([
        {
          version: '1.2.0',
          content: expect.stringMatching(/^[0-9a-f]{64}$/),
          registered_at: '2026-11-21T12:00:00.000Z',
          index: 0,
        },
      ]);
    });
  });

  test('a higher version', () => {
    given(toolDecider, [registered])
      .when(register('leads', next))
      .then([upgraded])
      .thenState(({ latest, versions }) => {
        expect(latest).toEqual(next);
        expect(versions.map(({ version, index }) => [version, index])).toEqual([
          ['1.2.0', 0],
          ['1.10.0', 1],
        ]);
      });
  });

  test('any known version with its own content changes nothing', () => {
    const reordered = Object.fromEntries(
      Object.entries({ ...tool, code_ref: undefined }).reverse(),
    ) as unknown as ToolDefinition;
    given(toolDecider, [registered, upgraded]).when(register('leads', reordered)).thenNothing();
    given(toolDecider, [registered, upgraded, deprecated]).when(register('leads', next)).thenNothing();
  });

  test('a version never changes', () => {
    given(toolDecider, [registered, upgraded])
      .when(register('leads', { ...tool, code: 'other' }))
      .thenRejected('tool-version-exists', { version: '1.10.0' });
    given(toolDecider, [registered])
      .when(register('leads', { ...tool, owner: 'builder-2' }))
      .thenRejected('tool-version-exists');
  });

  test.each(['1.1.9', '0.9.0', '1.9.0'])('%s is not above 1.10.0', (version) => {
    given(toolDecider, [registered, upgraded])
      .when(register('leads', { ...tool, version }))
      .thenRejected('tool-version-too-low', { version: '1.10.0' });
  });

  test('a new version ends the deprecation', () => {
    given(toolDecider, [registered, deprecated])
      .when(register('leads', next))
      .then([upgraded])
      .thenState((state) => state.status === 'active' && state.deprecation === undefined);
  });

  test('the state remembers the last hundred versions', () => {
    const many = Array.from({ length: MAX_VERSIONS + 5 }, (_, patch): ToolEvent => ({
      type: 'ToolVersionRegistered',
      v: 1,
      data: { tool_id: 'leads', ...tool, version: `2.0.${patch}` },
    }));
    given(toolDecider, [registered, ...many]).thenState(({ versions }) => {
      expect(versions).toHaveLength(MAX_VERSIONS);
      expect([versions[0]?.version, versions.at(-1)?.version]).toEqual(['2.0.5', '2.0.104']);
    });
    given(toolDecider, [registered, ...many])
      .when(register('leads', tool))
      .thenRejected('tool-version-too-low');
  });

  test.each<[string, Partial<ToolDefinition>, string?]>([
    ['tool_id', {}, 'a/b'],
    ['tool_name', { tool_name: ' ' }],
    ['description', { description: 'x'.repeat(4_001) }],
    ['schema', { schema: [] as unknown as ToolDefinition['schema'] }],
    ['sandbox_level', { sandbox_level: 'root' as ToolDefinition['sandbox_level'] }],
    ['api_name', { api_name: '' }],
    ['operations', { operations: ['a', 'a'] }],
    ['owner', { owner: '' }],
    ['version', { version: '1.0' }],
    ['version', { version: '01.0.0' }],
    ['code', { code_ref: `sha256:${'0'.repeat(64)}` }],
    ['code', { code: 'ä'.repeat(MAX_CODE_BYTES / 2 + 1) }],
    ['code_ref', { code: undefined, code_ref: 'sha256:x' }],
    ['tags', { tags: ['two words'] }],
  ])('%s must be well formed', (field, changes, id = 'leads') => {
    const problems = toolProblems(id, { ...tool, ...changes });
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${field} `))]);
    given(toolDecider, [])
      .when(register(id, { ...tool, ...changes }))
      .thenRejected('tool-invalid', { problems });
  });

  test('code may be absent, or a blob, or as large as it may be', () => {
    for (const code of [{}, { code_ref: `sha256:${'a'.repeat(64)}` }, { code: 'x'.repeat(MAX_CODE_BYTES) }]) {
      expect(toolProblems('leads', { ...tool, code: undefined, ...code })).toEqual([]);
    }
  });
});

describe('deprecate', () => {
  test('says why, and what to use instead', () => {
    given(toolDecider, [registered])
      .when(deprecate({ reason: 'slow', replacement: 'leads-2' }))
      .then([deprecated])
      .thenRepeatedNothing();
    given(toolDecider, [registered, deprecated]).thenState((state) => {
      expect(state).toMatchObject({
        status: 'deprecated',
        latest: tool,
        deprecation: { reason: 'slow', replacement: 'leads-2' },
      });
    });
  });

  test('can be said differently', () => {
    given(toolDecider, [registered, deprecated])
      .when(deprecate({ reason: 'unsafe' }))
      .then([{ type: 'ToolDeprecated', v: 1, data: { tool_id: 'leads', reason: 'unsafe' } }])
      .thenState(({ deprecation }) => expect(deprecation).toEqual({ reason: 'unsafe' }));
  });

  test('refusals', () => {
    given(toolDecider, [])
      .when(deprecate({ reason: 'slow' }))
      .thenRejected('tool-not-found');
    given(toolDecider, [registered])
      .when(deprecate({ reason: ' ' }))
      .thenRejected('reason-invalid');
    given(toolDecider, [registered])
      .when(deprecate({ reason: 'slow', replacement: 'leads' }))
      .thenRejected('replacement-invalid');
    given(toolDecider, [registered])
      .when(deprecate({ reason: 'slow', replacement: 'a/b' }))
      .thenRejected('replacement-invalid');
  });
});

test('whatever is registered in whatever order, versions only rise', () => {
  const version = fc.tuple(fc.nat(12), fc.nat(12), fc.nat(12)).map((parts) => parts.join('.'));
  fc.assert(
    fc.property(fc.array(version, { maxLength: 30 }), (versions) => {
      let state = toolDecider.initial;
      versions.forEach((one, index) => {
        const events = register('leads', { ...tool, version: one })(state);
        if (!Array.isArray(events)) return;
        for (const event of events as ToolEvent[])
          state = toolDecider.evolve(state, event, { stream: 's', index, at: '', correlationId: '' });
      });
      const kept = state.versions
        .map((known) => known.version.split('.').map(Number))
        .map(([a = 0, b = 0, c = 0]) => a * 1e4 + b * 100 + c);
      expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
      const all = versions
        .map((one) => one.split('.').map(Number))
        .map(([a = 0, b = 0, c = 0]) => a * 1e4 + b * 100 + c);
      expect(kept.at(-1)).toBe(all.length === 0 ? undefined : Math.max(...all));
    }),
  );
});

describe('a tool of a server of MCP', () => {
  const { code: _, ...remote } = tool;
  const mcp = { url: 'https://mcp.example.com/mcp', tool: 'query', level: 'execute' as const, timeout_seconds: 30 };
  const one: ToolEvent = { type: 'ToolRegistered', v: 1, data: { tool_id: 'leads', ...remote, mcp } };
  const seen: ToolInterface = { name: 'query', description: 'Finds leads.', inputSchema: { type: 'object' } };
  const hash = interfaceHash(seen);
  const found: ToolEvent = { type: 'ToolInterfaceFound', v: 1, data: { tool_id: 'leads', hash, interface: seen } };
  const pinned: ToolEvent = { type: 'ToolPinned', v: 1, data: { tool_id: 'leads', hash, by: 'ada' } };
  const read = { version: '1.2.0', hash };
  const ada: Principal = { tenant: 't', id: 'ada', kind: 'human', level: 'critical' };
  test.each([
    [{ ...mcp, url: 'http://mcp.example.com/mcp' }],
    [{ ...mcp, url: 'https://ada:word@mcp.example.com/mcp' }],
    [{ ...mcp, url: 'https://mcp.example.com/mcp?token=word' }],
    [{ ...mcp, tool: ' ' }],
    [{ ...mcp, level: 'root' as 'execute' }],
    [{ ...mcp, timeout_seconds: 61 }],
    [{ ...mcp, timeout_seconds: NaN }],
  ])('is not registered with %j', (wrong) => {
    expect(toolProblems('leads', { ...remote, mcp: wrong })).toHaveLength(1);
  });

  test('has no code of its own', () => {
    expect(toolProblems('leads', { ...tool, mcp })).toEqual(['mcp excludes code and code_ref']);
    given(toolDecider, [registered]).when(pinTool(read, ada)).thenRejected('tool-not-callable');
  });

  test('is found once, and pinned by a person', () => {
    given(toolDecider, [one]).when(interfaceFound('1.2.0', seen)).then([found]).thenRepeatedNothing();
    given(toolDecider, [one]).when(interfaceFound('1.1.0', seen)).thenNothing();
    given(toolDecider, [one, found]).when(pinTool(read, ada)).then([pinned]).thenRepeatedNothing();
    for (const kind of ['agent', 'service', 'system'] as const)
      given(toolDecider, [one, found])
        .when(pinTool(read, { ...ada, kind }))
        .thenRejected('tool-pin-by-person');
    given(toolDecider, []).when(pinTool(read, ada)).thenRejected('tool-not-found');
    given(toolDecider, [one, found])
      .when(pinTool({ ...read, version: '1.1.0' }, ada))
      .thenRejected('tool-version-superseded', { version: '1.2.0' });
    given(toolDecider, [one]).when(pinTool(read, ada)).thenRejected('tool-interface-unknown', {});
  });

  test('is called as it was pinned, and rests from what is found else to the next pin, or a higher version', () => {
    const other: ToolEvent = { ...found, data: { ...found.data, hash: '5f'.repeat(32) } };
    const higher: ToolEvent = { ...upgraded, data: { ...upgraded.data, mcp } };
    const cases: [ToolEvent[], string | undefined][] = [
      [[one], 'callable'],
      [[one, found], 'tool-not-pinned'],
      // Pins of what nobody had seen were once written.
      [[one, pinned], 'callable'],
      [[one, pinned, found], 'tool-not-pinned'],
      [[one, found, pinned, other], 'tool-changed'],
      [[one, found, pinned, other, pinned], 'callable'],
      [[one, found, pinned, other, higher], 'callable'],
      [[registered], 'tool-not-callable'],
    ];
    for (const [history, expected] of cases)
      given(toolDecider, history).thenState((state) => {
        const now = callable(state);
        expect(now instanceof Rejection ? now.code : 'callable').toBe(expected);
      });
    given(toolDecider, [one, found, pinned, higher]).thenState((state) =>
      expect(callable(state)).toMatchObject({ pin: undefined }),
    );
  });

  test('is told by its differences', () => {
    const { description: __, ...silent } = seen;
    const odd = { ...silent, inputSchema: { type: 'object', properties: { 'a/b': 1 } } };
    expect(differencesOf(seen, odd)).toEqual([
      { pointer: '#/description', before: 'Finds leads.' },
      { pointer: '#/inputSchema/properties', after: { 'a/b': 1 } },
    ]);
    expect(differencesOf(seen, { ...seen })).toEqual([]);
  });
});
