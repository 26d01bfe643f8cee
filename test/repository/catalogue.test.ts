import fc from 'fast-check';
import {
  type AgentTypeEntry,
  type CustomEntry,
  customise,
  filterEntries,
  type Problem,
  recommend,
  searchEntries,
} from '../../domain/repository/catalogue';
import { CATALOGUE } from '../../domain/repository/catalogue-data';

/** The mission's list, group by group, as it stands there. */
const MISSION_TYPES = [
  'hr.recruitment, hr.onboarding, hr.performance, hr.performance_review, hr.annual_review, hr.learning, hr.compliance',
  'crm.lead_scoring, crm.customer_support, crm.sentiment_analysis, crm.churn_prediction, crm.upsell',
  'supply_chain.demand_forecasting, supply_chain.procurement, supply_chain.inventory, supply_chain.urgent_reorder, logistics.route_optimization, logistics.shipment_tracking, distribution.warehouse_optimization',
  'finance.reconciliation, finance.ap_automation, finance.ar_collections, finance.expense_audit, finance.budget_monitoring, finance.fraud_detection, finance.month_end_close',
  'sales.lead_nurturing, sales.quote_generation, sales.forecast, marketing.content_generation, marketing.campaign_optimization, marketing.social_listening',
  'selfops.infraops, selfops.dataops, selfops.agentops, selfops.secops, it.incident_management, it.change_management, cybersecurity.defender, api.gateway_agents',
  'finserv.kyc, finserv.aml, finserv.credit_risk, finserv.fraud_detection, finserv.regulatory_reporting, finserv.portfolio_rebalancing',
  'retail.inventory, retail.price_optimization, retail.demand_forecasting, retail.assortment_planning, retail.customer_personalization, retail.loss_prevention',
  'manufacturing.quality_control, manufacturing.predictive_maintenance, manufacturing.production_scheduling, manufacturing.supply_planning, manufacturing.energy_optimization, manufacturing.safety_monitoring, manufacturing.capacity_planning',
  'healthcare.patient_triage, healthcare.appointment_scheduling, healthcare.claims_processing, healthcare.clinical_documentation, lifesciences.drug_discovery, lifesciences.clinical_trial_matching',
  'meta.integration_builder, meta.tool_discovery, meta.code_execution',
].flatMap((group) => group.split(', '));

const typesOf = (entries: readonly AgentTypeEntry[]) => entries.map((entry) => entry.agent_type);
const found = (q: string) => searchEntries(CATALOGUE, q).map((hit) => hit.entry.agent_type);

function entryOf(agentType: string): AgentTypeEntry {
  const entry = CATALOGUE.find((candidate) => candidate.agent_type === agentType);
  if (entry === undefined) throw new Error(`${agentType} is not in the catalogue`);
  return entry;
}

