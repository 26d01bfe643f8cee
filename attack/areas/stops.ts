/** Stops: what is stopped acts all the same, or lifts its own stop; who may not stops others. */
import { asks, type Attempt, family, tries } from '../attempt';
import { itemsSay, type Sent } from '../http';
import { STAYS, type World } from '../world';

const STOPPED = '403 stopped';
const WHY = { reason: 'it errs' };
const stop = (world: World, as: string, kind: string, name: string, effect = 'freeze') =>
  world.done(`/v1/stops/${kind}/${name}`, { as, method: 'PUT', json: { effect, ...WHY } });
const lift = (world: World, as: string, kind: string, name: string) =>
  world.says(`/v1/stops/${kind}/${name}/lift`, { as, json: WHY });

interface Scene {
  readonly agent: string;
  readonly type: string;
  readonly task: string;
  readonly waiting: string;
  readonly award: number;
  readonly round: string;
  readonly snapshot: string;
  readonly approval: string;
  readonly hash: string;
  readonly other: string;
}

async function scene(world: World): Promise<Scene> {
  const [agent, other, type, task, waiting, round] = ['stops', 'other', 'kind', 'task', 'waits', 'round'].map((of) =>
    world.fresh(of),
  ) as [string, string, string, string, string, string];
  for (const id of [agent, other]) await world.introduce(id, { tenant: 'alpha', subject: id });
  await world.done(`/v1/agents/${agent}`, {
    as: agent,
    method: 'PUT',
    json: { agent_type: type, capacity: 1, ...STAYS },
  });
  const times = { accept_seconds: 3_600, lease_seconds: 3_600 };
  await world.done('/v1/tasks', { as: 'crm', json: { id: task, task_type: type, ...times } });
  const award = await world.eventually(
    async () => (await world.done(`/v1/tasks/${task}`, { as: 'crm' })).holder?.award as number | undefined,
  );
  await world.done(`/v1/tasks/${task}/accept`, { as: agent, json: { award } });
  await world.done('/v1/tasks', { as: 'crm', json: { id: waiting, task_type: type, bid_seconds: 3_600 } });
  const voters = [agent, 'ant', 'bee'].map((id) => ({ id, why: 'asked' }));
  const opened = await world.done('/v1/rounds', {
    as: 'crm',
    json: {
      id: round,
      question: 'Ship?',
      kind: 'attack.ship',
      impact: 'low',
      round_seconds: 3_600,
      electorate: { algorithm: 'simple_majority', voters },
    },
  });
  const { action } = await world.done('/v1/actions', {
    as: 'bee',
    json: {
      id: world.fresh('order'),
      kind: 'attack.stop',
      action: { tool: 'attack-tool' },
      why: 'x',
      confidence: 1,
      impact: 'high',
      risk: 0,
    },
  });
  await world.settled();
  return {
    ...{ agent, other, type, task, waiting, award, round, snapshot: opened.round.snapshot as string },
    ...{ approval: /\/approval\/(.+)@/.exec(action.held.ref as string)?.[1] as string, hash: action.hash as string },
  };
}

const acts = (
  id: string,
  what: string,
  request: (it: Scene, world: World) => readonly [string, Sent],
  expected: string | readonly string[] = STOPPED,
): Attempt<Scene> => asks<Scene>(id, what, expected, request);
const profile = ({ type }: Scene) => ({ agent_type: type, capacity: 1, ...STAYS });

