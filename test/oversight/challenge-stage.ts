/** A stage of its own for each test of challenges: who doubts, who judges, and what is doubted. */
import { taskDecider } from '../../domain/market/task';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { brokenRules } from '../support/log-rules';
import { as, profile, spec, Stage, taskOf, TENANT } from '../support/stage';

/** The stage of this test. */
export let stage: Stage;

/** Goes on with a stage of its own, on which nothing has happened yet. */
export function newStage(): Stage {
  return (stage = new Stage());
}

beforeEach(() => {
  newStage();
});
afterEach(() => stage.end());

export const JUDGES = ['j0', 'j1', 'j2'];
export const DAY = 86_400;
const LADDER = [{ group: 'approvers', members: [], seconds: 60 }];
export const person = (id: string) => ({
  principal: {
    tenant: TENANT,
    id: `human:${id}`,
    kind: 'human' as const,
    level: 'critical' as const,
    groups: ['approvers', 'administrators'],
  },
});

export const task = (id = 't') => stage.fold(taskDecider, taskOf(id)).state;

export const register = (id: string, changes: Parameters<typeof profile>[0] = {}) =>
  stage.colony.agents.register(
    as(id),
    id,
    profile({ agent_type: `type.${id}`, presence_seconds: 10 * DAY, ...changes }),
  );
export const judges = (...ids: string[]) =>
  Promise.all(ids.map((id) => register(id, { agent_type: 'judge', capabilities: {}, offer: null })));

export const voters = (...ids: string[]) => ids.map((id) => ({ id, why: 'asked by name' }));
export const voting = (...ids: string[]): OversightRules['round'] => ({
  when: 'always',
  algorithm: 'simple_majority',
  voters: voters(...ids),
  min_agreement: 0.75,
  quorum: 0.6,
  round_seconds: 30,
  improvement_rounds: 0,
});
export const challengeRules = async (changes: Partial<OversightRules> = {}) => {
  const rules = {
    ...DEFAULT_RULES,
    mode: 'full_automation' as const,
    approvers: LADDER,
    round: voting(...JUDGES),
    ...changes,
  };
  const outcome = await stage.colony.oversight.configure(person('root'), 'challenge', rules);
  if (!outcome.ok) throw new Error(outcome.rejection.message);
};

/** Posted, and awarded to `ann`. */
export const awarded = async (id = 't', changes: Parameters<typeof spec>[0] = {}) => {
  await register('ann', { capacity: 100 });
  await stage.colony.tasks.post(
    as('poster'),
    id,
    spec({ accept_seconds: 600, lease_seconds: 3_600, retry_seconds: 0, ...changes }),
  );
  await stage.settled();
  expect(task(id).holder?.agent).toBe('ann');
  return task(id).holder?.receipt as string;
};

export const challenge = async (target: string, by = 'rival', reason = 'it has not the tools') => {
  const outcome = await stage.colony.challenges.challenge(as(by), target, reason);
  await stage.settled();
  return { code: outcome.ok ? 'ok' : outcome.rejection.code, round: outcome.round };
};

export const verdict = async (round: string, choice: 'uphold' | 'dismiss', ...ids: string[]) => {
  const { state } = await stage.colony.rounds.load(TENANT, round);
  for (const id of ids.length === 0 ? (state.electorate?.voters.map((voter) => voter.id) ?? []) : ids) {
    await stage.colony.rounds.vote(as(id), round, {
      voter: id,
      choice,
      confidence: 1,
      reasoning: 'because',
      snapshot: state.electorate_hash,
      pass: state.pass,
    });
  }
  await stage.settled();
};

export const sound = () => expect(brokenRules(stage.log())).toEqual([]);
