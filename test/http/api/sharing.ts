/** What agents share: types of agents, tools, signals, pools. */
import { eventually } from '../../support/eventually';
import { items, settled } from '../support';
import { agent, host, ok, post, slug, tenant } from './world';

describe('what agents share', () => {
  test('an agent is deployed from the repository and works', async () => {
    const api = tenant('deploy');
    const json = {
      agent_type: 'finance.reconciliation',
      tenant_id: 'deploy',
      lifecycle: 'business_hours',
      schedule: { cron: '0 9-17 * * 1-5', timezone: 'America/New_York' },
      resources: { cpu: '2', memory: '4Gi' },
      location: 'office/eu',
    };
    const deployed = await ok(api('/v1/agents/deploy', { json }));
    expect(deployed.status).toBe(201);
    const { id } = deployed.body.agent as { id: string };
    expect(id).toMatch(/^finance\.reconciliation-/);
    expect(deployed.headers.location).toBe(`/v1/agents/${id}`);
    expect((await ok(api(`/v1/agents/${id}`))).body).toMatchObject({
      agent_type: 'finance.reconciliation',
      pool: 'finance',
      location: 'office/eu',
      deployment: { tier: 'business_hours', schedule: json.schedule, resources: json.resources },
    });
    const [capability] = deployed.body.agent_type.capabilities as string[];
    await post(api, { id: 't', requires: [{ capability, level: 1 }] });
    await agent(api, id).awarded('t');
    for (const cron of ['0 9 * * 1', '0 8 L * *', '*/30 * * * * *', '0 7 1 */3 *'])
      expect(
        (await api('/v1/agents/deploy', { json: { agent_type: 'hr.recruitment', schedule: { cron } } })).status,
      ).toBe(201);
  });

  test('a type of one’s own is found, revised, deployed and withdrawn', async () => {
    const api = tenant('types');
    const own = '/v1/agents/repository/acme.books';
    const defined = await ok(
      api(own, {
        method: 'PUT',
        json: {
          based_on: 'finance.reconciliation',
          overrides: { name: 'Zebra bookkeeping', capabilities: ['zebra_counting'] },
        },
      }),
    );
    expect(defined.body.agent_type).toMatchObject({
      agent_type: 'acme.books',
      based_on: expect.stringMatching(/^finance\.reconciliation@/),
      department: 'finance',
    });
    const listed = async (path: string) =>
      items<{ agent_type: string }>(await ok(api(path))).map((entry) => entry.agent_type);
    await eventually(async () => (await listed('/v1/agents/repository?department=finance')).includes('acme.books'));
    expect(await listed('/v1/agents/repository?capability=zebra_counting')).toEqual(['acme.books']);
    expect(await listed('/v1/agents/repository/search?q=zebra')).toEqual(['acme.books']);
    expect((await listed('/v1/agents/repository/search?q=inventory%20optimization&limit=2')).length).toBe(2);
    expect(await listed('/v1/agents/repository?industry=retail')).toContain('retail.inventory');
    expect((await ok(api(own))).body).toMatchObject({ name: 'Zebra bookkeeping', similar: expect.any(Array) });
    const revised = await ok(api(own, { method: 'PATCH', json: { overrides: { description: 'Counts zebras.' } } }));
    expect(revised.body.agent_type.version).not.toBe(defined.body.agent_type.version);
    expect(
      (await ok(api('/v1/agents/deploy', { json: { agent_type: 'acme.books', id: 'zed' } }))).body.agent.capabilities,
    ).toEqual({ zebra_counting: 1 });
    expect((await ok(api(`${own}?reason=extinct`, { method: 'DELETE' }))).body.receipt.events).toEqual([
      'AgentTypeWithdrawn',
    ]);
    expect(slug(await api('/v1/agents/deploy', { json: { agent_type: 'acme.books' } }))).toBe(
      '404 agent-type-not-found',
    );
    await eventually(async () => !(await listed('/v1/agents/repository')).includes('acme.books'));
    expect((await ok(api('/v1/agents/zed'))).body.status).toBe('active');
  });

  test('tools are registered, found, superseded and deprecated', async () => {
    const api = tenant('tools');
    const tool = {
      tool_name: 'Lead finder',
      description: 'Finds leads',
      schema: { type: 'object' },
      api_name: 'Salesforce',
      operations: ['query_leads'],
      tags: ['crm'],
      version: '1.0.0',
      code: 'return 1',
    };
    const registered = await ok(api('/v1/tools/leads', { method: 'PUT', json: tool, as: 'builder' }));
    expect(registered.body.tool).toMatchObject({
      tool_id: 'leads',
      status: 'active',
      latest: { owner: 'builder', sandbox_level: 'restricted', code: 'return 1' },
    });
    await ok(
      api('/v1/tools/leads', { method: 'PUT', json: { ...tool, version: '2.0.0', code: 'return 2' }, as: 'builder' }),
    );
    const found = async (query: string) =>
      items<{ tool_id: string; version: string }>(await ok(api(`/v1/tools?${query}`))).map(
        (hit) => `${hit.tool_id} ${hit.version}`,
      );
    await eventually(async () => (await found('q=leads'))[0] === 'leads 2.0.0');
    for (const query of ['api_name=salesforce', 'operation=query_leads', 'q=crm', 'q=find%20lead&limit=1'])
      expect(await found(query)).toEqual(['leads 2.0.0']);
    expect(await found('api_name=sap')).toEqual([]);
    await ok(api('/v1/tools/leads/deprecate', { json: { reason: 'too old', replacement: 'leads-2' } }));
    await eventually(async () => (await found('q=leads')).length === 0);
    expect(await found('q=leads&deprecated=true')).toEqual(['leads 2.0.0']);
    expect((await ok(api('/v1/tools/leads'))).body).toMatchObject({
      status: 'deprecated',
      deprecation: { replacement: 'leads-2' },
    });
  });

  test('signals add up where they meet, and are perceived by place, type and strength', async () => {
    const api = tenant('signals');
    const signal = (location: string, strength: number, more = {}) => ({
      type: 'heat',
      location,
      strength,
      decay_rate: 0,
      ...more,
    });
    const one = await ok(api('/v1/signals', { json: signal('hall/1', 0.3), as: 'ada' }));
    expect(one.body.value).toMatchObject([{ type: 'heat', location: 'hall/1', strength: 0.3, version: 0 }]);
    const many = await ok(
      api('/v1/signals', {
        json: {
          signals: [
            signal('hall/1', 0.4),
            signal('hall/2', 0.9),
            signal('yard', 0.2, { type: 'cold' }),
            signal('hall/1', 0.1, { emitter_agent: 'bob' }),
          ],
        },
        as: 'ada',
      }),
    );
    const answers = items<{
      strength?: number;
      problem?: { type: string };
      stream: string;
      version: number;
      hash: string;
    }>(many);
    expect(answers.map(({ strength, problem }) => strength ?? problem?.type.split('/').at(-1))).toEqual([
      0.7,
      0.9,
      0.2,
      'emitter-mismatch',
    ]);
    await settled(host);
    const field = async (query: string) =>
      items<{ location: string }>(await ok(api(`/v1/signals?${query}`))).map((trail) => trail.location);
    expect(await field('')).toEqual(['hall/2', 'hall/1', 'yard']);
    expect(await field('location=hall')).toEqual(['hall/2', 'hall/1']);
    expect(await field('type=cold')).toEqual(['yard']);
    expect(await field('minimum=0.8')).toEqual(['hall/2']);
    expect(await field('limit=1')).toEqual(['hall/2']);
    expect((await ok(api('/v1/signals/heat/hall/1'))).body).toMatchObject({
      strength: 0.7,
      emissions: 2,
      emitter_agent: 'ada',
    });
    const { hash, stream, version } = answers[0] as (typeof answers)[number];
    const [, , id] = stream.split('/');
    expect((await ok(api(`/v1/streams/trail/${id}`))).body.value[version]).toMatchObject({ hash, stream });
    // A task may name the signal that led to it.
    await post(api, { id: 'cool', task_type: 'nobody_does', cause: `${stream}@${version}` });
    expect((await ok(api('/v1/why?id=cool'))).text).toContain(`${stream}@${version}`);
  });

  test('pools show their load, take an objective and are reorganised', async () => {
    const api = tenant('pools');
    for (const id of ['a1', 'a2'])
      await ok(
        api(`/v1/agents/${id}`, { method: 'PUT', json: { agent_type: 'alpha.worker', capabilities: ['digging'] } }),
      );
    await ok(api('/v1/agents/b1', { method: 'PUT', json: { agent_type: 'beta.worker' } }));
    const pools = await eventually(async () => {
      const { value } = (await ok(api('/v1/pools'))).body;
      return value.length === 2 && (value as { pool: string; sample: { agents: number } }[]);
    });
    expect(pools.map(({ pool, sample }) => [pool, sample.agents])).toEqual([
      ['alpha', 2],
      ['beta', 1],
    ]);
    expect((await ok(api('/v1/pools/alpha/history'))).body.value).toEqual(expect.any(Array));
    const moved = await ok(
      api('/v1/pools/beta/reorganisations', { json: { moves: [{ agent: 'a2', to: 'beta' }], reason: 'help' } }),
    );
    expect(moved.body.receipt).toMatchObject({ stream: 'pools/pool/beta', repeated: false });
    await eventually(async () => (await ok(api('/v1/agents/a2'))).body.pool === 'beta');
    expect(
      (
        await ok(
          api('/v1/pools/beta/objective', { method: 'PUT', json: { description: 'Dig', capabilities: ['digging'] } }),
        )
      ).body.receipt.repeated,
    ).toBe(false);
  });
});