describe('the built-in entries', () => {
  test('are the types of the mission, each once', () => {
    expect(typesOf(CATALOGUE)).toEqual(MISSION_TYPES);
    expect(new Set(typesOf(CATALOGUE)).size).toBe(68);
  });

  test.each(CATALOGUE.map((entry) => [entry.agent_type, entry] as const))('%s is well formed', (agentType, entry) => {
    expect(entry.capabilities).toContain(agentType.split('.')[1]);
    expect(entry.description).toMatch(/^[A-Z][^.]*\.$/);
    expect(entry.tags.length).toBeGreaterThan(0);
    expect(entry).toMatchObject({ version: '1.0.0', required_tools: [], estimated_cost_per_hour: 0.21 });
    expect([entry.department !== undefined, entry.industry_vertical !== undefined]).toEqual([
      entry.category === 'departmental',
      entry.category === 'industry',
    ]);
    // A customisation checks every field that it is given: repeating the entry's own must be accepted.
    const { category: _1, department: _2, industry_vertical: _3, version: _4, ...own } = entry;
    expect(customise(entry, { ...own, agent_type: 'own.copy' })).toHaveProperty('entry');
  });

  test('have names and descriptions of their own', () => {
    expect(new Set(CATALOGUE.map((entry) => entry.name)).size).toBe(CATALOGUE.length);
    expect(new Set(CATALOGUE.map((entry) => entry.description)).size).toBe(CATALOGUE.length);
  });

  test('belong to the department or industry of their prefix', () => {
    expect(entryOf('logistics.shipment_tracking').department).toBe('supply_chain');
    expect(entryOf('distribution.warehouse_optimization').department).toBe('supply_chain');
    expect(typesOf(filterEntries(CATALOGUE, { department: 'it' }))).toEqual(
      MISSION_TYPES.filter((type) => /^(selfops|it|cybersecurity|api)\./.test(type)),
    );
    expect(entryOf('lifesciences.drug_discovery').industry_vertical).toBe('lifesciences');
    expect(CATALOGUE.filter((entry) => entry.category === 'meta')).toHaveLength(3);
  });

  test('have the given tiers, and are on demand where none is given', () => {
    const tier = (name: string) => typesOf(CATALOGUE.filter((entry) => entry.cost_tier === name));
    expect(tier('always_on')).toEqual([
      'selfops.infraops',
      'selfops.dataops',
      'selfops.agentops',
      'cybersecurity.defender',
      'api.gateway_agents',
    ]);
    expect(tier('business_hours')).toEqual(['hr.recruitment', 'crm.customer_support', 'sales.lead_nurturing']);
    expect(tier('on_demand')).toHaveLength(60);
  });

  test('start active when always on, asleep where the sources let them sleep, cold otherwise', () => {
    expect(entryOf('cybersecurity.defender').default_lifecycle).toBe('active');
    expect(entryOf('hr.recruitment').default_lifecycle).toBe('sleeping');
    expect(entryOf('finance.reconciliation').default_lifecycle).toBe('sleeping');
    expect(entryOf('retail.inventory').default_lifecycle).toBe('sleeping');
    expect(entryOf('finserv.fraud_detection').default_lifecycle).toBe('cold');
  });
});

describe('filter', () => {
  test('by department, industry and capability', () => {
    expect(typesOf(filterEntries(CATALOGUE, { department: 'finance' }))).toEqual(
      MISSION_TYPES.filter((type) => type.startsWith('finance.')),
    );
    expect(typesOf(filterEntries(CATALOGUE, { industry: 'retail' }))).toEqual(
      MISSION_TYPES.filter((type) => type.startsWith('retail.')),
    );
    expect(typesOf(filterEntries(CATALOGUE, { capability: 'demand_forecasting' }))).toEqual([
      'supply_chain.demand_forecasting',
      'retail.demand_forecasting',
    ]);
  });

  test('criteria are joined by and; none lets everything pass', () => {
    expect(typesOf(filterEntries(CATALOGUE, { industry: 'retail', capability: 'demand_forecasting' }))).toEqual([
      'retail.demand_forecasting',
    ]);
    expect(filterEntries(CATALOGUE, { department: 'finance', industry: 'retail' })).toEqual([]);
    expect(filterEntries(CATALOGUE, {})).toEqual(CATALOGUE);
  });
});

