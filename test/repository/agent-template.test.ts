import {
  agentTypeDecider,
  type AgentTypeEvent,
  define,
  revise,
  withdraw,
} from '../../domain/repository/agent-template';
import type { AgentTypeEntry, CustomEntry } from '../../domain/repository/catalogue';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import { given } from '../support/given';

const base = CATALOGUE.find(({ agent_type }) => agent_type === 'hr.recruitment') as AgentTypeEntry;
const overrides = { agent_type: 'acme.hiring', name: 'Hiring at Acme', tags: ['acme'] };

const entry: CustomEntry = { ...base, ...overrides, version: '1.0.1', based_on: 'hr.recruitment@1.0.0' };
const defined: AgentTypeEvent = { type: 'AgentTypeDefined', v: 1, data: { entry } };
const revisedTo = (changes: Partial<CustomEntry>): AgentTypeEvent => ({
  type: 'AgentTypeRevised',
  v: 1,
  data: { entry: { ...entry, ...changes } },
});
const withdrawn: AgentTypeEvent = {
  type: 'AgentTypeWithdrawn',
  v: 1,
  data: { agent_type: 'acme.hiring', version: '1.0.1', reason: 'not used' },
};

describe('define', () => {
  test('makes an entry from another', () => {
    given(agentTypeDecider, [])
      .when(define('acme.hiring', base, overrides))
      .then([defined])
      .thenState((state) => expect(state).toEqual({ status: 'active', entry, reason: undefined }));
    given(agentTypeDecider, [defined])
      .when(define('acme.hiring', base, overrides))
      .thenNothing();
  });

  test('an entry of their own can be the base', () => {
    given(agentTypeDecider, [])
      .when(define('acme.hiring_de', entry, { name: 'Einstellung' }))
      .then([
        {
          type: 'AgentTypeDefined',
          v: 1,
          data: {
            entry: {
              ...entry,
              agent_type: 'acme.hiring_de',
              name: 'Einstellung',
              version: '1.0.2',
              based_on: 'acme.hiring@1.0.1',
            },
          },
        },
      ]);
  });

  test('refusals', () => {
    given(agentTypeDecider, [])
      .when(define('hr.onboarding', base, {}))
      .thenRejected('agent-type-built-in');
    given(agentTypeDecider, [])
      .when(define('acme.hiring', base, { agent_type: 'acme.other' }))
      .thenRejected('agent-type-invalid');
    given(agentTypeDecider, [])
      .when(define('acme.hiring', base, { category: 'meta', capabilities: [] }))
      .thenRejected('agent-type-invalid', { problems: [{ field: 'category' }, { field: 'capabilities' }] });
    given(agentTypeDecider, [defined])
      .when(define('acme.hiring', base, { name: 'Other' }))
      .thenRejected('agent-type-exists');
    given(agentTypeDecider, [defined, withdrawn])
      .when(define('acme.hiring', base, overrides))
      .thenRejected('agent-type-exists');
  });
});

describe('revise', () => {
  test('changes what is given, and raises the version by what that means', () => {
    const added = [...entry.capabilities, 'referrals'];
    given(agentTypeDecider, [defined])
      .when(revise({ tags: ['acme', 'hiring'] }))
      .then([revisedTo({ tags: ['acme', 'hiring'], version: '1.0.2' })])
      .thenRepeatedNothing();
    given(agentTypeDecider, [defined])
      .when(revise({ capabilities: added }))
      .then([revisedTo({ capabilities: added, version: '1.1.0' })])
      .thenRepeatedNothing();
    given(agentTypeDecider, [defined])
      .when(revise({ required_tools: ['ats'] }))
      .then([revisedTo({ required_tools: ['ats'], version: '2.0.0' })])
      .thenRepeatedNothing();
    given(agentTypeDecider, [defined])
      .when(revise({ name: 'Hiring', version: '3.0.0' }))
      .then([revisedTo({ name: 'Hiring', version: '3.0.0' })])
      .thenRepeatedNothing();
  });

  test('without a change is none', () => {
    given(agentTypeDecider, [defined]).when(revise({})).thenNothing();
    given(agentTypeDecider, [defined])
      .when(revise({ agent_type: 'acme.hiring', name: entry.name, version: '1.0.1' }))
      .thenNothing();
  });

  test('brings a withdrawn type back', () => {
    given(agentTypeDecider, [defined, withdrawn])
      .when(revise({}))
      .then([revisedTo({ version: '1.0.2' })])
      .thenState((state) => state.status === 'active' && state.reason === undefined);
  });

  test('refusals', () => {
    given(agentTypeDecider, [])
      .when(revise({ name: 'Other' }))
      .thenRejected('agent-type-not-found');
    given(agentTypeDecider, [defined])
      .when(revise({ version: '1.0.0' }))
      .thenRejected('agent-type-invalid', { problems: [{ field: 'version' }] });
    given(agentTypeDecider, [defined])
      .when(revise({ agent_type: 'acme.other' }))
      .thenRejected('agent-type-invalid');
    given(agentTypeDecider, [defined])
      .when(revise({ based_on: 'crm.upsell@1.0.0' }))
      .thenRejected('agent-type-invalid', { problems: [{ field: 'based_on' }] });
  });
});

describe('withdraw', () => {
  test('ends it', () => {
    given(agentTypeDecider, [defined]).when(withdraw('not used')).then([withdrawn]).thenRepeatedNothing();
    given(agentTypeDecider, [defined, withdrawn]).thenState((state) =>
      expect(state).toEqual({ status: 'withdrawn', entry, reason: 'not used' }),
    );
  });

  test('refusals', () => {
    given(agentTypeDecider, []).when(withdraw('not used')).thenRejected('agent-type-not-found');
    given(agentTypeDecider, [defined]).when(withdraw('')).thenRejected('reason-invalid');
  });
});