const agents = family<Scene>('stops', 'agent', {
  async prepare(world) {
    const made = await scene(world);
    await stop(world, 'admin', 'agent', made.agent.toUpperCase(), 'quarantine');
    return made;
  },
  attempts: [
    acts('complete', 'complete its work, in quarantine', ({ task, agent, award }) => [
      `/v1/tasks/${task}/complete`,
      { as: agent, json: { award, result: 1 } },
    ]),
    acts('progress', 'say how far it is', ({ task, agent, award }) => [
      `/v1/tasks/${task}/progress`,
      { as: agent, json: { award, fraction: 0.5 } },
    ]),
    acts('bid', 'bid', ({ waiting, agent }) => [`/v1/tasks/${waiting}/bids`, { as: agent, json: {} }]),
    acts('post', 'post a task', ({ agent }, world) => [
      '/v1/tasks',
      { as: agent, json: { id: world.fresh('stopped'), task_type: 'x' } },
    ]),
    acts('signal', 'emit a signal', ({ agent }) => [
      '/v1/signals',
      { as: agent, json: { type: 'threat_detected', strength: 1, location: 'attack/stops' } },
    ]),
    acts('vote', 'vote', ({ round, agent, snapshot }) => [
      `/v1/rounds/${round}/votes`,
      { as: agent, json: { choice: 'approve', confidence: 1, reasoning: 'x', snapshot, pass: 1 } },
    ]),
    acts('propose', 'propose an action', ({ agent }, world) => [
      '/v1/actions',
      {
        as: agent,
        json: {
          id: world.fresh('stopped'),
          kind: 'attack.stop',
          action: {},
          why: 'x',
          confidence: 1,
          impact: 'low',
          risk: 0,
        },
      },
    ]),
    acts('register', 'register anew', (it) => [
      `/v1/agents/${it.agent}`,
      { as: it.agent, method: 'PUT', json: profile(it) },
    ]),
    acts('tool', 'register a tool', ({ agent }, world) => [
      `/v1/tools/${world.fresh('tool')}`,
      { as: agent, method: 'PUT', json: { tool_name: 'x', description: 'x', schema: {}, version: '1.0.0' } },
    ]),
    acts(
      'batch',
      'post tasks in one go',
      ({ agent }, world) => [
        '/v1/tasks/batch',
        { as: agent, json: { tasks: [{ id: world.fresh('stopped'), task_type: 'x' }] } },
      ],
      [STOPPED, '200'],
    ),
    acts(
      'lift',
      'lift its own quarantine',
      ({ agent }) => [`/v1/stops/agent/${agent}/lift`, { as: agent, json: WHY }],
      '403 forbidden',
    ),
    acts(
      'lift-spelled',
      'lift it under another spelling of its name',
      ({ agent }) => [`/v1/stops/agent/${agent.toUpperCase()}/lift`, { as: agent, json: WHY }],
      '403 forbidden',
    ),
    acts(
      'lift-service',
      'lift it as a service',
      ({ agent }) => [`/v1/stops/agent/${agent}/lift`, { as: 'crm', json: WHY }],
      '403 person-lifts',
    ),
    acts(
      'lift-operator',
      'lift it as an operator',
      ({ agent }) => [`/v1/stops/agent/${agent}/lift`, { as: 'operator', json: WHY }],
      '403 forbidden',
    ),
    acts(
      'lessen',
      'make a freeze of the quarantine',
      ({ agent }) => [`/v1/stops/agent/${agent}`, { as: 'admin', method: 'PUT', json: { effect: 'freeze', ...WHY } }],
      '409 quarantined-already',
    ),
    acts('token', 'be given a new token', ({ agent }) => ['/v1/tokens', { as: agent, json: { subject: agent } }], [
      '403 token-not-yours-to-give',
      STOPPED,
    ]),
    tries<Scene>(
      'new-token',
      'act with a new token, from before it knew',
      STOPPED,
      async (world, { agent }) => {
        const token = await world
          .introduce(`${agent} again`, { tenant: 'alpha', subject: agent })
          .catch(() => undefined);
        if (token === undefined) return STOPPED;
        return await world.says('/v1/tasks', { token, json: { id: world.fresh('stopped'), task_type: 'x' } });
      },
      ['credential'],
    ),
    tries<Scene>(
      'gateway',
      'act through a gateway',
      [STOPPED, '403 agent-not-of-gateway'],
      async (world, { agent, waiting }) => {
        const json = { commands: [{ agent, do: 'bid', task: waiting }] };
        return itemsSay(await world.ask('/v1/gateway/commands', { as: 'desk', json }));
      },
    ),
  ],
  control: {
    does: 'a person lifts it, and the agent posts a task',
    expected: '201',
    async run(world, { agent }) {
      const said = await lift(world, 'admin', 'agent', agent);
      return said === '200'
        ? await world.says('/v1/tasks', { as: agent, json: { id: world.fresh('free'), task_type: 'x' } })
        : said;
    },
  },
});

