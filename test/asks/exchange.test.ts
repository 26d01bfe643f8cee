/** An exchange: nothing runs without its receipt, behind a no or a failure, and no decision is on something else. */
import { carryOut, type Hands, type Noted, noteOf, pinned } from '../../domain/asks/exchange';
import { planOf } from '../../domain/asks/grammar';
import { MANNER } from '../../domain/asks/manner';
import { commandOf, type Planned } from '../../domain/asks/plan';

const HASH = 'f326949faeda574677072297bb727871a957db837fa7c788cbcd633f8a40564c';
const read = (words: string) =>
  planOf(words, { now: '2026-11-30T12:00:00.000Z', tenant: 'default', manner: MANNER }) as Planned;
const WORDS = 'cancel task inv-1, cancel task inv-2, then show tasks';
const plan = read(WORDS);

/** What came of the plan, in order. */
async function came(hands: Partial<Hands>): Promise<[...unknown[]]> {
  const seen: unknown[] = [];
  const note = (receipt: Noted) => {
    seen.push([receipt.outcome, ...receipt.steps.map(({ command }) => command)]);
    return Promise.resolve();
  };
  const result = await carryOut(WORDS, plan, plan.steps.slice(1, 2), {
    note,
    agrees: (step) => (seen.push(`asked ${commandOf(step)}`), Promise.resolve(true)),
    run: (step) => (seen.push(commandOf(step)), Promise.resolve(true)),
    ...hands,
  });
  return [...seen, result];
}
const noted = ['run', 'cancel inv-1', 'cancel inv-2', 'tasks --limit 15'];

test('the receipt comes first, then the commands, those that ask once they are agreed to', async () => {
  expect(await came({})).toEqual([
    ...[noted, 'cancel inv-1', 'asked cancel inv-2', 'cancel inv-2', 'tasks --limit 15'],
    { came: 'done', steps: 3 },
  ]);
});

test('what is not agreed to, and what is behind it, is noted and not run', async () => {
  expect(await came({ agrees: () => Promise.resolve(false) })).toEqual([
    ...[noted, 'cancel inv-1', ['declined', 'cancel inv-2', 'tasks --limit 15']],
    { came: 'declined', steps: 1 },
  ]);
});

test('nothing runs behind a failure, or without the receipt', async () => {
  expect(await came({ run: () => Promise.resolve(false) })).toEqual([noted, { came: 'failed', steps: 0 }]);
  const run = jest.fn();
  await expect(came({ note: () => Promise.reject(new Error('full')), run })).rejects.toThrow('full');
  expect(run).not.toHaveBeenCalled();
});

test('a decision is on what it was shown as: by its hash, which is refused where another was named', async () => {
  const decided = await pinned(read('approve 4f0c-1 because fine'), () => Promise.resolve(HASH));
  expect(decided).toMatchObject({
    steps: [
      { operation: 'getApproval' },
      {
        request: { params: { approval_id: '4f0c-1' }, body: { reason: 'fine', hash: HASH } },
        argv: ['approve', '4f0c-1', '--reason', 'fine', '--hash', 'f326949faeda'],
      },
    ],
  });
  const named = await pinned(read('reject 4f0c-1 hash f326949faeda because no'), () => Promise.resolve(HASH));
  expect((named as Planned).steps[1]?.argv.filter((word) => word === '--hash')).toHaveLength(1);
  const other = await pinned(read('reject 4f0c-1 hash 0a1b2c3d4e5f because no'), () => Promise.resolve(HASH));
  expect(other).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('f326949faeda') as string });
});

test('a receipt repeats no words that may hold a secret', () => {
  const words = 'give recon-7 a token';
  expect(noteOf(words, read(words), 'refused')).toEqual({
    words: '(words that may hold a secret)',
    outcome: 'refused',
    steps: [],
  });
});

test('a quarantine is sent as one', () => {
  const [step] = read('quarantine agent recon-7 because it leaks').steps;
  expect(step?.request.body).toEqual({ effect: 'quarantine', reason: 'it leaks' });
});
