/** Personal data where a vault wraps the keys of people: over its rotation, and while it is away. */
import { VaultKeyWrap } from '../../adapters/azure/vault';
import { AesKeyWrap, KeyWraps } from '../../adapters/personal/key-wrap';
import type { RequestContext } from '../../app/engine/command';
import { StoreBusy } from '../../app/engine/ports';
import { MARK } from '../../domain/personal/mark';
import { subjectStream } from '../../domain/personal/subject';
import { KeyVaultServer, vaultKeyOn } from '../servers/key-vault';
import { Stage, TENANT } from '../support/stage';

const eve: RequestContext = { principal: { tenant: TENANT, id: 'human:eve', kind: 'human', level: 'critical' } };
const about = (subject: string) => ({ customer: { [MARK]: { subject, value: 'Ada Byron' } } });
const FAILED = { status: 503, body: { error: { code: 'ServiceUnavailable', message: 'sorry' } } };
const REFUSED = { status: 403, body: { error: { code: 'Forbidden', message: 'Caller is not authorized' } } };
/** As the pages say: "within five minutes". */
const ROTATED_MS = 300_000;

const clock = { time: 0, now: () => clock.time };
const before = new AesKeyWrap(Buffer.alloc(32, 3).toString('base64'));
let server: KeyVaultServer;
let stage: Stage;

beforeEach(async () => {
  server = await new KeyVaultServer().start();
  server.create('personal', 'RSA');
  const vault = new VaultKeyWrap(vaultKeyOn(server, 'personal', clock));
  stage = new Stage({ shared: true, keyWrap: new KeyWraps(vault, [before]) });
  await stage.start();
});
afterEach(async () => {
  await stage.end();
  await server.stop();
});

async function sealed(subject: string): Promise<unknown> {
  const sending = { principal: eve.principal, operation: 'postTask', idempotencyKey: undefined };
  const answer = await stage.colony.personal.seal(about(subject), sending);
  if (!('value' in answer)) throw new Error(JSON.stringify(answer));
  return answer.value;
}
/** By a process that has unwrapped nothing yet. */
async function openedAnew(...values: readonly unknown[]): Promise<unknown[]> {
  const { personal } = (await stage.start()).colony;
  return await Promise.all(values.map((value) => personal.open(eve, `${TENANT}/task/t1`, value, 'a complaint')));
}

test('after a rotation what was sealed before is opened, and what is sealed after it', async () => {
  const old = await sealed('ada');
  server.create('personal', 'RSA');
  clock.time += ROTATED_MS;
  const fresh = await sealed('bob');
  expect(await openedAnew(old, fresh)).toEqual([{ value: about('ada') }, { value: about('bob') }]);
});

test('what a key of the settings has wrapped is opened after the colony has moved to a vault', async () => {
  const wrapped = await before.wrap(subjectStream(TENANT, 'ada'), Buffer.alloc(32, 7));
  await stage.colony.ports.subjectKeys?.keep(TENANT, 'ada', wrapped);
  const value = await sealed('ada');
  expect(await openedAnew(value)).toEqual([{ value: about('ada') }]);
  expect(server.requests).toEqual([]);
});

test('while the vault is away nothing is taken or opened, and nothing is said to be lost', async () => {
  const value = await sealed('ada');
  server.failures.push(FAILED, FAILED);
  await expect(openedAnew(value)).rejects.toThrow(StoreBusy);
  server.failures.push(FAILED, FAILED);
  await expect(sealed('bob')).rejects.toThrow(StoreBusy);
  expect(stage.reports).toEqual([]);
  expect(await openedAnew(value, await sealed('bob'))).toEqual([{ value: about('ada') }, { value: about('bob') }]);
});

test('a person who is new costs the vault one use, and one more for each process that opens', async () => {
  await sealed('ada');
  const uses = () => server.requests.filter((request) => request.startsWith('POST'));
  server.requests.length = 0;
  const value = await sealed('bob');
  expect(uses()).toEqual(['POST wrapkey']);
  server.requests.length = 0;
  expect(await openedAnew(value)).toEqual([{ value: about('bob') }]);
  // The person's, and the tenant's.
  expect(uses()).toEqual(['POST unwrapkey', 'POST unwrapkey']);
});

test('what the vault refuses to wrap is not taken, and is reported', async () => {
  const sending = { principal: eve.principal, operation: 'postTask', idempotencyKey: undefined };
  server.failures.push(REFUSED);
  expect(await stage.colony.personal.seal(about('ada'), sending)).toMatchObject({ code: 'personal-unavailable' });
  expect(stage.reports).toEqual([
    expect.objectContaining({ message: expect.stringContaining('can be wrapped') as string }),
  ]);
});

test('to show about whom something is the vault is not asked, be it away or not', async () => {
  const [kept, gone] = [await sealed('ada'), await sealed('bob')];
  expect(await stage.colony.personal.erase(eve, 'bob', 'asked for')).toMatchObject({ ok: true });
  const { personal } = (await stage.start()).colony;
  server.failures.push(FAILED, FAILED);
  server.requests.length = 0;
  for (let n = 0; n < 2; n += 1) {
    expect(await personal.mask(TENANT, kept)).toEqual({ customer: { [MARK]: { subject: 'ada', sealed: true } } });
    expect(await personal.mask(TENANT, gone)).toEqual({ customer: { [MARK]: { subject: 'bob', erased: true } } });
  }
  expect(server.requests).toEqual([]);
});