describe('search', () => {
  test('the example of the sources finds what optimises inventory, best first', () => {
    const types = found('inventory optimization');
    expect(types[0]).toBe('supply_chain.inventory');
    expect(types.slice(0, 4)).toEqual(
      expect.arrayContaining(['supply_chain.inventory', 'retail.inventory', 'distribution.warehouse_optimization']),
    );
  });

  test('words meet in their stems, in either spelling', () => {
    for (const q of ['optimisation', 'optimizing', 'optimises', 'Optimization!']) {
      expect(found(q)).toEqual(found('optimization'));
    }
    expect(found('optimization')).toContain('retail.price_optimization');
    expect(found('forecast')).toEqual(found('forecasting'));
    expect(found('pricing')[0]).toBe('retail.price_optimization');
    expect(found('inventories')[0]).toBe('retail.inventory');
  });

  test('a beginning finds the word, but counts less than the word', () => {
    expect(found('recon')).toEqual(['finance.reconciliation']);
    const [whole] = searchEntries(CATALOGUE, 'reconciliation');
    const [part] = searchEntries(CATALOGUE, 'recon');
    expect(part?.score).toBeLessThan(whole?.score ?? 0);
  });

  test('tells which fields matched', () => {
    const hit = searchEntries(CATALOGUE, 'churn')[0];
    expect(hit?.entry.agent_type).toBe('crm.churn_prediction');
    expect(hit?.matched).toEqual(['agent_type', 'name', 'capabilities']);
    expect(searchEntries(CATALOGUE, 'finance').every(({ matched }) => matched.includes('department'))).toBe(true);
  });

  test('nothing to look for, or nothing like it, finds nothing', () => {
    expect(found('')).toEqual([]);
    expect(found('the of and')).toEqual([]);
    expect(found('zzyzx')).toEqual([]);
  });

  test('equal scores are ordered by agent type', () => {
    const twins = ['b.two', 'a.one', 'c.three'].map((agent_type) => ({ ...entryOf('retail.inventory'), agent_type }));
    const hits = searchEntries(twins, 'stock');
    expect(new Set(hits.map(({ score }) => score)).size).toBe(1);
    expect(hits.map(({ entry }) => entry.agent_type)).toEqual(['a.one', 'b.two', 'c.three']);
  });

  test('property: the order of the entries does not matter; scores are positive and fall', () => {
    const vocabulary = [...new Set(CATALOGUE.flatMap((entry) => entry.description.split(' ')))];
    const query = fc.array(fc.constantFrom(...vocabulary), { maxLength: 5 }).map((some) => some.join(' '));
    const shuffled = fc.shuffledSubarray([...CATALOGUE], { minLength: CATALOGUE.length });
    fc.assert(
      fc.property(query, shuffled, (q, entries) => {
        const hits = searchEntries(entries, q);
        expect(hits).toEqual(searchEntries(CATALOGUE, q));
        hits.forEach(({ score, matched }, index) => {
          expect(score).toBeGreaterThan(0);
          expect(score).toBeLessThanOrEqual(hits[index - 1]?.score ?? Infinity);
          expect(matched.length).toBeGreaterThan(0);
        });
      }),
      { numRuns: 50 },
    );
  });

  test('property: every entry is found by its own name, among the first', () => {
    for (const entry of CATALOGUE) expect(found(entry.name).slice(0, 2)).toContain(entry.agent_type);
  });
});

test('recommendations are related types, never the type itself', () => {
  const types = recommend(CATALOGUE, entryOf('finance.fraud_detection')).map((hit) => hit.entry.agent_type);
  expect(types[0]).toBe('finserv.fraud_detection');
  expect(types).not.toContain('finance.fraud_detection');
});

