/** A stage of its own for each test of decisions: agents, people, voters, and what they decide. */
import type { Colony } from '../../app/colony';
import type { RequestContext } from '../../app/engine/command';
import type { ProposalInput } from '../../app/oversight/actions';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { Stage } from '../support/stage';

export const TENANT = 'acme';
export const agent = (id: string): RequestContext => ({
  principal: { tenant: TENANT, id, kind: 'agent', level: 'execute' },
});
/** As a person or a service calls that speaks for an agent. */
export const spokenFor = (id: string, via: string): RequestContext => ({ principal: { ...agent(id).principal, via } });
export const person = (id: string): RequestContext => ({
  principal: { tenant: TENANT, id, kind: 'human', level: 'critical', groups: ['approvers', 'administrators'] },
});

export const rules = (changes: Partial<OversightRules> = {}): OversightRules => ({
  ...DEFAULT_RULES,
  mode: 'full_automation',
  thresholds: { ...DEFAULT_RULES.thresholds, novelty: 1 },
  ...changes,
});

export const order = (changes: Partial<ProposalInput> = {}): ProposalInput => ({
  kind: 'erp.order',
  action: { item: 'bolts', amount: 40 },
  why: 'stock is low',
  confidence: 0.9,
  impact: 'low',
  risk: 0.1,
  features: { amount: 40 },
  ...changes,
});

export let stage: Stage;
export let colony: Colony;

beforeEach(async () => {
  stage = new Stage();
  ({ colony } = await stage.start());
});

afterEach(() => stage.end());

export const configure = async (changes: Partial<OversightRules>, kind = 'erp.order') => {
  const outcome = await colony.oversight.configure(person('human:root'), kind, rules(changes));
  if (!outcome.ok) throw new Error(outcome.rejection.message);
};
export const action = async (id = 'a1') => (await colony.actions.load(TENANT, id)).state;
export const queue = async () => (await colony.approvals.list(TENANT, { status: 'waiting' }, 100)).docs;
export const propose = async (changes: Partial<ProposalInput> = {}, id = 'a1') => {
  const outcome = await colony.actions.propose(agent('buyer'), id, order(changes));
  if (!outcome.ok) throw new Error(outcome.rejection.message);
  await stage.settled();
  return outcome.state;
};

export const vote = async (round: string, id: string, choice: string) => {
  const { state } = await colony.rounds.load(TENANT, round);
  return await colony.rounds.vote(agent(id), round, {
    voter: id,
    choice,
    confidence: 0.9,
    reasoning: 'because',
    snapshot: state.electorate_hash,
    pass: state.pass,
  });
};
