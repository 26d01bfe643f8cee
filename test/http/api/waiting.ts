/** Why a task does not move. */
import { eventually } from '../../support/eventually';
import { items, settled } from '../support';
import { agent, everything, host, ok, post, read, slug, statusIs, tenant } from './world';

describe('a task that does not move says why', () => {
  test('no agent of its type, a level too low, all busy, no standing offer; one by one, in lists, and grouped', async () => {
    const api = tenant('why-not');
    await agent(api, 'low').register({ agent_type: 'legal', capabilities: { contract: 0.3 } });
    await agent(api, 'shy').register({ agent_type: 'shy', standing_offer: false });
    const ada = agent(api, 'ada');
    await ada.register({ capacity: 1 });
    await post(api, { id: 'first' });
    await ada.awarded('first');
    await post(api, { id: 'nobody', task_type: 'nobody_does' });
    await post(api, { id: 'level', task_type: 'legal', requires: [{ capability: 'contract', level: 0.8 }] });
    await post(api, { id: 'busy' });
    await post(api, { id: 'offer', task_type: 'shy' });
    await settled(host);

    const told: Record<string, [code: string, text: string]> = {
      nobody: ['no-agent', 'not awarded: no agent of nobody_does is registered'],
      level: ['level-too-low', 'not awarded: 1 agent with contract; low has contract 0.3, needs 0.8'],
      busy: ['busy', 'not awarded: 1 agent of clerk; ada has 1 of 1 slots in use'],
      offer: ['no-standing-offer', 'not awarded: 1 agent of shy; shy makes no standing offer and has not bid'],
    };
    for (const [id, [code, text]] of Object.entries(told))
      expect([id, (await read(api, id)).why]).toEqual([id, { code, text }]);
    expect((await read(api, 'first')).why).toMatchObject({ code: 'awaits-acceptance' });

    const whys = (value: readonly Record<string, unknown>[]) =>
      value.map(({ id, why }) => [id, (why as { code: string } | undefined)?.code]);
    expect(whys((await everything(api, '/v1/tasks')).value)).toEqual([
      ['busy', 'busy'],
      ['first', undefined],
      ['level', 'level-too-low'],
      ['nobody', 'no-agent'],
      ['offer', 'no-standing-offer'],
    ]);
    const inTurn = ['nobody', 'level', 'busy', 'offer'].map((id) => [id, told[id]?.[0]]);
    const { value, pages } = await everything(api, '/v1/tasks?sort=waiting&limit=3');
    expect([whys(value), pages]).toEqual([inTurn, 2]);
    expect(whys((await everything(api, '/v1/tasks?status=open&stuck=0')).value)).toEqual(inTurn);
    expect(items(await ok(api('/v1/tasks?sort=waiting&task_type=shy')))).toMatchObject([
      { id: 'offer', waited_seconds: expect.any(Number) },
    ]);
    expect(items(await ok(api('/v1/tasks?stuck=86400')))).toEqual([]);
    for (const query of ['stuck=5&status=dead', 'sort=waiting&agent=ada', 'stuck=-1', 'sort=waiting&continuation=x'])
      expect(slug(await api(`/v1/tasks?${query}`))).toBe('400 invalid-request');

    const { waiting } = (await ok(api('/v1/status'))).body;
    expect(waiting).toMatchObject({ open: 4, looked_at: 4 });
    expect(waiting.groups).toHaveLength(4);
    expect(waiting.groups).toContainEqual({
      code: 'level-too-low',
      count: 1,
      example: 'level',
      text: told.level?.[1],
      waited_seconds: expect.any(Number),
    });
  });

  test('lists who could do it, and what is in the way of each', async () => {
    const api = tenant('candidates');
    await agent(api, 'low').register({ capabilities: { contract: 0.3 } });
    await agent(api, 'none').register();
    await agent(api, 'shy').register({ capabilities: { contract: 0.9 }, standing_offer: false });
    await post(api, { id: 't', requires: [{ capability: 'clerk' }, { capability: 'contract', level: 0.8 }] });
    await settled(host);
    const { value, pages } = await everything(api, '/v1/tasks/t/candidates?limit=2');
    expect(pages).toBe(2);
    expect(value).toMatchObject([
      {
        agent: 'low',
        fits: false,
        code: 'level-too-low',
        text: 'low has contract 0.3, needs 0.8',
        levels: [
          { capability: 'clerk', level: 1, needs: 0 },
          { capability: 'contract', level: 0.3, needs: 0.8 },
        ],
        slots: 0,
        capacity: 1,
      },
      { agent: 'none', fits: false, code: 'lacks-capability', levels: [{ level: 1 }, { level: null }] },
      { agent: 'shy', fits: false, code: 'no-standing-offer', standing_offer: false, bid: false },
    ]);
    expect((await ok(api('/v1/tasks/t/candidates'))).body).toMatchObject({
      able: 3,
      why: { code: 'no-standing-offer' },
    });
    expect(slug(await api('/v1/tasks/missing/candidates'))).toBe('404 not-found');
  });

  test('one that is held says what it waits for', async () => {
    const api = tenant('why-held');
    await post(api, { id: 't', oversight: { why: 'it is a lot', confidence: 0.1, impact: 'critical' } });
    await eventually(async () => String((await read(api, 't')).why?.text).includes('waits for'));
    expect((await read(api, 't')).why).toMatchObject({
      code: 'awaits-decision',
      text: expect.stringMatching(/^not offered: .*; action \S+ waits for (round|approval) \S+/),
      until: expect.any(String),
    });
  });

  test('one that has expired says why it was not done', async () => {
    const api = tenant('why-expired');
    await agent(api, 'low').register({ agent_type: 'legal', capabilities: { contract: 0.3 } });
    await post(api, {
      id: 't',
      task_type: 'legal',
      requires: [{ capability: 'contract', level: 0.8 }],
      deadline: new Date(Date.now() + 1_500).toISOString(),
    });
    await statusIs(api, 't', 'expired');
    expect((await read(api, 't')).ended).toMatchObject({
      by: 'deadline',
      reason: expect.stringMatching(/passed: not awarded: 1 agent with contract; low has contract 0\.3, needs 0\.8$/),
    });
  });
});
