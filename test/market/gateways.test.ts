/** One connection for many agents: who may speak for whom, what a poll shows, and whose sign of life it is. */
import type { MemoryPresence } from '../../adapters/embedded/small-stores';
import type { RequestContext } from '../../app/engine/command';
import { Doorbells } from '../../app/engine/doorbells';
import { StoreBusy } from '../../app/engine/ports';
import { gatewayKey } from '../../app/market/agents';
import { Inboxes } from '../../app/market/inbox';
import { AlteredReceipt } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import { agentDecider, type AgentProfile } from '../../domain/market/agent';
import { taskDecider } from '../../domain/market/task';
import { agentOf, as, profile, spec, Stage, taskOf, TENANT } from '../support/stage';

let stage: Stage;
beforeEach(async () => {
  stage = new Stage();
  await begin();
});
afterEach(async () => {
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

async function begin(): Promise<void> {
  const process = await stage.start();
  await process.colony.balance.stop();
  await stage.settled();
}

const desk: RequestContext = as('service:desk', undefined, 'service');
const shop: RequestContext = as('service:shop', undefined, 'service');

async function register(id: string, by = desk, changes: Partial<AgentProfile> = {}) {
  const outcome = await stage.colony.agents.register(by, id, { ...profile(changes), gateway: by.principal.id });
  await stage.settled();
  return outcome.ok ? 'registered' : outcome.rejection.code;
}

async function post(id: string, changes: Parameters<typeof spec>[0] = {}): Promise<void> {
  expect((await stage.colony.tasks.post(as('poster'), id, spec(changes))).ok).toBe(true);
  await stage.settled();
}

/** What a poll shows, as `agent kind task`, and its cursor. */
async function look(after?: string, { by = desk, limit = 500, holding = false, waitSeconds = 0 } = {}) {
  const page = await stage.colony.gateways.inbox(by, { waitSeconds, after, limit, holding });
  const items = page.items.map((item) => `${item.agent} ${item.kind} ${item.kind === 'vote' ? item.round : item.task}`);
  return { ...page, items };
}

async function speaker(agent: string, by = desk): Promise<Principal> {
  const found = await stage.colony.gateways.speaker(by.principal, agent);
  if (found instanceof Rejection) throw new Error(found.code);
  return found;
}

const stateOf = (task: string) => stage.fold(taskDecider, taskOf(task)).state;
const statusOf = (agent: string) => stage.fold(agentDecider, agentOf(agent)).state.status;

describe('who speaks for whom', () => {
  test('the gateway that registered an agent, and nobody else, until the agent is gone', async () => {
    expect(await register('ann')).toBe('registered');
    expect(await speaker('ann')).toEqual({
      tenant: TENANT,
      id: 'ann',
      kind: 'agent',
      level: 'execute',
      via: 'service:desk',
    });
    await expect(speaker('ann', shop)).rejects.toThrow('agent-not-of-gateway');
    await expect(speaker('nobody')).rejects.toThrow('agent-not-of-gateway');
    expect(await register('ann', shop)).toBe('agent-not-of-gateway');

    // Whoever registers it again without a gateway revises what it says, not who speaks for it.
    expect((await stage.colony.agents.register(as('ann'), 'ann', profile({ capacity: 7 }))).ok).toBe(true);
    expect((await stage.colony.agents.load(TENANT, 'ann')).state.profile).toMatchObject({
      capacity: 7,
      gateway: 'service:desk',
    });
    expect((await speaker('ann')).via).toBe('service:desk');

    await stage.colony.agents.deregister(desk, 'ann', 'done');
    // What comes again is answered once more.
    expect((await speaker('ann')).via).toBe('service:desk');
    expect(await register('ann', shop)).toBe('registered');
    await expect(speaker('ann')).rejects.toThrow('agent-not-of-gateway');
    expect((await speaker('ann', shop)).via).toBe('service:shop');
  });

  test('what is new is refused to an agent that is gone', async () => {
    await register('ann', desk, { offer: null });
    await post('t');
    await stage.colony.agents.deregister(desk, 'ann', 'done');
    const principal = await speaker('ann');
    const bid = await stage.colony.tasks.bid({ principal }, 't', { agent: 'ann' });
    expect(bid.ok ? undefined : bid.rejection.code).toBe('agent-not-active');
    expect(await stage.colony.agents.heartbeat({ principal }, 'ann', [])).toBeInstanceOf(Rejection);
  });

  test('where processes share the stores: nobody for long after another process has registered the agent', async () => {
    await stage.end();
    stage = new Stage({ shared: true });
    const [here, there] = [await stage.start(), await stage.start()];
    for (const { colony } of [here, there]) await colony.balance.stop();
    const registered = async (by: RequestContext) =>
      await there.colony.agents.register(by, 'ann', { ...profile(), gateway: by.principal.id });
    await registered(desk);
    expect(await here.colony.gateways.speaker(desk.principal, 'ann')).toMatchObject({ via: 'service:desk' });
    await there.colony.agents.deregister(desk, 'ann', 'done');
    await registered(shop);
    // Nobody has told it yet.
    expect(await here.colony.gateways.speaker(desk.principal, 'ann')).toBeInstanceOf(Rejection);
    await stage.settled();
  });

  test('where processes share the stores: who hears late that a gateway spoke for nobody takes no sign of it away', async () => {
    await stage.end();
    stage = new Stage({ shared: true });
    const [here, there] = [await stage.start(), await stage.start()];
    for (const { colony } of [here, there]) await colony.balance.stop();
    const registered = async (id: string) =>
      await there.colony.agents.register(desk, id, { ...profile(), gateway: 'service:desk' });
    await registered('ann');
    await stage.settled();
    await there.colony.agents.deregister(desk, 'ann', 'done');
    await registered('bob');
    await there.colony.gateways.inbox(desk, { waitSeconds: 0, limit: 1, holding: false });
    await here.colony.peers.look();
    expect([...here.colony.market.agents.spokenFor(TENANT, 'service:desk')].map(({ id }) => id)).toEqual(['bob']);
    const { presence } = stage as unknown as { readonly presence: MemoryPresence };
    expect(await presence.last(gatewayKey(TENANT, 'service:desk'))).toBe(stage.clock.time);
    await stage.settled();
  });

  test('an agent that speaks for itself goes on to do so', async () => {
    await stage.colony.agents.register(as('ann'), 'ann', profile());
    expect(await register('ann')).toBe('agent-not-of-gateway');
    await expect(speaker('ann')).rejects.toThrow('agent-not-of-gateway');
  });

  test('not the service of that name of another tenant', async () => {
    await register('ann');
    const other = { principal: { ...desk.principal, tenant: 'other' } };
    await expect(speaker('ann', other)).rejects.toThrow('agent-not-of-gateway');
    await post('t');
    expect((await look(undefined, { by: other })).items).toEqual([]);
  });

  test('a gateway lends no more than it has', async () => {
    await register('ann');
    const weak = { principal: { ...desk.principal, level: 'read_write' as const } };
    expect((await speaker('ann', weak)).level).toBe('read_write');
  });

  test('the receipt names the agent as the actor, and the gateway beside it', async () => {
    await register('ann');
    await post('t');
    const done = await stage.colony.tasks.accept({ principal: await speaker('ann') }, 't', { agent: 'ann', award: 1 });
    expect(done.ok && done.commit?.meta.actor).toEqual({ id: 'ann', kind: 'agent', via: 'service:desk' });
    expect(stage.stream(taskOf('t')).at(-1)?.meta.actor).toEqual({ id: 'ann', kind: 'agent', via: 'service:desk' });
  });
});

describe('what a poll shows', () => {
  test('what waits for each agent, once to whoever gives the cursor back, and again to whoever does not', async () => {
    await register('ann');
    await register('bob');
    await register('eve', shop);
    const begun = await look();
    expect(begun.items).toEqual([]);
    await post('t1');
    await post('t2');
    await post('t3');
    const first = await look(begun.after);
    expect(first.items.toSorted()).toEqual(
      ['t1', 't2', 't3']
        .map((task) => `${stateOf(task).holder?.agent} assignment ${task}`)
        .filter((item) => !item.startsWith('eve'))
        .toSorted(),
    );
    expect(first.items.length).toBeGreaterThan(0);
    // Its answer was lost: the same once more.
    expect((await look(begun.after)).items.toSorted()).toEqual(first.items.toSorted());
    expect((await look(first.after)).items).toEqual([]);
    // The gateway was started again.
    expect((await look()).items.toSorted()).toEqual(first.items.toSorted());
  });

  test('offers to bid for once, however often their agent is rung', async () => {
    await register('ann', desk, { offer: null, capacity: 5 });
    let { after } = await look();
    const seen: string[] = [];
    for (const task of ['a', 'b', 'c', 'd']) {
      await post(task);
      const page = await look(after);
      seen.push(...page.items.filter((item) => item.includes('offer')));
      ({ after } = page);
      // An award rings it too.
      await stage.colony.tasks.bid({ principal: await speaker('ann') }, task, { agent: 'ann' });
      await stage.settled();
      const awarded = await look(after);
      seen.push(...awarded.items.filter((item) => item.includes('offer')));
      expect(awarded.items).toContain(`ann assignment ${task}`);
      ({ after } = awarded);
    }
    expect(seen).toEqual(['ann offer a', 'ann offer b', 'ann offer c', 'ann offer d']);
  });

  test('all of it, page by page, where not all has room', async () => {
    const agents = Array.from({ length: 9 }, (_, i) => `agent-${i}`);
    for (const id of agents) await register(id, desk, { offer: null });
    for (const task of ['a', 'b']) await post(task);
    const seen: string[] = [];
    let after: string | undefined;
    for (let more = true, pages = 0; more; pages += 1) {
      expect(pages).toBeLessThan(20);
      const page = await look(after, { limit: 3 });
      seen.push(...page.items);
      ({ after, more } = page);
      // What comes meanwhile is not lost either.
      if (pages === 1) await post('c');
    }
    seen.push(...(await look(after)).items);
    const wanted = agents.flatMap((agent) => ['a', 'b', 'c'].map((task) => `${agent} offer ${task}`));
    expect([...new Set(seen)].toSorted()).toEqual(wanted.toSorted());
  });

  test('what is held, where that is asked for', async () => {
    await register('ann');
    await post('t');
    await stage.colony.tasks.accept({ principal: await speaker('ann') }, 't', { agent: 'ann', award: 1 });
    expect((await look()).items).toEqual([]);
    expect((await look(undefined, { holding: true })).items).toEqual(['ann holding t']);
  });

  test('what comes while it waits, at once: by its bell, not by the next look', async () => {
    await register('ann');
    const { after } = await look();
    const until = jest.spyOn(Doorbells.prototype, 'until');
    until.mockImplementation(async function (this: Doorbells, key, wait) {
      until.mockRestore();
      return await this.until(key, { ...wait, everyMs: Infinity });
    });
    const waiting = look(after, { waitSeconds: 3_600 });
    await post('t');
    expect((await waiting).items).toEqual(['ann assignment t']);
  });

  test('to whoever waited before it spoke for anybody, too', async () => {
    await post('t', { bid_seconds: 3_600 });
    const { after } = await look();
    const waiting = look(after, { waitSeconds: 30 });
    await register('ann');
    expect((await waiting).items).toEqual(['ann offer t']);
  });

  test('an award that nobody took up, again after a while', async () => {
    await register('ann', desk, { presence_seconds: 3_600 });
    await post('t', { accept_seconds: 3_600 });
    let { items, after } = await look();
    expect(items).toEqual(['ann assignment t']);
    ({ items, after } = await look(after));
    expect(items).toEqual([]);
    stage.clock.time += 19_000;
    ({ items, after } = await look(after));
    expect(items).toEqual([]);
    stage.clock.time += 1_000;
    ({ items, after } = await look(after));
    expect(items).toEqual(['ann assignment t']);
    await stage.colony.tasks.accept({ principal: await speaker('ann') }, 't', { agent: 'ann', award: 1 });
    stage.clock.time += 20_000;
    expect((await look(after)).items).toEqual([]);
  });

  test('awards that have no room with the next page, each once, though nobody takes them up', async () => {
    await register('ann', desk, { capacity: 230, presence_seconds: 3_600 });
    const { after: begun } = await look();
    const tasks = Array.from({ length: 230 }, (_, i) => `t${i}`);
    for (const id of tasks) await stage.colony.tasks.post(as('poster'), id, spec({ accept_seconds: 3_600 }));
    await stage.settled();
    const seen: string[] = [];
    let after: string | undefined = begun;
    let pages = 0;
    for (let more = true; more; pages += 1) {
      expect(pages).toBeLessThan(5);
      const page = await look(after);
      seen.push(...page.items);
      ({ after, more } = page);
    }
    expect(pages).toBe(3);
    expect(seen.toSorted()).toEqual(tasks.map((task) => `ann assignment ${task}`).toSorted());
    // Then it waits.
    expect(await look(after)).toMatchObject({ items: [], more: false });
    // Who lost the answers begins anew.
    expect((await look(begun)).items).toHaveLength(100);
  });

  test.each([
    ['is too busy to be read', () => new StoreBusy('wait', 1)],
    ['holds something else than was written', () => new AlteredReceipt(agentOf('bob'), 0, 'is not what was written')],
  ])('of all others what waits, though the stream of one %s, and of that one when it can be read', async (_, error) => {
    await stage.end();
    stage = new Stage({ cache: { cachedStreams: 1, cachedBytes: 1 } });
    await begin();
    for (const id of ['ann', 'bob', 'eve']) await register(id, desk, { offer: null });
    const begun = await look();
    await post('t', { bid_seconds: 3_600 });
    stage.mishaps = (port, _name, args) =>
      port === 'store' && args.includes(agentOf('bob')) ? Promise.reject(error()) : undefined;
    const others = await look(begun.after);
    expect(others.items.toSorted()).toEqual(['ann offer t', 'eve offer t']);
    stage.mishaps = () => undefined;
    expect((await look(others.after)).items).toEqual(['bob offer t']);
  });

  test('nothing, and says so, while the store is too busy for every agent', async () => {
    await stage.end();
    stage = new Stage({ cache: { cachedStreams: 1, cachedBytes: 1 } });
    await begin();
    for (const id of ['ann', 'bob']) await register(id, desk, { offer: null });
    const begun = await look();
    await post('t', { bid_seconds: 3_600 });
    const streams = [agentOf('ann'), agentOf('bob')];
    stage.mishaps = (port, _name, args) =>
      port === 'store' && streams.some((stream) => args.includes(stream))
        ? Promise.reject(new StoreBusy('wait', 1))
        : undefined;
    await expect(look(begun.after)).rejects.toThrow(StoreBusy);
    stage.mishaps = () => undefined;
    expect((await look(begun.after)).items.toSorted()).toEqual(['ann offer t', 'bob offer t']);
  });

  test('nothing of an agent that is gone, and registered by another', async () => {
    await register('bob');
    await register('ann', desk, { offer: null, presence_seconds: 3_600 });
    const { after } = await look();
    await post('t', { bid_seconds: 3_600 });
    await stage.colony.agents.deregister(desk, 'ann', 'done');
    await register('ann', shop, { offer: null, presence_seconds: 3_600 });
    expect((await look(after)).items).toEqual(['bob offer t']);
    expect((await look(undefined, { by: shop })).items).toEqual(['ann offer t']);
  });

  test('of two answers at once whichever arrives: an offer that only the other had comes again', async () => {
    await register('ann', desk, { offer: null });
    const { after } = await look();
    await post('a', { bid_seconds: 3_600 });
    const lookInto = Inboxes.prototype.look;
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const spy = jest.spyOn(Inboxes.prototype, 'look').mockImplementationOnce(async function (this: Inboxes, ...args) {
      await held;
      return await lookInto.apply(this, args);
    });
    const dead = look(after);
    const arrived = await look(after);
    spy.mockRestore();
    expect(arrived.items).toEqual(['ann offer a']);
    await post('b', { bid_seconds: 3_600 });
    goOn();
    expect((await dead).items).toEqual(['ann offer a', 'ann offer b']);
    expect((await look(arrived.after)).items).toContain('ann offer b');
  });

  test('costs what is new: only agents that were rung are looked at', async () => {
    for (let i = 0; i < 50; i += 1) await register(`agent-${i}`, desk);
    const { after } = await look();
    const spy = jest.spyOn(stage.colony.transactor, 'load');
    const loads = () => spy.mock.calls.filter(([{ category }]) => category === 'agent').length;
    await look(after);
    expect(loads()).toBe(0);
    await stage.colony.tasks.post(as('poster'), 't', spec());
    await stage.settled();
    spy.mockClear();
    expect((await look(after)).items).toHaveLength(1);
    expect(loads()).toBe(1);
    spy.mockRestore();
  });
});

describe('the sign of life', () => {
  test('an open poll is one of all agents; without, all are lost, and the next poll brings them back', async () => {
    for (const id of ['ann', 'bob', 'cleo', 'dan']) await register(id, desk, { presence_seconds: 60 });
    await register('eve', shop, { presence_seconds: 60 });
    let { after } = await look();
    for (let i = 0; i < 6; i += 1) {
      stage.clock.time += 30_000;
      ({ after } = await look(after));
      await stage.fire();
    }
    expect(['ann', 'bob', 'cleo', 'dan'].map(statusOf)).toEqual(Array(4).fill('active'));
    // Of another gateway, which is silent.
    expect(statusOf('eve')).toBe('lost');

    await post('t');
    const holder = stateOf('t').holder?.agent as string;
    await stage.colony.tasks.accept({ principal: await speaker(holder) }, 't', { agent: holder, award: 1 });
    await stage.pass(400);
    expect(['ann', 'bob', 'cleo', 'dan'].map(statusOf)).toEqual(Array(4).fill('lost'));
    expect(stateOf('t').history).toContainEqual(expect.objectContaining({ agent: holder, award: 1, end: 'expired' }));

    await look(after);
    await stage.settled();
    expect(['ann', 'bob', 'cleo', 'dan'].map(statusOf)).toEqual(Array(4).fill('active'));
    const back = stage.stream(agentOf('ann')).find(({ events }) => events[0]?.type === 'AgentReturned');
    expect(back?.meta.actor).toEqual({ id: 'ann', kind: 'agent', via: 'service:desk' });
  });

  test('is given by a gateway whose polls are refused, and of nobody by whoever speaks for nobody', async () => {
    await register('ann', desk, { presence_seconds: 3 });
    await look();
    for (let second = 0; second < 10; second += 1) {
      stage.clock.time += 1_000;
      stage.colony.gateways.heard(desk.principal);
      stage.colony.gateways.heard(shop.principal);
      await stage.fire();
    }
    expect(statusOf('ann')).toBe('active');
    for (let second = 0; second < 10; second += 1) {
      stage.clock.time += 1_000;
      stage.colony.gateways.heard(shop.principal);
      await stage.fire();
    }
    expect(statusOf('ann')).toBe('lost');
  });

  test('is one mark, however many agents there are', async () => {
    for (let i = 0; i < 20; i += 1) await register(`agent-${i}`);
    const { after } = await look();
    const marked: string[] = [];
    const { presence } = stage as unknown as { readonly presence: MemoryPresence };
    const spy = jest.spyOn(presence, 'beat').mockImplementation((keys) => void marked.push(...keys));
    stage.clock.time += 1_000;
    await look(after);
    spy.mockRestore();
    expect(marked).toEqual([gatewayKey(TENANT, 'service:desk')]);
  });

  test('is watched by one deadline, written once for all agents that are looked at together', async () => {
    for (let i = 0; i < 20; i += 1) await register(`agent-${i}`, desk, { presence_seconds: 60 });
    await look();
    const key = gatewayKey(TENANT, 'service:desk');
    let written = 0;
    stage.mishaps = (port, name, args) => {
      if (port === 'deadlines' && name === 'schedule' && JSON.stringify(args).includes(key)) written += 1;
      return undefined;
    };
    stage.clock.time += 60_000;
    await look();
    await stage.fire();
    stage.mishaps = () => undefined;
    expect(written).toBe(1);
  });

  test('has one look for all agents, not one for each', async () => {
    for (let i = 0; i < 20; i += 1) await register(`agent-${i}`, desk, { presence_seconds: 60 });
    let { after } = await look();
    const pass = async (times: number) => {
      for (let i = 0; i < times; i += 1) {
        stage.clock.time += 30_000;
        ({ after } = await look(after));
        await stage.fire();
      }
    };
    await pass(3);
    const { agents } = stage.colony;
    const [alone, together] = [jest.spyOn(agents, 'checkPresence'), jest.spyOn(agents, 'checkGateway')];
    await pass(10);
    expect(alone).not.toHaveBeenCalled();
    expect(together.mock.calls.length).toBeGreaterThan(3);
    expect(together.mock.calls.length).toBeLessThan(11);
  });

  test('stands for each agent as long as its own limit says, and no longer', async () => {
    await register('ann', desk, { presence_seconds: 60 });
    await register('bob', desk, { presence_seconds: 300 });
    const { after } = await look();
    await stage.pass(50);
    await look(after);
    await stage.pass(50);
    expect(['ann', 'bob'].map(statusOf)).toEqual(['active', 'active']);
    await stage.pass(15);
    expect(['ann', 'bob'].map(statusOf)).toEqual(['lost', 'active']);
    await stage.pass(220);
    expect(statusOf('bob')).toBe('active');
    await stage.pass(20);
    expect(statusOf('bob')).toBe('lost');
  });

  test('that fails hurts nobody who speaks for itself meanwhile', async () => {
    for (const id of ['ann', 'bob']) await register(id, desk, { presence_seconds: 60 });
    await look();
    for (let i = 0; i < 10; i += 1) {
      await stage.pass(30);
      await stage.colony.agents.heartbeat(as('ann'), 'ann', []);
    }
    expect(['ann', 'bob'].map(statusOf)).toEqual(['active', 'lost']);
    // Its gateway is back, and is looked at again for all of them.
    let { after } = await look();
    await stage.settled();
    for (let i = 0; i < 5; i += 1) {
      await stage.pass(30);
      ({ after } = await look(after));
    }
    expect(['ann', 'bob'].map(statusOf)).toEqual(['active', 'active']);
    await stage.pass(70);
    expect(['ann', 'bob'].map(statusOf)).toEqual(['lost', 'lost']);
  });

  test('has its full time once more after a restart, and no more', async () => {
    await register('ann', desk, { presence_seconds: 60 });
    let { after } = await look();
    for (let i = 0; i < 4; i += 1) {
      await stage.pass(30);
      ({ after } = await look(after));
    }
    stage.first.kill();
    stage.clock.time += 1_000_000;
    await begin();
    await stage.pass(50);
    expect(statusOf('ann')).toBe('active');
    await stage.pass(20);
    expect(statusOf('ann')).toBe('lost');
  });

  test('is not given by who was refused as its gateway', async () => {
    await register('ann', desk, { presence_seconds: 60 });
    for (let i = 0; i < 4; i += 1) {
      await stage.pass(25);
      expect(await register('ann', shop)).toBe('agent-not-of-gateway');
    }
    expect(statusOf('ann')).toBe('lost');
  });

  test('of one who may not come back is not asked for again and again', async () => {
    await register('ann', desk, { presence_seconds: 60 });
    await stage.pass(100);
    expect(statusOf('ann')).toBe('lost');
    let asked = 0;
    stage.policy = {
      evaluate: async ({ action }) => {
        asked += action === 'agent.return' ? 1 : 0;
        return { allowed: action !== 'agent.return', rules: [], reasons: ['not now'], version: 'test' } as never;
      },
    };
    let after: string | undefined;
    for (let i = 0; i < 10; i += 1) ({ after } = await look(after));
    expect(asked).toBe(1);
    stage.clock.time += 60_000;
    ({ after } = await look(after));
    expect(asked).toBe(2);
    stage.policy = undefined;
    stage.clock.time += 60_000;
    await look(after);
    await stage.settled();
    expect(statusOf('ann')).toBe('active');
  });
});

describe('what is left behind', () => {
  /** Entries of all that is kept of gateways, agents and leases. */
  function kept(): Record<string, number> {
    const { gateways, agents, market } = stage.colony as unknown as {
      readonly gateways: { readonly lines: Map<string, unknown> };
      readonly agents: {
        readonly doubt: { readonly signs: Map<string, unknown> };
        readonly returning: Map<string, unknown>;
      };
      readonly market: { readonly agents: { readonly agents: Map<string, unknown> } };
    };
    const { presence } = stage as unknown as { readonly presence: { readonly beats: Map<string, unknown> } };
    return {
      lines: gateways.lines.size,
      signs: agents.doubt.signs.size,
      returning: agents.returning.size,
      agents: market.agents.agents.size,
      beats: presence.beats.size,
    };
  }
  const NOTHING = { lines: 0, signs: 0, returning: 0, agents: 0, beats: 0 };

  test('nothing by a service that asks for agents it does not have', async () => {
    for (let i = 0; i < 20; i += 1) await look(undefined, { by: as(`service:n${i}`, undefined, 'service') });
    expect(kept()).toEqual(NOTHING);
  });

  test('nothing by an agent that is not registered, was refused, or is gone, and its gateway', async () => {
    await stage.colony.agents.inbox(as('nobody'), 'nobody', { waitSeconds: 0 });
    await stage.colony.agents.heartbeat(as('nobody'), 'nobody', []);
    stage.policy = { evaluate: async () => ({ allowed: false, rules: [], reasons: ['no'], version: 'test' }) as never };
    await stage.colony.agents.register(desk, 'eve', { ...profile(), gateway: desk.principal.id });
    stage.policy = undefined;
    expect(kept()).toEqual(NOTHING);

    for (const id of ['ann', 'bob']) await register(id);
    await register('own', as('own', undefined, 'service'));
    const { after } = await look();
    const waiting = stage.colony.agents.inbox(as('bob'), 'bob', { waitSeconds: 30 });
    expect(kept()).toMatchObject({ lines: 1, agents: 3 });
    for (const id of ['ann', 'bob', 'own']) await stage.colony.agents.deregister(as(id), id, 'done');
    await stage.settled();
    await look(after);
    // Somebody who still waits for an agent that is gone.
    stage.colony.agents.ring(TENANT, 'bob');
    stage.colony.agents.stop();
    await waiting;
    expect(kept()).toEqual(NOTHING);
  });

  test('nothing of a lease that is over', async () => {
    await register('ann', desk, { capacity: 5, presence_seconds: 3_600 });
    await look();
    const before = kept();
    const principal = await speaker('ann');
    for (const [task, end] of [
      ['a', 'complete'],
      ['b', 'fail'],
      ['c', 'expire'],
    ] as const) {
      await post(task, { max_attempts: 1 });
      const claim = { agent: 'ann', award: 1 };
      await stage.colony.tasks.accept({ principal }, task, claim);
      await stage.colony.agents.heartbeat({ principal }, 'ann', [{ task, award: 1 }]);
      expect(kept()).toMatchObject({ beats: (before.beats as number) + 1 });
      if (end === 'complete') await stage.colony.tasks.complete({ principal }, task, claim, 1);
      else if (end === 'fail') await stage.colony.tasks.fail({ principal }, task, claim, 'no', false);
      else await stage.pass(60);
      await stage.settled();
      expect(kept()).toEqual(before);
    }
  });

  test('a cursor of the time before means nothing to the agents that come after', async () => {
    await register('ann');
    await look();
    const { after } = await look();
    await stage.colony.agents.deregister(desk, 'ann', 'done');
    await stage.settled();
    await register('bob');
    await post('t');
    expect((await look(after)).items).toEqual(['bob assignment t']);
  });
});