describe('customise', () => {
  const base = entryOf('retail.inventory');

  function derived(overrides: Record<string, unknown>, from: AgentTypeEntry = base): CustomEntry {
    const result = customise(from, { agent_type: 'acme.inventory', ...overrides });
    if ('problems' in result) throw new Error(JSON.stringify(result.problems));
    return result.entry;
  }

  function problemsOf(overrides: Record<string, unknown>): readonly Problem[] {
    const result = customise(base, overrides);
    return 'problems' in result ? result.problems : [];
  }

  test('inherits what is not changed and remembers its base', () => {
    expect(derived({ name: 'Acme stock keeper', estimated_cost_per_hour: 0.3 })).toEqual({
      ...base,
      agent_type: 'acme.inventory',
      name: 'Acme stock keeper',
      estimated_cost_per_hour: 0.3,
      version: '1.0.1',
      based_on: 'retail.inventory@1.0.0',
    });
  });

  test.each([
    ['nothing but the id', {}, '1.0.1'],
    ['texts, cost, tags', { description: 'Ours.', tags: ['ours'], estimated_cost_per_hour: 1 }, '1.0.1'],
    ['a capability more', { capabilities: [...base.capabilities, 'drone_counting'] }, '1.1.0'],
    ['another tier', { cost_tier: 'always_on' }, '1.1.0'],
    ['another lifecycle', { default_lifecycle: 'active' }, '1.1.0'],
    ['a capability less', { capabilities: ['inventory'] }, '2.0.0'],
    ['a tool more', { required_tools: ['erp.stock'] }, '2.0.0'],
  ])('%s → the least version step', (_, overrides, version) => {
    expect(derived(overrides).version).toBe(version);
    expect(derived({ ...overrides, version }).version).toBe(version);
    expect(derived({ ...overrides, version: '10.0.0' }).version).toBe('10.0.0');
  });

  test('a tool less is a minor step, and a chain names its direct base', () => {
    const first = derived({ required_tools: ['erp.stock'] });
    const second = derived({ agent_type: 'acme.inventory_lite', required_tools: [] }, first);
    expect(second).toMatchObject({ version: '2.1.0', based_on: 'acme.inventory@2.0.0' });
  });

  test('a version below the step is refused', () => {
    expect(problemsOf({ agent_type: 'acme.inventory', version: '1.0.0' })).toEqual([
      { field: 'version', message: 'must be 1.0.1 or later, for what was changed since 1.0.0' },
    ]);
    expect(problemsOf({ agent_type: 'acme.inventory', version: '1.9.9', capabilities: ['inventory'] })).toHaveLength(1);
  });

  test.each([
    ['agent_type', 'Acme Inventory'],
    ['agent_type', 'inventory'],
    ['agent_type', 'a/b.c'],
    ['agent_type', `acme.${'x'.repeat(130)}`],
    ['agent_type', 'retail.inventory'],
    ['agent_type', undefined],
    ['name', '  '],
    ['description', 7],
    ['version', '1.0'],
    ['version', 'v2.0.0'],
    ['version', '02.0.0'],
    ['capabilities', []],
    ['capabilities', ['inventory', 'inventory']],
    ['capabilities', ['Not Snake']],
    ['capabilities', 'inventory'],
    ['required_tools', ['a b']],
    ['cost_tier', 'sometimes'],
    ['default_lifecycle', 'warming'],
    ['estimated_cost_per_hour', -1],
    ['estimated_cost_per_hour', Number.NaN],
    ['tags', ['UPPER']],
    ['category', 'meta'],
    ['department', 'finance'],
    ['based_on', 'x.y@1.0.0'],
    ['colour', 'red'],
    ['constructor', 'x'],
  ])('refuses %s = %p', (field, value) => {
    const fields = problemsOf({ agent_type: 'acme.inventory', [field]: value }).map((problem) => problem.field);
    expect(new Set(fields)).toEqual(new Set([field]));
  });

  test('tells everything that is wrong at once', () => {
    const fields = problemsOf({ name: '', capabilities: [], colour: 'red' }).map((problem) => problem.field);
    expect(fields).toEqual(['name', 'capabilities', 'colour', 'agent_type']);
  });

  test('property: whatever is accepted is applied, is newer than its base, and can be customised again', () => {
    const id = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/);
    const overrides = fc.record(
      {
        name: fc.string({ minLength: 1 }).filter((text) => text.trim() !== ''),
        capabilities: fc.uniqueArray(id, { minLength: 1, maxLength: 4 }),
        required_tools: fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,9}$/), { maxLength: 3 }),
        cost_tier: fc.constantFrom('always_on', 'business_hours', 'on_demand'),
        estimated_cost_per_hour: fc.float({ min: 0, max: 100, noNaN: true }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.constantFrom(...CATALOGUE), overrides, (from, changes) => {
        const entry = derived(changes, from);
        expect(entry).toMatchObject(changes);
        expect(entry.version > from.version).toBe(true); // Single digits: their order as text is their order.
        const again = customise(entry, { agent_type: 'acme.again' });
        expect(again).toHaveProperty('entry.based_on', `acme.inventory@${entry.version}`);
      }),
    );
  });
});
