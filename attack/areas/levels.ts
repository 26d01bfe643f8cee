/**
 * Above one's level. First every operation that the API's document names is asked by somebody who holds just the level
 * below; then what has no level of its own: other agents, gateways, batches, keys.
 */
import { asks, type Attempt, family, tries } from '../attempt';
import { itemsSay } from '../http';
import { STAYS, type World } from '../world';

const FORBIDDEN = '403 forbidden';

/** Who holds just less than is needed, by what is needed. */
const BELOW = { read_only: undefined, read_write: 'viewer', execute: 'scribe', critical: 'operator' } as const;
type Needed = keyof typeof BELOW;

interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly needs: Needed;
}

/** A stream has no end; the answer comes before. */
const LEFT_OUT: ReadonlySet<string> = new Set(['streamReceipts']);
/** Most operations that are asked for each level: what is refused is the same for all. */
const LEVELS_ASKED = ['read_only', 'read_write', 'execute', 'critical'] as const;

interface Documented {
  readonly operations: readonly Operation[];
}

async function documented(world: World): Promise<Documented> {
  const { paths } = await world.done('/openapi.json');
  const operations = Object.entries(paths as Record<string, Record<string, Record<string, unknown>>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        operationId: operation['operationId'] as string,
        method: method.toUpperCase(),
        path: path.replaceAll(/\{[^}]+\}/g, 'some-id'),
        needs: operation['x-needs-level'] as Needed,
      })),
  );
  return { operations: operations.filter(({ operationId }) => !LEFT_OUT.has(operationId)) };
}

/** All operations of a level by who holds less; which of them let it in. */
const ladder = (needs: Needed): Attempt<Documented> => {
  const as = BELOW[needs];
  const expected = as === undefined ? '401 unauthenticated' : FORBIDDEN;
  return tries<Documented>(
    needs.replace('_', '-'),
    `every operation that needs ${needs}, as ${as === undefined ? 'nobody' : `a ${as}`}`,
    `all ${expected}`,
    async (world, { operations }) => {
      const asked = operations.filter((operation) => operation.needs === needs);
      const others: string[] = [];
      for (const { operationId, method, path } of asked) {
        const said = await world.says(path, { as, method, json: method === 'GET' ? undefined : {} });
        if (said !== expected) others.push(`${operationId} ${said}`);
      }
      return asked.length > 0 && others.length === 0 ? `all ${expected}` : others.join();
    },
  );
};

const ladders = family<Documented>('levels', 'operations', {
  prepare: documented,
  attempts: LEVELS_ASKED.map(ladder),
  control: {
    does: 'a service of the level critical passes the level of every operation',
    expected: 'none forbidden',
    run: async (world, { operations }) => {
      const refused: string[] = [];
      for (const { operationId, method, path } of operations) {
        const said = await world.says(path, {
          as: 'crm',
          method,
          json: method === 'GET' ? undefined : { nothing: 1 },
        });
        if (said === FORBIDDEN || said.startsWith('401')) refused.push(`${operationId} ${said}`);
      }
      return refused.length === 0 ? 'none forbidden' : refused.join();
    },
  },
});

// ----------------------------------------------------------------------------------------------- in another's name

interface Others {
  /** Registered by itself, and what it bids for. */
  readonly task: string;
  /** Registered through `service:desk`. */
  readonly desks: string;
  /** What was asked under a key by `service:crm`. */
  readonly key: string;
  readonly keyed: object;
}

const profile = { agent_type: 'attack.clerk', capabilities: { clerk: 0.9 }, ...STAYS };
const POST = (world: World) => ({ id: world.fresh('keyed'), task_type: 'attack.nobody' });

async function others(world: World): Promise<Others> {
  const [task, desks, key] = [world.fresh('bids'), world.fresh('desks'), world.fresh('key')];
  for (const as of ['ant', 'bee'])
    await world.done(`/v1/agents/${as}`, { as, method: 'PUT', json: { ...profile, standing_offer: false } });
  await world.done('/v1/gateway/agents', {
    as: 'desk',
    json: { agents: [{ id: desks, ...profile, standing_offer: false }] },
  });
  await world.done('/v1/tasks', { as: 'crm', json: { id: task, task_type: 'attack.nobody', bid_seconds: 3_600 } });
  await world.done(`/v1/tasks/${task}/bids`, { as: 'ant', json: {} });
  const keyed = POST(world);
  await world.done('/v1/tasks', { as: 'crm', headers: { 'idempotency-key': key }, json: keyed });
  return { task, desks, key, keyed };
}

const speaks = (
  id: string,
  what: string,
  expected: string,
  command: (it: Others) => object,
  as = 'crm',
): Attempt<Others> =>
  tries<Others>(id, `${what}, through a gateway`, expected, async (world, it) =>
    itemsSay(await world.ask('/v1/gateway/commands', { as, json: { commands: [command(it)] } })),
  );

