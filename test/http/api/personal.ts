/** Personal data and secrets, over HTTP; test/personal/ has the rest. */
import { eventually } from '../../support/eventually';
import { agent, events, everything, ok, post, read, slug, tenant } from './world';

const mark = (subject: string, value: unknown) => ({ $personal: { subject, value } });
const sealed = (subject: string) => ({ $personal: { subject, sealed: true } });

describe('personal data', () => {
  test('is shown sealed, opened with a receipt, and gone with its subject', async () => {
    const api = tenant('personal');
    const payload = { customer: mark('customer-17', { name: 'Ada Byron' }), amount: 3 };
    await post(api, { id: 'p1', payload });
    expect((await read(api, 'p1')).payload).toEqual({ customer: sealed('customer-17'), amount: 3 });
    const opened = await ok(api('/v1/tasks/p1?personal=open&purpose=a+complaint', { as: 'human:eve' }));
    expect(opened.body.payload).toEqual(payload);
    expect((await ok(api('/v1/subjects/customer-17'))).body).toMatchObject({
      subject: 'customer-17',
      reads: 1,
      last: [{ by: 'human:eve', of: 'personal/task/p1', values: 1, purpose: 'a complaint' }],
    });
    const erased = await ok(api('/v1/subjects/customer-17/erase', { json: { reason: 'asked for' }, as: 'human:eve' }));
    expect(erased.body).toMatchObject({
      receipt: { events: ['SubjectErased'] },
      subject: { erased: { by: 'human:eve' } },
    });
    const gone = { customer: { $personal: { subject: 'customer-17', erased: true } }, amount: 3 };
    expect((await read(api, 'p1')).payload).toEqual(gone);
    expect((await ok(api('/v1/tasks/p1?personal=open&purpose=again'))).body.payload).toEqual(gone);
    expect(slug(await api('/v1/tasks', { json: { task_type: 'clerk', payload } }))).toBe('409 subject-erased');
    expect(await events(api, 'subject', 'customer-17')).toEqual(['PersonalDataRead', 'SubjectErased']);
    await ok(api('/v1/subjects/customer-18/erase', { json: { reason: 'asked for' } }));
    const listed = await eventually(async () => {
      const found = await everything(api, '/v1/erasures?limit=1');
      return found.value.length === 2 && found;
    });
    expect(listed.value.map(({ subject }) => subject)).toEqual(['customer-17', 'customer-18']);
  });

  test('is opened by the agent that works with it, and by no other', async () => {
    const api = tenant('personal-work');
    const [ann, ben] = [agent(api, 'ann'), agent(api, 'ben')];
    await ann.register();
    const payload = mark('customer-17', 'Ada Byron');
    await post(api, { id: 'p1', payload, accept_seconds: 600 });
    await ann.awarded('p1');
    const open = '/v1/tasks/p1?personal=open';
    expect((await ok(api(open, { as: ann.id }))).body.payload).toEqual(payload);
    expect(slug(await api(open, { as: ben.id }))).toBe('403 policy-denied');
    expect(slug(await api(open, { as: 'human:eve' }))).toBe('422 purpose-missing');
    expect(slug(await api('/v1/tasks/p1?personal=closed'))).toBe('400 invalid-request');
  });

  test('a mark that is none, and a secret, are refused with their place and without an echo', async () => {
    const api = tenant('personal-form');
    const none = await api('/v1/tasks', { json: { task_type: 'clerk', payload: { a: mark('Ada Byron', 1) } } });
    expect(slug(none)).toBe('400 invalid-request');
    expect(none.body.errors).toMatchObject([{ pointer: '#/payload/a' }]);
    const secret = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
    for (const value of [secret, mark('customer-17', secret)]) {
      const refused = await api('/v1/tasks', { json: { task_type: 'clerk', payload: { env: value } } });
      expect(slug(refused)).toBe('422 secret-refused');
      expect(refused.text).not.toContain(secret);
      expect(refused.body.errors).toMatchObject([{ pointer: expect.stringMatching(/^#\/payload\/env/) as string }]);
    }
  });

  test('a secret as an id, as a purpose or as a key is refused in the same way: receipts have all of them', async () => {
    const api = tenant('personal-names');
    await post(api, { id: 'p1' });
    const secret = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
    const attempts = [
      ['id', `/v1/agents/${secret}`, { method: 'PUT', as: 'ada', json: { agent_type: 'clerk' } }],
      ['purpose', `/v1/tasks/p1?personal=open&purpose=${secret}`, {}],
      ['Idempotency-Key', '/v1/tasks', { json: { task_type: 'clerk' }, headers: { 'idempotency-key': secret } }],
    ] as const;
    for (const [parameter, path, sent] of attempts) {
      const refused = await api(path, sent);
      expect(slug(refused)).toBe('422 secret-refused');
      expect(refused.text).not.toContain(secret);
      expect(refused.body.errors).toMatchObject([{ parameter }]);
    }
  });
});
