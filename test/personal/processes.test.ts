/** Personal data where two processes share a store: what one erases, the other neither opens nor takes. */
import { randomBytes } from 'node:crypto';
import { FileSubjectKeys } from '../../adapters/embedded/subject-keys';
import { AesKeyWrap } from '../../adapters/personal/key-wrap';
import type { RequestContext } from '../../app/engine/command';
import { KEY_BYTES } from '../../domain/kernel/sealing';
import { MARK } from '../../domain/personal/mark';
import { subjectDecider, subjectStream } from '../../domain/personal/subject';
import { Stage, TENANT, turns, WRAPPING_KEY } from '../support/stage';

let stage: Stage;

const eve: RequestContext = { principal: { tenant: TENANT, id: 'human:eve', kind: 'human', level: 'critical' } };
const OF = `${TENANT}/task/t1`;
const value = { customer: { [MARK]: { subject: 'ada', value: 'Ada Byron' } } };
const erased = { customer: { [MARK]: { subject: 'ada', erased: true } } };

const personal = (i: number) => stage.processes[i]!.colony.personal;
const seal = (i: number) =>
  personal(i).seal(value, { principal: eve.principal, operation: 'postTask', idempotencyKey: undefined });
const sealed = async (i: number) => ((await seal(i)) as { readonly value: unknown }).value;
const open = (i: number, what: unknown) => personal(i).open(eve, OF, what, 'a complaint');

beforeEach(async () => {
  stage = new Stage({ shared: true });
  await stage.start();
  await stage.start();
});
afterEach(async () => {
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

test('what one process seals the other opens, under one key, also when both make it at once', async () => {
  const both = await Promise.all([sealed(0), sealed(1)]);
  for (const i of [0, 1]) for (const what of both) expect(await open(i, what)).toEqual({ value });
  expect(stage.fold(subjectDecider, subjectStream(TENANT, 'ada')).state.reads).toBe(4);
});

test('what one process erases the other opens no more at once, and takes no more once it has heard', async () => {
  const what = await sealed(0);
  expect(await open(1, what)).toEqual({ value });
  expect(await personal(0).erase(eve, 'ada', 'asked for')).toMatchObject({ ok: true });
  // It has heard nothing, and its key is in memory still.
  expect(await open(1, what)).toEqual({ value: erased });
  await stage.settled();
  expect(await seal(1)).toMatchObject({ code: 'subject-erased' });
  expect(await personal(1).mask(TENANT, what)).toEqual(erased);
});

/** Has something happen before a port's method is called for the first time, and that call wait for it. */
function before(port: string, method: string, happens: () => Promise<void>): void {
  stage.mishaps = (ofPort, called) => {
    if (ofPort !== port || called !== method) return undefined;
    stage.mishaps = () => undefined;
    return happens();
  };
}

test('nothing is sealed with what is left of a key: who is erased while others’ keys are found is refused', async () => {
  await sealed(0);
  const both = { ada: value, bob: { [MARK]: { subject: 'bob', value: 'Bob' } } };
  before('subjectKeys', 'keep', async () => void (await personal(0).erase(eve, 'ada', 'asked for')));
  const sending = { principal: eve.principal, operation: 'postTask', idempotencyKey: undefined };
  expect(await personal(0).seal(both, sending)).toMatchObject({ code: 'subject-erased' });
});

test('who is erased between the receipt of a read and the value is shown as erased', async () => {
  const what = await sealed(0);
  let second: Promise<unknown> | undefined;
  // What comes while another receipt of the stream is written is written together.
  before('store', 'append', async () => {
    second = open(0, what);
    await turns(5);
    void personal(0).erase(eve, 'ada', 'asked for');
    await turns(5);
  });
  await open(0, what);
  expect(await second).toEqual({ value: erased });
  expect(stage.reports).toEqual([]);
});

test('when a process dies between the receipt and the key, another one destroys it', async () => {
  const what = await sealed(0);
  stage.mishaps = (port, method) => (port === 'subjectKeys' && method === 'destroy' ? 'fails' : undefined);
  await expect(personal(0).erase(eve, 'ada', 'asked for')).rejects.toThrow();
  expect(await open(1, what)).toEqual({ value: erased });
  stage.processes[0]!.kill();
  stage.mishaps = () => undefined;
  const destroyed: unknown[] = [];
  stage.mishaps = (port, method, args) => {
    if (port === 'subjectKeys' && method === 'destroy') destroyed.push(args);
    return undefined;
  };
  await stage.settled();
  await stage.redeliver();
  expect(destroyed).toContainEqual([TENANT, 'ada']);
});

test('a start goes through the list of erasures again', async () => {
  await sealed(0);
  await personal(0).erase(eve, 'ada', 'asked for');
  await stage.settled();
  const destroyed: unknown[] = [];
  stage.mishaps = (port, method, args) => {
    if (port === 'subjectKeys' && method === 'destroy') destroyed.push(args);
    return undefined;
  };
  const third = await stage.start();
  await third.colony.stop();
  expect(destroyed).toEqual([[TENANT, 'ada']]);
});

test('a key that was made before tenants had one of their own opens, and is erased by itself', async () => {
  const place = subjectStream(TENANT, 'ada');
  const wrapped = await new AesKeyWrap(WRAPPING_KEY).wrap(place, randomBytes(KEY_BYTES));
  await new FileSubjectKeys(stage.database.folder).keep(TENANT, 'ada', wrapped);
  const what = await sealed(0);
  expect(await open(1, what)).toEqual({ value });
  await personal(1).erase(eve, 'ada', 'asked for');
  expect(await open(0, what)).toEqual({ value: erased });
});

test('what is not what was sealed stays closed, and is reported', async () => {
  const what = (await sealed(0)) as { customer: Record<string, { sealed: string }> };
  const inner = what.customer[MARK]!;
  const moved = { customer: { [MARK]: { ...inner, place: 'postTask#/payload/name' } } };
  expect(await open(0, moved)).toEqual({ value: { customer: { [MARK]: { subject: 'ada', sealed: true } } } });
  expect(stage.reports.map(({ message }) => message)).toContain('a value of personal data is not what was sealed');
});
