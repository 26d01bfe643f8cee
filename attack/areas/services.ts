/**
 * One person in several roles: who gave a service its token has a part in what it asks, however many services, jobs and
 * schedules stand between them, and in what it does for them; and what a service gives ends with what it was given.
 */
import { type Attempt, family, tries } from '../attempt';
import { saidBy } from '../http';
import { STAYS, type World } from '../world';
import { exchanged } from './tokens';

const REASON = { reason: 'fine' };
const OWN = '403 requester-may-not-decide';
const JUDGED = { why: 'stock is low', confidence: 0.9, impact: 'high', risk: 0.1 };

/** An approval that waits. */
interface Waiting {
  readonly id: string;
  readonly hash: string;
}

/** A token that a service gives. */
async function given(world: World, token: string, subject: string): Promise<string> {
  return (await world.done('/v1/tokens', { token, json: { subject } })).access_token as string;
}

/** What people are asked about the one action of a kind, once they are. */
async function askedAbout(world: World, kind: string, withinMs?: number): Promise<Waiting> {
  return await world.eventually(async () => {
    const { value } = await world.done(`/v1/actions?kind=${kind}`, { as: 'deputy' });
    const action = value[0]?.id as string | undefined;
    if (action === undefined) return undefined;
    const { held, hash } = await world.done(`/v1/actions/${action}`, { as: 'deputy' });
    const id = /\/approval\/(.+)@/.exec(String(held?.ref))?.[1];
    return id !== undefined && { id, hash: hash as string };
  }, withinMs);
}

// --------------------------------------------------------------------------------------------- what a service asks

/** A task that nobody does: it waits until it is decided on, and then for an agent. */
const held = (kind: string) => ({ task_type: 'attack.nobody', oversight: { ...JUDGED, kind } });

/** In which ways a service asks for what people decide on: an action of this kind. */
const WAYS = {
  async action(world: World, token: string, kind: string): Promise<Waiting> {
    await world.done('/v1/actions', { token, json: { ...JUDGED, kind, action: { item: 'bolts' } } });
    return await askedAbout(world, kind);
  },
  async task(world: World, token: string, kind: string): Promise<Waiting> {
    await world.done('/v1/tasks', { token, json: held(kind) });
    return await askedAbout(world, kind);
  },
  async job(world: World, token: string, kind: string): Promise<Waiting> {
    await world.done('/v1/jobs', { token, json: { tasks: [{ ...held(kind), key: 'one' }] } });
    return await askedAbout(world, kind);
  },
  async compensation(world: World, token: string, kind: string): Promise<Waiting> {
    const id = world.fresh('job');
    const tasks = [
      { task_type: 'attack.nobody', key: 'one' },
      { ...held(kind), key: 'undo' },
    ];
    await world.done('/v1/jobs', { token, json: { id, on_failure: 'compensate', compensation: 'undo', tasks } });
    const first = await world.eventually(async () => {
      const { value } = await world.done(`/v1/jobs/${id}/tasks`, { token });
      return value[0].status === 'open' && (value[0].id as string);
    });
    await world.done(`/v1/tasks/${first}/cancel`, { token, json: { reason: 'it fails' } });
    return await askedAbout(world, kind);
  },
  async follower(world: World, token: string, kind: string): Promise<Waiting> {
    const [before, agent] = [world.fresh('before'), world.fresh('does')];
    await world.introduce(agent, { tenant: 'alpha', subject: agent });
    const type = `attack.${agent}`;
    const times = { accept_seconds: 3_600, lease_seconds: 3_600 };
    await world.done(`/v1/agents/${agent}`, { as: agent, method: 'PUT', json: { agent_type: type, ...STAYS } });
    await world.done('/v1/tasks', { token, json: { id: before, task_type: type, ...times } });
    await world.done('/v1/tasks', { token, json: { ...held(kind), after: [before] } });
    const award = await world.eventually(
      async () => (await world.done(`/v1/tasks/${before}`, { token })).holder?.award as number | undefined,
    );
    await world.done(`/v1/tasks/${before}/accept`, { as: agent, json: { award } });
    await world.done(`/v1/tasks/${before}/complete`, { as: agent, json: { award, result: 1 } });
    return await askedAbout(world, kind);
  },
  async schedule(world: World, token: string, kind: string): Promise<Waiting> {
    const id = world.fresh('schedule');
    await world.done('/v1/schedules', { token, json: { id, cron: '* * * * *', task: held(kind) } });
    const asked = await askedAbout(world, kind, MINUTE_MS);
    await world.done(`/v1/schedules/${id}`, { token, method: 'DELETE' });
    return asked;
  },
} satisfies Record<string, (world: World, token: string, kind: string) => Promise<Waiting>>;
type Way = keyof typeof WAYS;
const NAMES = Object.keys(WAYS) as Way[];
/** A run of a schedule comes with the next minute. */
const MINUTE_MS = 90_000;

