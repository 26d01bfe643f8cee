import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../adapters/embedded/database';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import type { Decider, Decision, Event } from '../../domain/kernel/decider';
import { agentTypeDecider, type AgentTypeEvent, define, withdraw } from '../../domain/repository/agent-template';
import type { AgentTypeEntry } from '../../domain/repository/catalogue';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import {
  deprecate,
  register,
  toolDecider,
  type ToolDefinition,
  type ToolEvent,
  type ToolState,
} from '../../domain/repository/tool';
import { type Projection, viewName, type ViewRowLike } from '../../projections/projection';
import { agentTypes, ownEntries } from '../../projections/repository/agent-types';
import { searchTools, type ToolDoc, type ToolQuery, tools } from '../../projections/repository/tools';
import { newTenant } from '../support/commits';

const NOW = '2026-11-21T10:00:00.000Z';

/** The row of a stream after decisions, each a commit. */
function rowAfter<S, D, E extends Event>(
  projection: Projection<S, D>,
  decider: Decider<S, E>,
  tenant: string,
  id: string,
  decisions: readonly Decision<S, E>[],
): ViewRowLike<D> | undefined {
  const place = { tenant, id, stream: `${tenant}/${decider.category}/${id}`, version: decisions.length - 1, at: NOW };
  const state = decisions.reduce((current, decide, index) => {
    const events = decide(current);
    if (!Array.isArray(events)) throw new Error(JSON.stringify(events));
    return (events as E[]).reduce(
      (folded, event) => decider.evolve(folded, event, { ...place, index, correlationId: '' }),
      current,
    );
  }, decider.initial);
  return projection.row(place, state);
}

let folder: string;
let database: Database;
let views: SqliteViewStore;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-'));
  database = await Database.open(folder);
  views = new SqliteViewStore(database);
  await views.declare(viewName(tools), tools.fields);
  await views.declare(viewName(agentTypes), agentTypes.fields);
});

afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

describe('tools', () => {
  const tenant = newTenant();
  const tool = (changes: Partial<ToolDefinition>): ToolDefinition => ({
    tool_name: 'Tool',
    description: 'Does it.',
    schema: {},
    sandbox_level: 'moderate',
    operations: [],
    owner: 'ant-1',
    version: '1.0.0',
    code: 'x',
    tags: [],
    ...changes,
  });
  const row = (id: string, ...decisions: Decision<ToolState, ToolEvent>[]) =>
    rowAfter(tools, toolDecider, tenant, id, decisions) as ViewRowLike<ToolDoc>;
  const find = async (query: Partial<ToolQuery>) =>
    (await searchTools(views, viewName(tools), tenant, { limit: 10, ...query })).tools.map(({ tool_id }) => tool_id);

  beforeAll(async () => {
    await views.put(viewName(tools), [
      row(
        'sf-leads',
        register(
          'sf-leads',
          tool({
            tool_name: 'Lead finder',
            api_name: 'Salesforce',
            operations: ['query_leads', 'create_account'],
            tags: ['crm'],
          }),
        ),
      ),
      row(
        'sf-slack',
        register(
          'sf-slack',
          tool({
            tool_name: 'Bridge',
            description: 'Tells Slack about every new lead.',
            api_name: 'salesforce',
            operations: ['query_leads', 'post_message'],
          }),
        ),
      ),
      row(
        'stripe',
        register('stripe', tool({ tool_name: 'Invoices', api_name: 'Stripe', operations: ['list_invoices'] })),
      ),
      row(
        'sf-old',
        register('sf-old', tool({ tool_name: 'Leads', api_name: 'Salesforce', operations: ['query_leads'] })),
        deprecate({ reason: 'slow', replacement: 'sf-leads' }),
      ),
      row('plain', register('plain', tool({}))),
    ]);
  });

  test('a row has everything but schema and code', () => {
    expect(row('plain', register('plain', tool({})), register('plain', tool({ version: '1.1.0' })))).toEqual({
      tenant,
      key: 'plain',
      source: `${tenant}/tool/plain`,
      index: 1,
      doc: {
        tool_id: 'plain',
        tool_name: 'Tool',
        description: 'Does it.',
        sandbox_level: 'moderate',
        api_name: null,
        api: '',
        operations: [],
        owner: 'ant-1',
        version: '1.1.0',
        tags: [],
        deprecated: false,
        deprecation: null,
      },
    });
    expect(
      tools.row({ tenant, id: 'none', stream: `${tenant}/tool/none`, version: -1, at: NOW }, toolDecider.initial),
    ).toBeUndefined();
  });

  test.each<[Partial<ToolQuery>, string[]]>([
    [{}, ['plain', 'sf-leads', 'sf-slack', 'stripe']],
    [{ deprecated: true }, ['plain', 'sf-leads', 'sf-old', 'sf-slack', 'stripe']],
    [{ api_name: 'SALESFORCE' }, ['sf-leads', 'sf-slack']],
    [{ operation: 'query_leads' }, ['sf-leads', 'sf-slack']],
    [{ operation: 'query' }, []],
    [{ api_name: 'Salesforce', operation: 'post_message' }, ['sf-slack']],
    [{ text: 'lead' }, ['sf-leads', 'sf-slack']],
    [{ text: 'Slack leads' }, ['sf-slack']],
    [{ text: 'list invoice' }, ['stripe']],
    [{ text: 'crm' }, ['sf-leads']],
    [{ text: 'nothing' }, []],
    [{ text: '!' }, ['plain', 'sf-leads', 'sf-slack', 'stripe']],
    [{ text: 'leads', deprecated: true }, ['sf-old', 'sf-leads', 'sf-slack']],
  ])('%j finds %j', async (query, expected) => {
    expect(await find(query)).toEqual(expected);
  });

  test('the answer says when there is more, and is of one tenant', async () => {
    expect(await searchTools(views, viewName(tools), tenant, { limit: 3 })).toMatchObject({
      complete: false,
      tools: [{}, {}, {}],
    });
    expect(await searchTools(views, viewName(tools), newTenant(), { limit: 3 })).toEqual({ complete: true, tools: [] });
  });
});

test('agent types: those of the tenant that are not withdrawn', async () => {
  const tenant = newTenant();
  const base = CATALOGUE[0] as AgentTypeEntry;
  const row = (id: string, ...decisions: Decision<typeof agentTypeDecider.initial, AgentTypeEvent>[]) =>
    rowAfter(agentTypes, agentTypeDecider, tenant, id, decisions) as ViewRowLike;
  const defineAs = (id: string) => define(id, base, { name: id });
  await views.put(viewName(agentTypes), [row('acme.a', defineAs('acme.a')), row('acme.b', defineAs('acme.b'))]);
  expect(await ownEntries(views, viewName(agentTypes), tenant)).toMatchObject([
    { agent_type: 'acme.a', based_on: 'hr.recruitment@1.0.0' },
    { agent_type: 'acme.b' },
  ]);
  await views.put(viewName(agentTypes), [row('acme.a', defineAs('acme.a'), withdraw('not used'))]);
  expect(await ownEntries(views, viewName(agentTypes), tenant)).toMatchObject([{ agent_type: 'acme.b' }]);
  expect(await ownEntries(views, viewName(agentTypes), newTenant())).toEqual([]);
});
