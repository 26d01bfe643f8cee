/** Why something happened: from any receipt, task or request to what led there and what followed, checkable by hash. */
import { MAX_UNRELATED_IN_A_ROW } from '../../app/audit/why';
import { type CausalChain, type CausalNode, MAX_CHAIN } from '../../domain/audit/causality';
import { seal, type SealedCommit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { parseCommitRef } from '../../domain/kernel/ids';
import { taskDecider } from '../../domain/market/task';
import { chain, EPOCH, event, META } from '../support/commits';
import { as, profile, spec, Stage, taskOf } from '../support/stage';

let stage: Stage;

beforeEach(async () => {
  stage = new Stage();
  const { colony } = await stage.start();
  // It would follow the real clock.
  await colony.balance.stop();
});

afterEach(() => stage.end());

/** Somebody of another tenant, who uses the same names. */
const stranger = (id: string) => ({ principal: { ...as(id).principal, tenant: 'other' } });

async function why(id: string, tenant = 'acme'): Promise<CausalChain> {
  const found = await stage.colony.why.chain(tenant, id);
  if (found instanceof Rejection) throw new Error(found.message);
  return found;
}

/** The tree in short: what happened, and under it what followed. */
type Short = { readonly [what: string]: Short };
const short = (nodes: readonly CausalNode[]): Short =>
  Object.fromEntries(
    nodes.map(({ receipt, events, effects }) => [
      `${receipt} ${events.map(({ type }) => type).join(' ')}`,
      short(effects),
    ]),
  );

function all(nodes: readonly CausalNode[]): CausalNode[] {
  return nodes.flatMap((node) => [node, ...all(node.effects)]);
}

function claimOf(task: string): { agent: string; award: number } {
  const { holder } = stage.fold(taskDecider, taskOf(task)).state;
  return { agent: holder?.agent as string, award: holder?.award as number };
}

/** A signal leads to a task, which two agents bid for; the first try fails, the second is completed. */
async function story(): Promise<{ signal: string }> {
  const { agents, signals, tasks } = stage.colony;
  for (const context of [as('ann'), stranger('ann')])
    await agents.register(context, 'ann', profile({ offer: null, presence_seconds: 10_000 }));
  const emitted = await signals.emit({ ...as('ann'), correlationId: 'alarm' }, [
    { type: 'smoke', location: 'hall', strength: 1, decay_rate: 0.1 },
  ]);
  await signals.emit({ ...stranger('ann'), correlationId: 'alarm' }, [
    { type: 'smoke', location: 'hall', strength: 1, decay_rate: 0.1 },
  ]);
  const [receipt] = emitted;
  if (receipt?.ok !== true) throw new Error('the signal was refused');
  const signal = `${receipt.stream}@${receipt.version}`;
  stage.clock.time += 1_000;
  expect(
    (
      await tasks.post(
        { ...as('poster'), correlationId: 'alarm' },
        't',
        spec({ bid_seconds: 5, retry_seconds: 5 }),
        signal,
      )
    ).ok,
  ).toBe(true);
  expect((await tasks.post({ ...stranger('poster'), correlationId: 'alarm' }, 't', spec({ bid_seconds: 5 }))).ok).toBe(
    true,
  );
  await stage.settled();
  expect((await tasks.bid(as('ann'), 't', { agent: 'ann' })).ok).toBe(true);
  stage.clock.time += 5_000;
  await stage.fire();
  const first = claimOf('t');
  await tasks.accept(as('ann'), 't', first);
  await tasks.fail(as('ann'), 't', first, 'no water', true);
  await stage.settled();
  expect((await tasks.bid(as('ann'), 't', { agent: 'ann' })).ok).toBe(true);
  stage.clock.time += 5_000;
  await stage.fire();
  const second = claimOf('t');
  expect(second).toEqual({ agent: 'ann', award: 2 });
  await tasks.accept(as('ann'), 't', second);
  await tasks.complete(as('ann'), 't', second, {});
  await stage.settled();
  return { signal };
}

test('the tree leads from the signal over task, bids, awards and tries to the completion', async () => {
  const { signal } = await story();
  const found = await why('t');
  expect(found).toMatchObject({ id: 't', correlations: ['alarm'], complete: true });
  const nodes = all(found.roots);
  expect(found.commits).toBe(nodes.length);
  const root = found.roots.find(({ receipt }) => receipt === signal) as CausalNode;
  expect(root.events.map(({ type }) => type)).toEqual(['SignalEmitted']);
  expect(root.effects.map(({ receipt }) => receipt)).toEqual([`${taskOf('t')}@0`]);
  const types = nodes.flatMap(({ events }) => events.map(({ type }) => type));
  for (const type of [
    'TaskPosted',
    'BidPlaced',
    'SlotReserved',
    'BidsClosed',
    'TaskAwarded',
    'TaskAccepted',
    'AttemptEnded',
    'TaskReopened',
    'TaskCompleted',
    'SlotReleased',
  ])
    expect(types).toContain(type);
  // Each award follows from its reservation, and what the holder did from its award.
  for (const node of nodes) {
    if (node.events.some(({ type }) => type === 'SlotReserved'))
      expect(node.effects.flatMap(({ events }) => events.map(({ type }) => type))).toEqual([
        'BidsClosed',
        'TaskAwarded',
      ]);
    if (node.events.some(({ type }) => type === 'TaskAwarded'))
      expect(node.effects.map(({ events }) => events[0]?.type)).toEqual([
        'TaskAccepted',
        expect.stringMatching(/^(AttemptEnded|TaskCompleted)$/),
      ]);
  }
  // No two of them are the same, and all of this task is there.
  expect(new Set(nodes.map(({ receipt }) => receipt)).size).toBe(nodes.length);
  for (const { index } of stage.stream(taskOf('t')))
    expect(nodes.map(({ receipt }) => receipt)).toContain(`${taskOf('t')}@${index}`);
});

test('every receipt is the stored one: time, hash, who and what; nothing comes before its cause', async () => {
  await story();
  const walk = (nodes: readonly CausalNode[], since: string) => {
    const times = nodes.map(({ at }) => at);
    expect(times).toEqual([...times].sort());
    for (const { receipt, at, hash, actor, action, events, effects } of nodes) {
      const { stream, index } = parseCommitRef(receipt) as { stream: string; index: number };
      const stored = stage.stream(stream)[index];
      expect({ at, hash, actor, action, events }).toEqual({
        at: stored?.at,
        hash: stored?.hash,
        actor: stored?.meta.actor.id,
        action: stored?.meta.action,
        events: stored?.events.map(({ type, data }) => ({ type, data })),
      });
      expect(at >= since).toBe(true);
      walk(effects, at);
    }
  };
  walk((await why('t')).roots, '');
});

test('the same tree is found from every end of it', async () => {
  const { signal } = await story();
  const tree = short((await why('t')).roots);
  for (const id of [signal, 'alarm', taskOf('t'), `${taskOf('t')}@3`])
    expect(short((await why(id)).roots)).toEqual(tree);
});

test('what led here is followed up into what belongs to another request', async () => {
  const { signals, tasks } = stage.colony;
  const [emitted] = await signals.emit({ ...as('ann'), correlationId: 'elsewhere' }, [
    { type: 'smoke', location: 'hall', strength: 1, decay_rate: 0.1 },
  ]);
  if (emitted?.ok !== true) throw new Error('the signal was refused');
  const signal = `${emitted.stream}@0`;
  // On the same trail, and nothing to do with it.
  await signals.emit({ ...as('ann'), correlationId: 'third' }, [
    { type: 'smoke', location: 'hall', strength: 1, decay_rate: 0.1 },
  ]);
  expect((await tasks.post({ ...as('poster'), correlationId: 'own' }, 't', spec(), signal)).ok).toBe(true);
  await stage.settled();
  expect(await why('own')).toMatchObject({
    correlations: ['own'],
    commits: 2,
    complete: true,
    roots: [{ receipt: signal, effects: [{ receipt: `${taskOf('t')}@0`, effects: [] }] }],
  });
  expect(await why('elsewhere')).toMatchObject({ commits: 1, roots: [{ receipt: signal, effects: [] }] });
});

test('nothing of another tenant shows, whatever is asked; both use the same names', async () => {
  const { signal } = await story();
  const own = all((await why('t')).roots).map(({ receipt }) => receipt);
  expect(own.filter((receipt) => !receipt.startsWith('acme/'))).toEqual([]);
  for (const id of ['t', 'alarm']) {
    const theirs = all((await why(id, 'other')).roots).map(({ receipt }) => receipt);
    expect(theirs.length).toBeGreaterThan(0);
    expect(theirs.filter((receipt) => !receipt.startsWith('other/'))).toEqual([]);
  }
  for (const id of [signal, taskOf('t'), `${taskOf('t')}@0`, '../acme/task/t', 'other/../acme/task/t@0'])
    expect(await stage.colony.why.chain('other', id)).toMatchObject({ code: 'nothing-known' });
});

test.each([
  'nobody',
  'acme/task/nothing',
  'acme/task/t@99',
  'acme/task/t@-1',
  'acme/task/t@1e3',
  '@',
  '',
  "x' OR 1=1 --",
  '__proto__',
  'task/t',
])('of %j nothing is known, and what to give instead is said', async (id) => {
  await stage.colony.tasks.post(as('poster'), 't', spec());
  await stage.settled();
  expect(await stage.colony.why.chain('acme', id)).toMatchObject({
    kind: 'missing',
    code: 'nothing-known',
    message: expect.stringContaining('stream@index'),
  });
});

test('an answer has a limit, says that there is more, and reads no further', async () => {
  const { store } = stage.colony.ports;
  /** Commits of one correlation, in streams of 500. */
  const write = async (...ids: string[]) => {
    for (const id of ids) {
      const stream = `acme/note/${id}`;
      const commits = chain(stream, 500);
      for (let from = 0; from < commits.length; from += 50)
        await store.append({ stream, expected: from - 1, commits: commits.slice(from, from + 50) });
    }
    await stage.settled();
  };
  const { correlationId } = META;
  await write('a', 'b', 'c', 'd');
  expect(await why(correlationId)).toMatchObject({ commits: MAX_CHAIN, complete: true });
  await write('e', 'f', 'g', 'h');
  const read = new Set<unknown>();
  stage.mishaps = (port, method, [stream]) => {
    if (port === 'store' && method === 'read') read.add(stream);
    return undefined;
  };
  expect(await why(correlationId)).toMatchObject({ commits: MAX_CHAIN, complete: false });
  expect([...read].filter((stream) => String(stream).includes('/note/'))).toHaveLength(5);
});

describe('a stream that is busy with other things', () => {
  const BUSY = 'acme/note/busy';
  /** One receipt of `correlation-1`, then others, then one of it again, and so on; each number says how many others. */
  const write = async (others: readonly number[], stream = BUSY) => {
    const commits: SealedCommit[] = [];
    const add = (correlationId: string) => {
      commits.push(
        seal({
          stream,
          index: commits.length,
          events: [event()],
          meta: { ...META, correlationId },
          at: EPOCH,
          previousHash: commits.at(-1)?.commit.hash ?? null,
        }),
      );
    };
    add('correlation-1');
    for (const count of others) {
      for (let n = 0; n < count; n += 1) add('other');
      add('correlation-1');
    }
    const { store } = stage.colony.ports;
    for (let from = 0; from < commits.length; from += 50)
      await store.append({ stream, expected: from - 1, commits: commits.slice(from, from + 50) });
    await stage.settled();
    return commits.length;
  };
  const found = async () => {
    const { roots, complete, unsearched } = await why('correlation-1');
    return { receipts: all(roots).map(({ receipt }) => receipt), complete, unsearched };
  };

  test('is searched through hundreds of unrelated receipts to its end', async () => {
    const length = await write([450, 1_500]);
    expect(await found()).toEqual({
      receipts: [`${BUSY}@0`, `${BUSY}@451`, `${BUSY}@${length - 1}`],
      complete: true,
      unsearched: undefined,
    });
  });

  test('is left after thousands of them, and the answer says from where on', async () => {
    await write([100, MAX_UNRELATED_IN_A_ROW + 400]);
    // The first page holds two; the ten after it none.
    expect(await found()).toEqual({
      receipts: [`${BUSY}@0`, `${BUSY}@101`],
      complete: false,
      unsearched: [`${BUSY}@2200`],
    });
  });

  test('many of them are searched less deep, when one after the other held nothing', async () => {
    const streams = Array.from({ length: 12 }, (_, n) => `acme/note/busy-${String(n).padStart(2, '0')}`);
    for (const stream of streams) await write([1_990], stream);
    const { receipts, ...rest } = await found();
    expect(rest).toEqual({ complete: false, unsearched: [`${streams[10]}@400`, `${streams[11]}@400`] });
    expect(receipts.sort()).toEqual(
      streams.flatMap((stream, n) => (n < 10 ? [`${stream}@0`, `${stream}@1991`] : [`${stream}@0`])).sort(),
    );
  });
});
