/** A challenge whose process died between its mark and its round: another one opens the round in its stead. */
import type { RequestContext } from '../../app/engine/command';
import type { Append } from '../../app/engine/ports';
import { taskDecider } from '../../domain/market/task';
import { actionDecider } from '../../domain/oversight/action';
import { DEFAULT_RULES } from '../../domain/oversight/oversight';
import { as, profile, spec, Stage, taskOf, TENANT, turns } from '../support/stage';

let stage: Stage;

const AN_HOUR = 3_600;
const ACTION = `${TENANT}/action/a`;
const ada: RequestContext = {
  principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical', groups: ['administrators'] },
};

beforeEach(async () => {
  stage = new Stage();
  await stage.start();
  for (const id of ['ann', 'judge', 'rival'])
    await stage.colony.agents.register(
      as(id),
      id,
      profile({
        presence_seconds: AN_HOUR,
        ...(id !== 'ann' && { agent_type: 'judge', capabilities: {}, offer: null }),
      }),
    );
});
afterEach(() => stage.end());

/** The receipt of an award to ann. */
async function award(): Promise<string> {
  await stage.colony.tasks.post(as('poster'), 't', spec({ accept_seconds: AN_HOUR }));
  await stage.settled();
  return stage.fold(taskDecider, taskOf('t')).state.holder?.receipt as string;
}

/** The receipt of an action that was cleared. */
async function action(): Promise<string> {
  const rules = { ...DEFAULT_RULES, mode: 'full_automation' as const };
  await stage.colony.oversight.configure(ada, 'erp.order', rules);
  const order = {
    kind: 'erp.order',
    action: {},
    why: 'x',
    confidence: 1,
    impact: 'low' as const,
    risk: 0,
    features: {},
  };
  await stage.colony.actions.propose(as('buyer'), 'a', order);
  await stage.settled();
  return `${ACTION}@0`;
}

const challenges = {
  award: () => stage.fold(taskDecider, taskOf('t')).state.challenges,
  action: () => stage.fold(actionDecider, ACTION).state.challenges,
};

test.each([
  ['an award, which a person', 'award', award, ada],
  ['an award, which an agent', 'award', award, as('rival')],
  ['an action, which a person', 'action', action, ada],
  ['an action, which an agent', 'action', action, as('rival')],
] as const)('of %s has made, is opened in that name', async (_, what, doubted, by) => {
  const target = await doubted();
  stage.mishaps = (port, method, [append]) =>
    port === 'store' && method === 'append' && (append as Append).stream.includes('/round/') ? 'hangs' : undefined;
  void stage.colony.challenges.challenge(by, target, 'x').catch(() => undefined);
  for (let i = 0; i < 500 && challenges[what]().length === 0; i += 1) await turns(1);
  stage.first.kill();
  stage.mishaps = () => undefined;
  await stage.start();
  await stage.settled();
  const [made] = challenges[what]();
  const [opened] = stage.stream(`${TENANT}/round/${made?.round}`);
  expect(opened?.meta.actor).toEqual({ id: by.principal.id, kind: by.principal.kind });
});
