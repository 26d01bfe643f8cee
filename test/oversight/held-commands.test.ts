/** A command that policy wants approved goes up the ladder of people, and is given by itself once they approve it. */
import { OpaLoader } from '../../adapters/opa/loader';
import { StoreUnavailable } from '../../app/engine/reachable';
import type { Approved } from '../../app/oversight/held-commands';
import { idOf } from '../../domain/kernel/ids';
import type { Came } from '../../domain/oversight/action';
import { decide } from '../../domain/policy/asking';
import { bundleWith } from '../support/bundles';
import { as, Stage, TENANT, types } from '../support/stage';

const TOOL = {
  tool_name: 'crm',
  description: 'asks',
  schema: { type: 'object' },
  sandbox_level: 'restricted',
  operations: [],
  version: '1.0.0',
  tags: [],
} as const;
const COMMAND = {
  kind: 'command.registerTool',
  action: { params: { tool_id: 'crm' }, query: {}, body: TOOL },
  why: 'policy: people approve this first',
  confidence: 1,
  impact: 'high',
  risk: 0,
  features: {},
} as const;
const BOT = as('bot');
const HELD = { command: { operation: 'registerTool', as: { kind: 'agent', level: 'execute' } } } as const;

let stage: Stage;
let given: Approved[];

beforeEach(async () => {
  stage = new Stage();
  const bundle = await new OpaLoader().load(await bundleWith({ approvals: { actions: ['tool.register'] } }));
  stage.policy = { evaluate: (request) => decide(bundle, request) };
  given = [];
  await stage.start();
  stage.colony.heldCommands.givenBy(give);
});
afterEach(() => stage.end());

/** Registers the tool, as the door of the API would. */
async function give(approved: Approved): Promise<Came> {
  given.push(approved);
  const { principal, asked, approval, cause } = approved;
  const { body } = asked as { readonly body: typeof TOOL };
  const command = { key: `approved:${approval}`, hash: 'the same' };
  const context = { principal, command, approval, cause, reaction: true };
  const outcome = await stage.colony.tools.register(context, 'crm', body);
  return outcome.ok
    ? { status: 201, receipt: `${outcome.stream}@${outcome.version}` }
    : { status: 403, refused: outcome.rejection.message };
}

const action = async () => (await stage.colony.actions.load(TENANT, 'held')).state;
const tool = async () => (await stage.colony.tools.load(TENANT, 'crm')).state.status;

async function approves(): Promise<void> {
  const { held } = await action();
  const id = idOf(held?.ref.split('@')[0] as string);
  const { hash } = (await stage.colony.approvals.load(TENANT, id)).state;
  const ada = as('human:ada', undefined, 'human').principal;
  const principal = { ...ada, level: 'critical', groups: ['approvers'] } as const;
  const outcome = await stage.colony.approvals.approve({ principal }, id, { hash, reason: 'it is known' });
  expect(outcome.ok).toBe(true);
  await stage.settled();
}

async function propose(): Promise<void> {
  const outcome = await stage.colony.actions.propose(BOT, 'held', COMMAND, HELD);
  expect(outcome.ok).toBe(true);
  await stage.settled();
}

test('without an approval it is refused, and nothing is done', async () => {
  expect(await stage.colony.tools.register(BOT, 'crm', TOOL)).toMatchObject({
    ok: false,
    rejection: { code: 'approval-needed', details: { reasons: ['people approve this first'] } },
  });
  expect(await tool()).toBe('unknown');
});

test('no more commands of one caller wait for people than its tenant lets one have', async () => {
  const pia = as('human:pia', undefined, 'human').principal;
  const platform = { principal: { ...pia, tenant: 'platform', level: 'critical' } } as const;
  const limits = { approvals_per_requester: 1 };
  expect(await stage.colony.tenants.create(platform, TENANT, limits, 'a customer')).toMatchObject({ ok: true });
  await propose();
  expect(await stage.colony.actions.propose(BOT, 'another', COMMAND, HELD)).toMatchObject({
    ok: false,
    rejection: { code: 'too-many-approvals', details: { most: 1, has: 1 } },
  });
  await approves();
  expect(await stage.colony.actions.propose(BOT, 'another', COMMAND, HELD)).toMatchObject({ ok: true });
});

test('approved, it is done once, by itself, in the name of whoever asked; its receipt names the action', async () => {
  await propose();
  expect(await action()).toMatchObject({ status: 'held', policy: { decision: 'needs_approval' } });
  expect(given).toEqual([]);
  await approves();
  expect(await tool()).toBe('active');
  // Perhaps more than once, under one key.
  expect(given[0]).toMatchObject({
    operation: 'registerTool',
    principal: { tenant: TENANT, id: 'bot', kind: 'agent' },
  });
  const [registered, ...more] = stage.stream(`${TENANT}/tool/crm`);
  expect(more).toEqual([]);
  expect(registered?.meta).toMatchObject({
    actor: { id: 'bot', kind: 'agent' },
    policy: { decision: 'needs_approval', approval: `${TENANT}/action/held` },
  });
  expect(await action()).toMatchObject({
    status: 'executed',
    given: { status: 201, receipt: `${TENANT}/tool/crm@0` },
  });
  const times = given.length;
  for (const { colony } of stage.living) await colony.actions.advance(`${TENANT}/action/held`, undefined);
  expect(given).toHaveLength(times);
  expect(types(stage.stream(`${TENANT}/action/held`)).filter((type) => type === 'CommandGiven')).toHaveLength(1);
});

test('an action that is no command, is not let go, is somebody else’s or was given already approves nothing', async () => {
  await propose();
  const asks = (approval: string, id = 'bot') => stage.colony.tools.register({ ...as(id), approval }, 'other', TOOL);
  const refused = { ok: false, rejection: { code: 'action-not-cleared' } };
  expect(await asks(`${TENANT}/action/held`)).toMatchObject(refused);
  expect(await asks(`${TENANT}/action/none`)).toMatchObject(refused);
  await approves();
  expect(await asks(`${TENANT}/action/held`)).toMatchObject(refused);
  expect(await asks(`${TENANT}/action/held`, 'eve')).toMatchObject(refused);
});

test('nobody takes it in place of the gate', async () => {
  await propose();
  const { hash } = await action();
  expect(await stage.colony.actions.execute(BOT, 'held', { hash })).toMatchObject({
    ok: false,
    rejection: { code: 'not-the-proposer' },
  });
});

test('what can’t be given now is given later; what is refused after all is said', async () => {
  let away = true;
  stage.colony.heldCommands.givenBy(async (approved) => {
    if (away) throw new StoreUnavailable('away');
    given.push(approved);
    return { status: 409, refused: 'there is one already' };
  });
  await propose();
  await approves();
  expect(await action()).toMatchObject({ status: 'executed' });
  expect((await action()).given).toBeUndefined();
  away = false;
  await stage.redeliver();
  await stage.colony.actions.advance(`${TENANT}/action/held`, undefined);
  expect(await action()).toMatchObject({ given: { status: 409, refused: 'there is one already' } });
  expect(types(stage.stream(`${TENANT}/action/held`)).filter((type) => type === 'CommandGiven')).toHaveLength(1);
});