interface Twins {
  readonly name: string;
  /** Given by `admin`. */
  readonly service: string;
  readonly agent: string;
  /** The service speaks for it. */
  readonly spoken: string;
}

/** A service, and an agent that is called the same but for `service:`. */
async function twins(world: World): Promise<Twins> {
  const name = world.fresh('twin');
  const made = { name, service: `service:${name}`, agent: name, spoken: world.fresh('spoken') };
  for (const id of [made.service, made.agent]) await world.introduce(id, { tenant: 'alpha', subject: id });
  const agents = [{ id: made.spoken, agent_type: 'twin', capacity: 1, ...STAYS }];
  await world.done('/v1/gateway/agents', { as: made.service, json: { agents } });
  await world.settled();
  return made;
}

const posts = (world: World, as: string) =>
  ['/v1/tasks', { as, json: { id: world.fresh('twin'), task_type: 'x' } }] as const;

const services = family<Twins>('stops', 'service', {
  async prepare(world) {
    const made = await twins(world);
    await stop(world, 'admin', 'agent', `service:${made.name.toUpperCase()}`, 'quarantine');
    return made;
  },
  attempts: [
    asks<Twins>('post', 'post a task, in quarantine', STOPPED, ({ service }, world) => posts(world, service)),
    tries<Twins>('gateway', 'act in the name of its agent', STOPPED, async (world, { service, spoken }) => {
      const json = { commands: [{ agent: spoken, do: 'bid', task: 'any' }] };
      return itemsSay(await world.ask('/v1/gateway/commands', { as: service, json }));
    }),
    asks<Twins>('token', 'be given another token', STOPPED, ({ service }) => [
      '/v1/tokens',
      { as: 'admin', json: { subject: service } },
    ]),
    asks<Twins>('stop', 'stop its tenant', STOPPED, ({ service }) => [
      '/v1/stops/tenant/alpha',
      { as: service, method: 'PUT', json: WHY },
    ]),
    asks<Twins>('revoke', 'take the tokens of somebody else back', STOPPED, ({ service }) => [
      '/v1/revocations',
      { as: service, json: { kind: 'principal', id: 'ant', ...WHY } },
    ]),
    asks<Twins>('lift', 'lift its own quarantine', STOPPED, ({ service }) => [
      `/v1/stops/agent/${service}/lift`,
      { as: service, json: WHY },
    ]),
    asks<Twins>('lift-other', 'have another service lift it', '403 person-lifts', ({ service }) => [
      `/v1/stops/agent/${service}/lift`,
      { as: 'crm', json: WHY },
    ]),
    asks<Twins>('person', 'stop a person', '422 person-not-stopped', () => [
      '/v1/stops/agent/human:ada',
      { as: 'admin', method: 'PUT', json: WHY },
    ]),
  ],
  control: {
    does: 'an agent of the same name but for `service:`, and who gave the service its token, post tasks',
    expected: '201, 201',
    async run(world, { agent }) {
      const said = [await world.says(...posts(world, agent)), await world.says(...posts(world, 'admin'))];
      return said.join(', ');
    },
  },
});

const likeNamed = family<Twins>('stops', 'like-named', {
  async prepare(world) {
    const made = await twins(world);
    await stop(world, 'admin', 'agent', made.agent);
    return made;
  },
  attempts: [
    asks<Twins>('post', 'post a task while a service of a like name goes on', STOPPED, ({ agent }, world) =>
      posts(world, agent),
    ),
    asks<Twins>('token', 'be given another token', STOPPED, ({ agent }) => [
      '/v1/tokens',
      { as: 'admin', json: { subject: agent } },
    ]),
  ],
  control: {
    does: 'the service of the same name posts a task',
    expected: '201',
    run: (world, { service }) => world.says(...posts(world, service)),
  },
});

