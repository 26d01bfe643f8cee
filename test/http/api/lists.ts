/** Lists, long polls and streams. */
import type { Commit } from '../../../domain/kernel/commit';
import { eventually } from '../../support/eventually';
import { items, settled } from '../support';
import { agent, type Api, everything, host, metric, ok, post, receiptsOf, tenant } from './world';

describe('lists', () => {
  test('are given in pages that follow each other', async () => {
    const api = tenant('pages');
    const ids = Array.from({ length: 23 }, (_, i) => `t${String(i).padStart(2, '0')}`);
    await ok(api('/v1/tasks/batch', { json: { tasks: ids.map((id) => ({ id, task_type: 'nobody_does' })) } }));
    await Promise.all(
      ids.map((id) =>
        ok(
          api(`/v1/agents/${id}`, {
            method: 'PUT',
            json: { agent_type: id < 't20' ? 'clerk' : 'chief', capabilities: ['typing'] },
          }),
        ),
      ),
    );
    for (let i = 0; i < 22; i += 1)
      await ok(api('/v1/agents/t00', { method: 'PUT', json: { agent_type: 'clerk', capacity: i + 2 } }));
    await settled(host);

    const listed = async (path: string) => {
      const { value, pages } = await everything(api, path);
      return [value.map(({ id }) => id), pages];
    };
    expect(await listed('/v1/tasks?limit=10')).toEqual([ids, 3]);
    expect(await listed('/v1/tasks?limit=23')).toEqual([ids, 1]);
    expect(await listed('/v1/tasks?status=open&task_type=nobody_does&limit=11')).toEqual([ids, 3]);
    expect(await listed('/v1/agents?limit=10')).toEqual([ids, 3]);
    expect(await listed('/v1/agents?agent_type=clerk&limit=7')).toEqual([ids.slice(0, 20), 3]);
    expect(await listed('/v1/agents?capability=typing&pool=chief&limit=2')).toEqual([['t20', 't21', 't22'], 2]);
    expect(await listed('/v1/agents?capability=clerk&status=active')).toEqual([ids.slice(0, 20), 1]);

    const stream = await everything(api, '/v1/streams/agent/t00?limit=10');
    expect([stream.value.map(({ index }) => index), stream.pages]).toEqual([
      Array.from({ length: 23 }, (_, i) => i),
      3,
    ]);
    const log = await everything(api, '/v1/receipts?limit=10&category=task');
    expect(log.value.map(({ stream }) => stream).sort()).toEqual(ids.map((id) => `pages/task/${id}`));
    const [some] = log.value as unknown as Commit[];
    const correlated = await everything(api, `/v1/receipts?correlation=${some?.meta.correlationId}`);
    expect(correlated.value).toEqual([some]);
  });

  test('hold nothing of another tenant', async () => {
    const filled = async (name: string) => {
      const api = tenant(name);
      await ok(api('/v1/agents/same', { method: 'PUT', json: { agent_type: 'clerk', capabilities: ['typing'] } }));
      await post(api, { id: 'same', task_type: 'nobody_does', payload: name });
      await ok(
        api('/v1/tools/same', {
          method: 'PUT',
          json: { tool_name: 'Same', description: name, schema: {}, version: '1.0.0' },
        }),
      );
      await ok(
        api('/v1/agents/repository/acme.same', {
          method: 'PUT',
          json: { based_on: 'finance.reconciliation', overrides: { name } },
        }),
      );
      await ok(api('/v1/signals', { json: { type: 'heat', location: 'same', strength: 0.5, decay_rate: 0 } }));
      await settled(host);
      return api;
    };
    const [left, right, none] = [await filled('left'), await filled('right'), tenant('none')];
    const lists = [
      '/v1/tasks',
      '/v1/agents',
      '/v1/tools',
      '/v1/signals',
      '/v1/agents/repository?department=finance',
      '/v1/agents/repository/search?q=reconciliation',
      '/v1/receipts',
      '/v1/pools',
    ];
    for (const path of lists) {
      const filledBy = (api: Api) =>
        eventually(async () => {
          const value = items<unknown>(await ok(api(path)));
          return value.length > 0 && value;
        });
      const own = await filledBy(left);
      expect([path, JSON.stringify(own)]).toEqual([path, expect.not.stringContaining('right')]);
      // The other tenant has as much, and has it to itself.
      expect(await filledBy(right)).toHaveLength(own.length);
      const built = JSON.stringify((await ok(none(path))).body.value);
      expect(built).not.toMatch(/left|right|acme|same/);
    }
    for (const path of [
      '/v1/tasks/same',
      '/v1/agents/same',
      '/v1/tools/same',
      '/v1/signals/heat/same',
      '/v1/streams/task/same',
      '/v1/agents/repository/acme.same',
      '/v1/why?id=same',
      '/v1/tasks/same/recompute',
    ]) {
      expect((await none(path)).status).toBe(404);
    }
    expect((await ok(left('/v1/tasks/same'))).body.payload).toBe('left');
    expect((await ok(left('/v1/why?id=same'))).text).not.toContain('right');
    for (const consumer of ['views', 'reactions'])
      expect((await ok(left(`/v1/feed/${consumer}/parked`))).body.value).toEqual([]);
  });
});