type Asked = Readonly<Record<`${'first' | 'third' | 'itself'}-${Way}`, Waiting>>;

const approves = (way: Way, of: 'first' | 'third' | 'itself', what: string): Attempt<Asked> =>
  tries<Asked>(`${of}-${way}`, `approve ${what}, as whoever gave the first its token`, OWN, async (world, asked) => {
    const { id, hash } = asked[`${of}-${way}`];
    return saidBy(await world.ask(`/v1/approvals/${id}/approve`, { as: 'admin', json: { hash, ...REASON } }));
  });

const chains = family<Asked>('services', 'chains', {
  async prepare(world) {
    const [first, second, third] = ['hub', 'spoke', 'leaf'].map((of) => `service:${world.fresh(of)}`);
    const hub = await world.introduce(first!, { tenant: 'alpha', subject: first! });
    const tokens = {
      first: hub,
      third: await given(world, await given(world, hub, second!), third!),
      itself: await given(world, await given(world, hub, first!), first!),
    };
    const asked: Record<string, Waiting> = {};
    const ask = async (of: string, way: Way, token: string) => {
      asked[`${of}-${way}`] = await WAYS[way](world, token, world.fresh(`attack.${way}`));
    };
    const of = Object.entries(tokens);
    for (const way of NAMES) await Promise.all(of.map(([name, token]) => ask(name, way, token)));
    return asked as Asked;
  },
  attempts: NAMES.flatMap((way) => [
    approves(way, 'first', `the ${way} of a service`),
    approves(way, 'third', `the ${way} of a service that a service of a service gave its token`),
    approves(way, 'itself', `the ${way} of a service that gave its token to itself`),
  ]),
  control: {
    does: 'another administrator approves each of them',
    expected: '200',
    async run(world, asked) {
      const said = await Promise.all(
        Object.values(asked).map(({ id, hash }) =>
          world.says(`/v1/approvals/${id}/approve`, { as: 'deputy', json: { hash, ...REASON } }),
        ),
      );
      return [...new Set(said)].join();
    },
  },
});

// ------------------------------------------------------------------------------------- what is done in one's name

interface Put {
  /** An agent with a token of the administrator, who acts in its name. */
  readonly puppet: string;
  readonly token: string;
  readonly action: string;
  readonly round: string;
  readonly snapshot: string;
}

const ballot = ({ snapshot }: Put) => ({
  ...{ choice: 'approve', confidence: 0.9, reasoning: 'because', snapshot, pass: 1 },
});