const things = family<Scene>('stops', 'things', {
  async prepare(world) {
    const made = await scene(world);
    await stop(world, 'admin', 'agent_type', made.type);
    await stop(world, 'admin', 'tool', 'attack-tool');
    await stop(world, 'admin', 'task', made.waiting);
    return made;
  },
  attempts: [
    acts('type', 'register with a type that is stopped', (it) => [
      `/v1/agents/${it.other}`,
      { as: it.other, method: 'PUT', json: profile(it) },
    ]),
    acts('type-act', 'bid as one of a type that is stopped', ({ waiting, agent }) => [
      `/v1/tasks/${waiting}/bids`,
      { as: agent, json: {} },
    ]),
    acts('tool-used', 'propose what takes a tool that is stopped', (_, world) => [
      '/v1/actions',
      {
        as: 'bee',
        json: {
          id: world.fresh('tool'),
          kind: 'attack.stop',
          action: { tool: 'attack-tool' },
          why: 'x',
          confidence: 1,
          impact: 'low',
          risk: 0,
        },
      },
    ]),
    acts('tool-changed', 'change a tool that is stopped', () => [
      '/v1/tools/attack-tool',
      { as: 'crm', method: 'PUT', json: { tool_name: 'x', description: 'x', schema: {}, version: '1.0.0' } },
    ]),
    acts('task-bid', 'bid for a task that is stopped', ({ waiting }) => [
      `/v1/tasks/${waiting}/bids`,
      { as: 'ant', json: {} },
    ]),
    acts('task-cancel', 'cancel a task that is stopped', ({ waiting }) => [
      `/v1/tasks/${waiting}/cancel`,
      { as: 'crm', json: {} },
    ]),
    acts(
      'agent-stops',
      'stop another agent, as an agent',
      () => ['/v1/stops/agent/bee', { as: 'ant', method: 'PUT', json: WHY }],
      '403 forbidden',
    ),
    acts(
      'other-tenant',
      'stop another tenant',
      () => ['/v1/stops/tenant/beta', { as: 'admin', method: 'PUT', json: WHY }],
      '403 platform-only',
    ),
    acts(
      'everything',
      'stop everything, as an administrator of a tenant',
      () => ['/v1/stops/global/all', { as: 'admin', method: 'PUT', json: WHY }],
      '403 platform-only',
    ),
    acts(
      'own-tenant',
      'put the own tenant in quarantine',
      () => ['/v1/stops/tenant/alpha', { as: 'admin', method: 'PUT', json: { effect: 'quarantine', ...WHY } }],
      ['403 platform-only', '409 stop-not-liftable'],
    ),
    acts(
      'no-reason',
      'stop without a reason',
      () => ['/v1/stops/agent/bee', { as: 'admin', method: 'PUT', json: { reason: ' ' } }],
      ['400 invalid-request', '422 reason-invalid'],
    ),
    acts(
      'effect',
      'stop with an effect of its own',
      () => ['/v1/stops/agent/bee', { as: 'admin', method: 'PUT', json: { effect: 'delete', ...WHY } }],
      '400 invalid-request',
    ),
    acts(
      'kind',
      'stop what every object has',
      () => ['/v1/stops/constructor/bee', { as: 'admin', method: 'PUT', json: WHY }],
      '400 invalid-request',
    ),
  ],
  control: {
    does: 'they are lifted, and the agent bids',
    expected: '200',
    async run(world, { type, waiting, agent }) {
      for (const [kind, name] of [
        ['agent_type', type],
        ['tool', 'attack-tool'],
        ['task', waiting],
      ] as const)
        await lift(world, 'admin', kind, name);
      return await world.says(`/v1/tasks/${waiting}/bids`, { as: agent, json: {} });
    },
  },
});