describe('long polls and streams', () => {
  test('a long poll is woken by an award', async () => {
    const api = tenant('poll');
    const ada = agent(api, 'ada');
    await ada.register();
    const waiting = ada.inbox('?waitSeconds=30');
    await post(api, { id: 't' });
    expect((await waiting).body.items).toMatchObject([{ kind: 'assignment', task: 't' }]);
  });

  test('a long poll ends when its client leaves', async () => {
    const api = tenant('leaver');
    const ada = agent(api, 'ada');
    await ada.register();
    const polls = () => metric(host, 'formicary_http_request_seconds_count', 'route="readInbox"');
    const before = await polls();
    const leave = new AbortController();
    const waiting = ada.inbox('?waitSeconds=30', { signal: leave.signal });
    waiting.catch(() => undefined);
    await eventually(async () => (await ok(ada.inbox())).status === 200);
    leave.abort();
    await expect(waiting).rejects.toThrow();
    // The one that was left, and the one in between.
    await eventually(async () => (await polls()) === before + 2);
  });

  test('receipts come as they are written, and go on after a break where they were left', async () => {
    const api = tenant('stream');
    await post(api, { id: 'before' });
    const stop = new AbortController();
    const stream = receiptsOf(host, 'stream', '?category=task', undefined, stop.signal);
    const next = async () => (await stream.next()).value as { id: string; commit: Commit };
    const first = next();
    // It begins when it is open; what was before is not given.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await post(api, { id: 'one' });
    const one = await first;
    expect(one.commit).toMatchObject({ stream: 'stream/task/one', index: 0, hash: expect.any(String) });
    await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'x' } }));
    await post(tenant('elsewhere'), { id: 'not-ours' });
    await post(api, { id: 'two' });
    const two = await next();
    expect(two.commit.stream).toBe('stream/task/two');
    stop.abort();
    await expect(stream.next()).rejects.toThrow();

    const missed = ['three', 'four', 'five'];
    for (const id of missed) await post(api, { id });
    const resumed = new AbortController();
    const found: string[] = [];
    let last = two.id;
    for await (const { id, commit } of receiptsOf(host, 'stream', '?category=task', two.id, resumed.signal)) {
      found.push(commit.stream.split('/')[2] as string);
      last = id;
      if (found.length === missed.length) break;
    }
    expect(found).toEqual(missed);
    resumed.abort();
    // The place is the same for pages of the log.
    await post(api, { id: 'six' });
    expect(
      (await everything(api, `/v1/receipts?category=task&continuation=${last}`)).value.map(({ stream }) => stream),
    ).toEqual(['stream/task/six']);
  });

  test('a client that breaks off in the middle of many misses none', async () => {
    const api = tenant('many');
    const ids = Array.from({ length: 60 }, (_, i) => `t${i}`);
    await ok(api('/v1/tasks/batch', { json: { tasks: ids.map((id) => ({ id, task_type: 'nobody_does' })) } }));
    const found = new Set<string>();
    let last: string | undefined;
    for (let connection = 0; found.size < ids.length; connection += 1) {
      expect(connection).toBeLessThan(ids.length);
      let taken = 0;
      const stop = new AbortController();
      // Takes a few more each time: pages may come again from their beginning.
      for await (const { id, commit } of receiptsOf(
        host,
        'many',
        `?category=task${last === undefined ? '&after=0' : ''}`,
        last,
        stop.signal,
      )) {
        found.add(commit.stream);
        last = id;
        if ((taken += 1) >= 7 * (connection + 1) || found.size === ids.length) break;
      }
      stop.abort();
    }
    expect([...found].sort()).toEqual(ids.map((id) => `many/task/${id}`).sort());
  });
});
