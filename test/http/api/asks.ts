/** What was asked in words, over HTTP. */
import { ok, slug, tenant } from './world';

const STEP = { operation: 'cancelTask', command: 'cancel inv-1 --reason paid', risk: 0.5 };
const ASKED = { id: 'a1', words: 'cancel inv-1 because paid', outcome: 'run', steps: [STEP] };

describe('asks', () => {
  test('an exchange leaves a receipt, in the name of whoever asked, once', async () => {
    const api = tenant('asks');
    const noted = await ok(api('/v1/asks', { json: ASKED, as: 'human:ada' }));
    expect([noted.status, noted.body]).toMatchObject([
      201,
      { receipt: { events: ['WordsRead'] }, ask: { ...ASKED, by: 'human:ada' } },
    ]);
    const again = await ok(api('/v1/asks', { json: ASKED, as: 'human:ada' }));
    expect(again.body.receipt.events).toEqual([]);
    expect(slug(await api('/v1/asks', { json: { ...ASKED, words: 'another' }, as: 'human:ada' }))).toBe(
      '409 ask-exists',
    );
    const { body } = await ok(api('/v1/streams/ask/a1'));
    expect(body.value).toMatchObject([
      { events: [{ type: 'WordsRead', data: { words: ASKED.words, steps: [STEP] } }] },
    ]);
  });

  test('what is too much is refused, and a secret is not kept', async () => {
    const api = tenant('asks-much');
    const steps = Array.from({ length: 21 }, () => STEP);
    for (const wrong of [
      { ...ASKED, steps },
      { ...ASKED, words: 'x'.repeat(1_001) },
      { ...ASKED, steps: [{ ...STEP, command: 'x'.repeat(10_001) }] },
      { ...ASKED, by: 'human:bob' },
    ])
      expect((await api('/v1/asks', { json: wrong })).status).toBe(400);
    const secret = { ...ASKED, words: `use ghp_${'a'.repeat(36)}` };
    expect(slug(await api('/v1/asks', { json: secret }))).toBe('422 secret-refused');
  });

  test('it is noted also while everything of the tenant is stopped: whoever lifts that says so in words', async () => {
    const api = tenant('asks-stopped');
    await ok(api('/v1/stops/tenant/asks-stopped', { method: 'PUT', json: { reason: 'a breach' } }));
    await ok(api('/v1/asks', { json: ASKED }));
    expect(slug(await api('/v1/tasks', { json: { task_type: 'x' } }))).toBe('403 stopped');
    await ok(api('/v1/stops/tenant/asks-stopped/lift', { json: { reason: 'over' } }));
  });
});