const whole = family<Scene>('stops', 'whole', {
  async prepare(world) {
    const made = await scene(world);
    await stop(world, 'pia', 'tenant', 'alpha');
    return made;
  },
  attempts: [
    acts('approve', 'approve in a tenant that is stopped', ({ approval, hash }) => [
      `/v1/approvals/${approval}/approve`,
      { as: 'approver', json: { hash, reason: 'x' } },
    ]),
    acts('complete', 'complete work in it', ({ task, agent, award }) => [
      `/v1/tasks/${task}/complete`,
      { as: agent, json: { award, result: 1 } },
    ]),
    acts('post', 'post a task in it', (_, world) => [
      '/v1/tasks',
      { as: 'admin', json: { id: world.fresh('stopped'), task_type: 'x' } },
    ]),
    acts('budget', 'set a budget in it', () => [
      '/v1/budgets/tenant/alpha',
      { as: 'admin', method: 'PUT', json: { limit_micro_usd: 1, reason: 'x' } },
    ]),
    acts('channel', 'set a channel in it', () => [
      '/v1/channels/x',
      {
        as: 'admin',
        method: 'PUT',
        json: { kind: 'mail', address: 'a@example.org', groups: ['x'], events: ['round-escalated'] },
      },
    ]),
    acts('oversight', 'set rules in it', () => ['/v1/oversight/x', { as: 'admin', method: 'PUT', json: rules() }]),
    tries<Scene>(
      'lift-own',
      'lift what the platform has stopped, as an administrator of the tenant',
      STOPPED,
      async (world) => {
        await lift(world, 'admin', 'tenant', 'alpha');
        return await world.says('/v1/tasks', { as: 'admin', json: { id: world.fresh('stopped'), task_type: 'x' } });
      },
    ),
    tries<Scene>(
      'global',
      'lift a stop of everything alone',
      '409 second-person-needed',
      async (world) => {
        await stop(world, 'pia', 'global', 'all');
        await lift(world, 'pia', 'global', 'all');
        return await lift(world, 'pia', 'global', 'all');
      },
      ['stop'],
    ),
    acts(
      'global-service',
      'lift it as a service',
      () => ['/v1/stops/global/all/lift', { as: 'ops', json: WHY }],
      '403 person-lifts',
    ),
    acts('global-act', 'act in another tenant meanwhile', (_, world) => [
      '/v1/tasks',
      { as: 'boss', json: { id: world.fresh('stopped'), task_type: 'x' } },
    ]),
    acts(
      'global-policy',
      'activate a bundle meanwhile',
      () => [`/v1/policy/bundles/${'f'.repeat(64)}/activate`, { as: 'pia', json: { reason: 'x' } }],
      [STOPPED, '409 policy-not-staged'],
    ),
    tries<Scene>('global-lifted-by-tenant', 'lift it as an administrator of a tenant', STOPPED, async (world) => {
      await lift(world, 'boss', 'global', 'all');
      return await world.says('/v1/tasks', { as: 'boss', json: { id: world.fresh('stopped'), task_type: 'x' } });
    }),
  ],
  control: {
    does: 'a second person of the platform lifts it, and the tenant works again',
    expected: '201',
    async run(world) {
      await lift(world, 'pat', 'global', 'all');
      await lift(world, 'pia', 'tenant', 'alpha');
      return await world.says('/v1/tasks', { as: 'crm', json: { id: world.fresh('free'), task_type: 'x' } });
    },
  },
});

function rules(): object {
  const thresholds = { confidence: 0, consensus: 0, novelty: 1, impact: 'critical' };
  return {
    rules: {
      mode: 'full_automation',
      thresholds,
      approvers: [{ group: 'approvers', seconds: 60 }],
      safe_default: 'refuse',
    },
  };
}

export const stops = [agents, services, likeNamed, things, whole];