const puppets = family<Put>('services', 'puppets', {
  async prepare(world) {
    const [puppet, kind, action] = [world.fresh('puppet'), world.fresh('attack.vote'), world.fresh('voted')];
    const token = await exchanged(world, world.tokenOf('admin'), puppet);
    const judge = world.fresh('judge');
    await world.introduce(judge, { tenant: 'alpha', subject: judge });
    for (const [id, sent] of [
      [puppet, { token }],
      [judge, { as: judge }],
    ] as const)
      await world.done(`/v1/agents/${id}`, { ...sent, method: 'PUT', json: { agent_type: kind, ...STAYS } });
    await world.done(`/v1/oversight/${kind}`, {
      ...{ as: 'deputy', method: 'PUT' },
      json: {
        rules: {
          ...{ mode: 'human_approval', safe_default: 'refuse' },
          approvers: [{ group: 'approvers', seconds: 3_600 }],
          thresholds: { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'critical' },
          round: {
            ...{ when: 'always', round_seconds: 3_600, algorithm: 'simple_majority', quorum: 1, min_agreement: 0.9 },
            voters: [puppet, 'ant', 'bee'].map((id) => ({ id, why: 'asked by name' })),
          },
        },
      },
    });
    await world.done('/v1/actions', {
      as: 'admin',
      json: { ...JUDGED, impact: 'low', id: action, kind, action: { item: 'bolts' } },
    });
    const round = await world.eventually(async () => {
      const { held } = await world.done(`/v1/actions/${action}`, { as: 'ant' });
      return /\/round\/(.+)@/.exec(String(held?.ref))?.[1];
    });
    const { snapshot } = await world.done(`/v1/rounds/${round}`, { as: 'ant' });
    return { puppet, token, action, round, snapshot: snapshot as string };
  },
  attempts: [
    tries<Put>('vote', "vote on what one has proposed oneself, in an agent's name", OWN, (world, it) =>
      world.says(`/v1/rounds/${it.round}/votes`, { token: it.token, json: ballot(it) }),
    ),
    tries<Put>('cancel', 'have a service call off the round on what one has proposed', OWN, (world, { round }) =>
      world.says(`/v1/rounds/${round}/cancel`, { as: 'crm', json: REASON }),
    ),
    tries<Put>(
      'challenge',
      "challenge what one has proposed oneself, in an agent's name",
      OWN,
      (world, it) =>
        world.says('/v1/challenges', {
          token: it.token,
          json: { target: `alpha/action/${it.action}@0`, reason: 'it is dismissed then' },
        }),
      // Its slot for a challenge, which it gets back.
      ['agent'],
    ),
  ],
  control: {
    does: 'an agent with a token of its own votes',
    expected: '200',
    run: (world, it) => world.says(`/v1/rounds/${it.round}/votes`, { as: 'ant', json: ballot(it) }),
  },
});

// ------------------------------------------------------------------------------------------ what a service gives

interface Gave {
  readonly service: string;
  readonly token: string;
  readonly key: string;
}

/** Until when a token can be renewed, in seconds. */
const until = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { until: number }).until;

const gives = family<Gave>('services', 'gives', {
  async prepare(world) {
    const service = `service:${world.fresh('gives')}`;
    const key = world.fresh('key');
    const sent = { as: 'admin', json: { subject: service }, headers: { 'idempotency-key': key } };
    const token = (await world.done('/v1/tokens', sent)).access_token as string;
    return { service, token, key };
  },
  attempts: [
    ...(['another', 'itself'] as const).map((to) =>
      tries<Gave>(
        `outlives-${to}`,
        `give ${to} a token that outlives its own`,
        'it ends with it',
        async (world, { service, token }) => {
          const subject = to === 'itself' ? service : `service:${world.fresh('heir')}`;
          // Another second, in which a session of its own would begin.
          await new Promise((resolve) => setTimeout(resolve, 1_100));
          const heir = await given(world, token, subject);
          return until(heir) <= until(token) ? 'it ends with it' : 'it outlives it';
        },
        ['credential'],
      ),
    ),
    tries<Gave>(
      'revived',
      'have a token given again, by the same request, after it was revoked',
      '409 token-over',
      async (world, { service, key }) => {
        await world.done('/v1/revocations', { as: 'admin', json: { kind: 'principal', id: service, ...REASON } });
        return await world.says('/v1/tokens', {
          ...{ as: 'admin', json: { subject: service } },
          headers: { 'idempotency-key': key },
        });
      },
      ['access'],
    ),
    tries<Gave>('goes-on', 'have a service whose tokens were revoked give one', '401 unauthenticated', (world, it) =>
      world.says('/v1/tokens', { token: it.token, json: { subject: 'service:heir' } }),
    ),
  ],
  control: {
    does: 'it is given another, under another key, and gives one on',
    expected: '201',
    async run(world, { service }) {
      const token = await world.introduce(service, { tenant: 'alpha', subject: service });
      return await world.says('/v1/tokens', { token, json: { subject: `service:${world.fresh('heir')}` } });
    },
  },
});

export const services = [chains, puppets, gives];
