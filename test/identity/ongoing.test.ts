/** What goes on for a caller ends once what it has shown holds no more, in every process, and for nobody else. */
import { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import { eventually } from '../support/eventually';
import { as, Stage } from '../support/stage';

const ISSUER = 'http://127.0.0.1:7071';
const SECRET = 'a secret of thirty-two characters, or more';
const ADMIN = { principal: { ...as('human:ada').principal, kind: 'human', level: 'critical' } } as const;

let stage: Stage;

beforeEach(async () => {
  stage = new Stage({ shared: true, identity: { secrets: [SECRET], issuer: ISSUER } });
  await stage.start();
  await stage.start();
});
afterEach(() => stage.end());

const identityOf = (process: number) => stage.living[process]!.colony.identity;

async function given(subject: string, context: { principal: Principal } = ADMIN) {
  const handed = await identityOf(0).issue(context, { subject });
  if (handed instanceof Rejection) throw new Error(handed.message);
  return handed;
}

const revoke = async (what: Parameters<ReturnType<typeof identityOf>['revoke']>[1]): Promise<void> => {
  expect(await identityOf(0).revoke(ADMIN, what, 'it may have leaked')).toMatchObject({ ok: true });
  await stage.living[1]!.colony.peers.look();
};

interface Watched {
  /** What was told, each time. */
  readonly told: string[];
  readonly leave: () => void;
}

/** Something that goes on in a process for whoever shows the token. */
async function goingOn(token: string, process: number): Promise<Watched> {
  const identity = identityOf(process);
  const told: string[] = [];
  const leave = identity.watch(await identity.callerOf(token), ({ message }) => told.push(message));
  return { told, leave };
}

const everywhere = (token: string) => Promise.all([0, 1, 1].map((process) => goingOn(token, process)));
const told = (watched: readonly Watched[]) => watched.map((one) => one.told);

test.each(['token', 'principal', 'tenant'] as const)(
  'the end of a %s ends what goes on by it, once, and nothing else',
  async (kind) => {
    const one = await given('recon-7');
    const [own, sibling, other, elsewhere] = [
      await everywhere(one.token),
      await everywhere((await given('recon-7')).token),
      await everywhere((await given('bo-2')).token),
      await everywhere((await given('recon-7', { principal: { ...ADMIN.principal, tenant: 'globex' } })).token),
    ];
    const what = { token: { kind, id: one.session }, principal: { kind, id: 'recon-7' }, tenant: { kind } }[kind];
    await revoke(what as Parameters<typeof revoke>[0]);
    await revoke({ kind: 'principal', id: 'recon-7' });
    const ended = [['was revoked'], ['was revoked'], ['was revoked']];
    expect(told(own)).toEqual(ended);
    expect(told(sibling)).toEqual(ended);
    expect(told(other)).toEqual(kind === 'tenant' ? ended : [[], [], []]);
    expect(told(elsewhere)).toEqual([[], [], []]);
  },
);

test('one session ends without the others of its principal', async () => {
  const [one, other] = [await given('recon-7'), await given('recon-7')];
  const [own, spared] = [await everywhere(one.token), await everywhere(other.token)];
  await revoke({ kind: 'token', id: one.session });
  expect([told(own), told(spared)]).toEqual([
    [['was revoked'], ['was revoked'], ['was revoked']],
    [[], [], []],
  ]);
});

test('whoever was let in before a revocation, and begins to wait after it, does not wait', async () => {
  const { token } = await given('recon-7');
  const identity = identityOf(1);
  const caller = await identity.callerOf(token);
  await revoke({ kind: 'principal', id: 'recon-7' });
  const heard: string[] = [];
  identity.watch(caller, ({ message }) => heard.push(message));
  expect(heard).toEqual(['was revoked']);
});

test('nobody is told who has left, nor who has shown nothing', async () => {
  const { token } = await given('recon-7');
  const watched = await everywhere(token);
  for (const { leave } of watched) leave();
  const heard: string[] = [];
  identityOf(0).watch(as('recon-7').principal, ({ message }) => heard.push(message));
  await revoke({ kind: 'tenant' });
  expect([...told(watched), heard]).toEqual([[], [], [], []]);
});

test('what a token is good for ends when its time does, also when the clock was set', async () => {
  const { token, expiresIn } = await given('recon-7');
  const early = await everywhere(token);
  stage.clock.time += 1_000 * (expiresIn - 10);
  const late = await everywhere(token);
  // A look finds nobody to end: the time is not over.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect([...told(early), ...told(late)].flat()).toEqual([]);
  stage.clock.time += 3_600_000;
  await eventually(async () => [...told(early), ...told(late)].every((one) => one.length === 1));
  expect(told(early)[0]).toEqual([expect.stringContaining('has expired')]);
});