const names = family<Others>('levels', 'names', {
  prepare: others,
  attempts: [
    asks<Others>('bid-for', 'bid in the name of another agent', FORBIDDEN, ({ task }) => [
      `/v1/tasks/${task}/bids`,
      { as: 'bee', json: { agent: 'ant' } },
    ]),
    asks<Others>('withdraw-for', 'take back the bid of another agent', FORBIDDEN, ({ task }) => [
      `/v1/tasks/${task}/withdraw-bid`,
      { as: 'bee', json: { agent: 'ant' } },
    ]),
    asks<Others>('inbox', "read another agent's inbox", FORBIDDEN, () => ['/v1/agents/ant/inbox', { as: 'bee' }]),
    asks<Others>('heartbeat', 'give a sign of life for another agent', FORBIDDEN, () => [
      '/v1/agents/ant/heartbeat',
      { as: 'bee', json: {} },
    ]),
    asks<Others>('register', 'register under the name of another agent', FORBIDDEN, () => [
      '/v1/agents/ant',
      { as: 'bee', method: 'PUT', json: profile },
    ]),
    asks<Others>('deregister', 'deregister another agent', FORBIDDEN, () => [
      '/v1/agents/ant',
      { as: 'bee', method: 'DELETE' },
    ]),
    asks<Others>('own-level', 'register with a level of its own choice', '400 invalid-request', () => [
      '/v1/agents/bee',
      { as: 'bee', method: 'PUT', json: { ...profile, level: 'critical' } },
    ]),
    asks<Others>('own-kind', 'register as a person', '400 invalid-request', () => [
      '/v1/agents/bee',
      { as: 'bee', method: 'PUT', json: { ...profile, kind: 'human' } },
    ]),
    asks<Others>('deploy-above', 'deploy an agent with more than its type may take', '403 policy-denied', () => [
      '/v1/agents/deploy',
      { as: 'operator', json: { agent_type: 'meta.code_execution', resources: { cpu: '64', memory: '64Gi' } } },
    ]),
    ...['NaN', '-1', '1e400', '0x7', '٣', '1 ', ''].map((cpu, n) =>
      asks<Others>(
        `deploy-${n}`,
        `deploy an agent with "${cpu}" cores`,
        ['400 invalid-request', '422 agent-type-invalid', '403 policy-denied'],
        () => [
          '/v1/agents/deploy',
          { as: 'operator', json: { agent_type: 'meta.code_execution', resources: { cpu, memory: '1Gi' } } },
        ],
      ),
    ),
    asks<Others>('emit-for', 'emit a signal in the name of another agent', '403 emitter-mismatch', () => [
      '/v1/signals',
      { as: 'bee', json: { type: 'threat_detected', strength: 1, location: 'attack/place', emitter_agent: 'ant' } },
    ]),
    speaks('desks', 'speak for an agent of another gateway', '403 agent-not-of-gateway', ({ desks }) => ({
      agent: desks,
      do: 'heartbeat',
    })),
    speaks('loner', 'speak for an agent that speaks for itself', '403 agent-not-of-gateway', ({ task }) => ({
      agent: 'ant',
      do: 'withdraw_bid',
      task,
    })),
    speaks('unknown', 'speak for an agent that is registered nowhere', '403 agent-not-of-gateway', ({ task }) => ({
      agent: 'nobody',
      do: 'bid',
      task,
    })),
    speaks(
      'approve',
      'approve',
      '400 invalid-request',
      ({ desks }) => ({ agent: desks, do: 'approve', approval: 'x', hash: 'f'.repeat(64) }),
      'desk',
    ),
    speaks(
      'agent',
      'speak for another agent, as an agent',
      '403 forbidden',
      ({ desks }) => ({ agent: desks, do: 'heartbeat' }),
      'ant',
    ),
    tries<Others>(
      'gateway-takes',
      'register an agent of another through a gateway',
      '403 agent-not-of-gateway',
      async (world, { desks }) => {
        const json = { agents: [{ id: desks, ...profile }] };
        return itemsSay(await world.ask('/v1/gateway/agents', { as: 'crm', json }));
      },
    ),
    asks<Others>('key', "get the answer to another's request by its key", '409 task-exists', ({ key, keyed }) => [
      '/v1/tasks',
      { as: 'scribe', headers: { 'idempotency-key': key }, json: keyed },
    ]),
    asks<Others>('key-reused', 'do something else under a key of before', '422 idempotency-key-reused', ({ key }) => [
      '/v1/signals',
      {
        as: 'crm',
        headers: { 'idempotency-key': key },
        json: { type: 'threat_detected', strength: 1, location: 'attack/place' },
      },
    ]),
    asks<Others>('key-long', 'give a key of a thousand characters', '400 invalid-request', (_, world) => [
      '/v1/tasks',
      { as: 'crm', headers: { 'idempotency-key': 'k'.repeat(1_000) }, json: POST(world) },
    ]),
    asks<Others>('version', 'cancel a task by a version that it had before', '412 version-mismatch', ({ task }) => [
      `/v1/tasks/${task}/cancel`,
      { as: 'crm', headers: { 'if-match': '"0"' }, json: {} },
    ]),
    asks<Others>(
      'data-path',
      'change what the colony costs after a task that is called like a path of the rules',
      FORBIDDEN,
      () => [
        '/v1/budgets/agent/data.config.levels',
        { as: 'ant', method: 'PUT', json: { limit_micro_usd: 1, reason: 'data.config.levels' } },
      ],
    ),
  ],
  control: {
    does: 'the agent whose bid it is takes it back',
    expected: '200',
    run: (world, { task }) => world.says(`/v1/tasks/${task}/withdraw-bid`, { as: 'ant', json: {} }),
  },
});

export const levels = [ladders, names];
