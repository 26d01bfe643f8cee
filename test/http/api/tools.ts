/** Tools of others, over HTTP: registered, found, accepted by a person, and called once. */
import { mcpServer, ok, slug, tenant } from './world';

describe('a tool of a server of MCP', () => {
  test('is called as a person has accepted it, and the call is read again', async () => {
    const api = tenant('tools-of-others');
    const call = (key: string) =>
      api('/v1/tools/ledger/calls', {
        as: 'service:crm',
        json: { arguments: { account: 'DE02' } },
        headers: { 'idempotency-key': key },
      });
    await ok(
      api('/v1/tools/ledger', {
        method: 'PUT',
        json: {
          ...{ tool_name: 'Ledger', description: 'Lines of an account', version: '1.0.0' },
          schema: { type: 'object', properties: { account: { type: 'string' } } },
          mcp: { url: mcpServer.url, tool: 'list_lines' },
        },
      }),
    );
    expect((await ok(call('look'))).body.call).toMatchObject({ outcome: 'error', called: false });
    const { found } = (await ok(api('/v1/tools/ledger'))).body;
    expect(slug(await call('early'))).toBe('409 tool-not-pinned');
    await ok(api('/v1/tools/ledger/pin', { as: 'human:ada', json: { version: '1.0.0', hash: found.hash } }));
    const { call: made } = (await ok(call('once'))).body;
    expect(made).toMatchObject({ outcome: 'ok', called: true, pin: found.hash });
    expect((await ok(call('once'))).body.call.id).toBe(made.id);
    expect((await ok(api(`/v1/tools/ledger/calls/${made.id}`, { as: 'service:crm' }))).body).toEqual(made);
  });
});
