/** Receipts: changed, deleted, kept from being written; and exports of them that somebody has tampered with. */
import type { LogLine } from '../../adapters/embedded/read-only-log';
import { Ed25519LogSigner } from '../../adapters/receipts/signer';
import { seal, sha256, type UnsealedCommit } from '../../domain/kernel/commit';
import {
  checkpointText,
  noteOf,
  parseCheckpoint,
  parseVerifierKeys,
  type VerifierKeys,
} from '../../domain/kernel/note';
import { asks, type Attempt, family, tries } from '../attempt';
import { all, changedLine, checkpointsOf, type Export, found, noted, rewritten, without } from '../exports';
import { ALPHA, BETA, STAYS, type World } from '../world';

// ------------------------------------------------------------------------------------------------- over the API

interface Written {
  readonly task: string;
}

async function written(world: World): Promise<Written> {
  const task = world.fresh('receipt');
  await world.done('/v1/tasks', { as: 'crm', json: { id: task, task_type: 'attack.nobody' } });
  await world.done('/v1/checkpoints', { as: 'crm', json: {} });
  return { task };
}

/** What policy denies. */
const TOO_MUCH = { agent_type: 'meta.code_execution', resources: { cpu: '64', memory: '64Gi' } };
const MISSING = ['404 not-found', '405 method-not-allowed'];
const changes = (
  id: string,
  what: string,
  method: string,
  path: (it: Written) => string,
  expected: string | readonly string[] = MISSING,
  json?: unknown,
): Attempt<Written> => asks<Written>(id, what, expected, (it) => [path(it), { as: 'admin', method, json }]);

const api = family<Written>('receipts', 'api', {
  prepare: written,
  attempts: [
    changes('delete', 'delete the receipts of a task', 'DELETE', ({ task }) => `/v1/streams/task/${task}`),
    changes('put', 'write the receipts of a task anew', 'PUT', ({ task }) => `/v1/streams/task/${task}`, MISSING, {
      events: [],
    }),
    changes('patch', 'change a receipt', 'PATCH', ({ task }) => `/v1/streams/task/${task}/0`, MISSING, { events: [] }),
    changes('append', 'add a receipt', 'POST', () => '/v1/receipts', MISSING, { stream: 'alpha/task/x', events: [] }),
    changes('delete-all', 'delete all receipts', 'DELETE', () => '/v1/receipts'),
    changes('checkpoint', 'delete the checkpoints', 'DELETE', () => '/v1/checkpoints'),
    changes('task', 'delete a task', 'DELETE', ({ task }) => `/v1/tasks/${task}`),
    changes('override', 'delete a task by another method', 'POST', ({ task }) => `/v1/tasks/${task}`, MISSING, {}),
    asks<Written>('override-header', 'delete a task by a header', '404 not-found', (_, world) => [
      `/v1/tasks/${world.fresh('none')}`,
      { as: 'admin', headers: { 'x-http-method-override': 'DELETE' } },
    ]),
    asks<Written>('retention', 'have receipts archived after no time', '400 invalid-request', () => [
      '/v1/retention',
      { as: 'admin', method: 'PUT', json: { days: { task: 0 } } },
    ]),
    asks<Written>('retention-category', 'have what has no end archived', '400 invalid-request', () => [
      '/v1/retention',
      { as: 'admin', method: 'PUT', json: { days: { denial: 1 } } },
    ]),
    asks<Written>('retention-operator', 'have receipts archived, as an operator', '403 forbidden', () => [
      '/v1/retention',
      { as: 'operator', method: 'PUT', json: { days: { task: 1 } } },
    ]),
    asks<Written>('past', 'post a task in the past', ['400 invalid-request', '422 deadline-passed'], () => [
      '/v1/tasks',
      { as: 'crm', json: { task_type: 'x', deadline: '2020-01-01T00:00:00.000Z' } },
    ]),
    asks<Written>('own-receipt', 'post a task with a receipt of its own', '400 invalid-request', () => [
      '/v1/tasks',
      { as: 'crm', json: { task_type: 'x', receipt: { hash: 'f'.repeat(64) } } },
    ]),
    asks<Written>('cause', 'name a cause that never was', '422 cause-not-found', (_, world) => [
      '/v1/tasks',
      { as: 'crm', json: { id: world.fresh('odd'), task_type: 'x', cause: 'alpha/task/never@7' } },
    ]),
    asks<Written>('checkpoint-viewer', 'have a checkpoint signed, as a viewer', '403 forbidden', () => [
      '/v1/checkpoints',
      { as: 'viewer', json: {} },
    ]),
    tries<Written>('checkpoint-origin', 'have a checkpoint signed of another log', 'of its own log', async (world) => {
      const { checkpoint } = await world.done('/v1/checkpoints', { as: 'crm', json: { origin: 'x', tenant: BETA } });
      const { origin } = checkpoint as { origin: string };
      return origin.endsWith(`/log/${ALPHA}`) ? 'of its own log' : origin;
    }),
    tries<Written>('denials', 'fill the log by three hundred refusals', 'a few receipts', async (world) => {
      const count = async () =>
        (await all(world, ALPHA)).receipts.filter(({ stream }) => stream.startsWith(`${ALPHA}/denial/`)).length;
      const before = await count();
      const started = performance.now();
      for (let n = 0; n < 30; n += 1)
        await Promise.all(
          Array.from({ length: 10 }, () => world.ask('/v1/agents/deploy', { as: 'scribe', json: TOO_MUCH })),
        );
      const more = (await count()) - before;
      // Five a second, and those of the seconds in which it began and ended.
      return more > 0 && more <= 5 * (2 + (performance.now() - started) / 1_000)
        ? 'a few receipts'
        : `${more} receipts`;
    }),
  ],
  control: {
    does: 'a receipt of the task is proven',
    expected: '200',
    run: (world, { task }) => world.says(`/v1/streams/task/${task}/0/proof`, { as: 'auditor' }),
  },
});

// ---------------------------------------------------------------------------------------------------- in an export

interface Signed {
  readonly exported: Export;
  readonly keys: VerifierKeys;
  /** The newest checkpoint, kept elsewhere. */
  readonly kept: string;
  /** Of the same log, before it. */
  readonly older: Export;
  /** Of another tenant. */
  readonly other: Export;
  /** Streams of which something can be changed: with several receipts, with one, of a denial. */
  readonly long: string;
  readonly short: string;
  readonly denied: string;
}

async function signed(world: World): Promise<Signed> {
  const short = world.fresh('short');
  const long = world.fresh('long');
  await world.done('/v1/tasks', { as: 'crm', json: { id: short, task_type: 'attack.nobody' } });
  await world.done('/v1/tasks', { as: 'crm', json: { id: long, task_type: 'attack.nobody', bid_seconds: 3_600 } });
  const bidder = world.fresh('bidder');
  await world.introduce(bidder, { tenant: ALPHA, subject: bidder });
  await world.done(`/v1/agents/${bidder}`, {
    as: bidder,
    method: 'PUT',
    json: { agent_type: 'attack.bids', ...STAYS },
  });
  await world.done(`/v1/tasks/${long}/bids`, { as: bidder, json: {} });
  await world.ask('/v1/agents/deploy', { as: 'scribe', json: TOO_MUCH });
  await world.done('/v1/checkpoints', { as: 'crm', json: {} });
  await world.done('/v1/checkpoints', { as: 'spy', json: {} });
  const older = await all(world, ALPHA);
  await world.done(`/v1/tasks/${long}/cancel`, { as: 'crm', json: {} });
  const { checkpoint } = await world.done('/v1/checkpoints', { as: 'crm', json: {} });
  const { keys } = await world.done('/v1/checkpoints', { as: 'crm' });
  const exported = await all(world, ALPHA);
  return {
    ...{ older, exported, other: await all(world, BETA), kept: checkpoint.note as string },
    ...{
      keys: parseVerifierKeys((keys as string[]).join('\n')) as VerifierKeys,
      long: `${ALPHA}/task/${long}`,
      short: `${ALPHA}/task/${short}`,
    },
    denied: exported.receipts.findLast(({ stream }) => stream.startsWith(`${ALPHA}/denial/`))?.stream as string,
  };
}

const OWN = new Ed25519LogSigner(Buffer.alloc(32, 9).toString('base64'));

const finds = (
  id: string,
  what: string,
  kind: string,
  tamper: (it: Signed) => Export,
  kept?: (it: Signed) => readonly string[],
): Attempt<Signed> =>
  tries<Signed>(id, `have an export pass in which ${what}`, `found: ${kind}`, async (_, it) => {
    const said = await found(it.keys, tamper(it), kept?.(it));
    const kinds = said.replace('found: ', '').split(', ');
    return kinds.includes(kind) ? `found: ${kind}` : said;
  });

const tampered = family<Signed>('exports', 'tampered', {
  prepare: signed,
  attempts: [
    finds('byte', 'a byte was changed', 'altered', ({ exported, long }) =>
      changedLine(exported, long, (line) => ({ ...line, body: line.body.replace('attack.nobody', 'attack.nobodx') })),
    ),
    finds('byte-hash', 'a byte was changed with its hash', 'rewritten', ({ exported, long }) =>
      changedLine(exported, long, (line) => {
        const body = line.body.replace('attack.nobody', 'attack.nobodx');
        return { ...line, body, hash: sha256(body) };
      }),
    ),
    finds('stream', 'a stream was written anew, with hashes that fit', 'rewritten', ({ exported, long }) =>
      rewritten(exported, long, (commit) => ({ ...commit, events: [] })),
    ),
    finds('verdict', 'a denial became an allowance', 'rewritten', ({ exported, denied }) =>
      rewritten(exported, denied, (commit) => ({
        ...commit,
        meta: { ...commit.meta, policy: { ...commit.meta.policy, decision: 'allow', input: 'x' } },
      })),
    ),
    finds('actor', 'somebody else did it', 'rewritten', ({ exported, long }) =>
      rewritten(exported, long, (commit) => ({
        ...commit,
        meta: { ...commit.meta, actor: { id: 'human:eve', kind: 'human' } },
      })),
    ),
    finds('time', 'it was done at another time', 'rewritten', ({ exported, short }) =>
      rewritten(exported, short, (commit) => ({ ...commit, at: '2026-01-01T00:00:00.000Z' })),
    ),
    finds('tail', 'the end of a stream is missing', 'missing', ({ exported, long }) =>
      without(exported, ({ stream, index }) => stream === long && index > 0),
    ),
    finds('middle', 'a receipt in the middle is missing', 'missing', ({ exported, long }) =>
      without(exported, ({ stream, index }) => stream === long && index === 1),
    ),
    finds('beginning', 'the beginning of a stream is missing', 'missing', ({ exported, long }) =>
      without(exported, ({ stream, index }) => stream === long && index === 0),
    ),
    finds('deleted', 'a stream is missing', 'missing', ({ exported, short }) =>
      without(exported, ({ stream }) => stream === short),
    ),
    finds('deleted-leaf', 'a stream is missing with its leaf', 'log-altered', ({ exported, short }) => ({
      ...without(exported, ({ stream }) => stream === short),
      entries: exported.entries.filter((entry) => !entry.includes(`${short}@`)),
    })),
    finds('inserted', 'a stream was put in', 'inserted', ({ exported, short }) => {
      const one = exported.receipts.find(({ stream }) => stream === short) as LogLine;
      const { commit, body } = seal({
        ...(JSON.parse(one.body) as UnsealedCommit),
        stream: `${short}-2`,
        at: '2026-01-01T00:00:00.000Z',
      });
      return {
        ...exported,
        receipts: [...exported.receipts, { stream: commit.stream, index: 0, hash: commit.hash, body }],
      };
    }),
    finds('moved', 'a receipt stands in another stream', 'misplaced', ({ exported, short }) =>
      changedLine(exported, short, (line) => ({ ...line, stream: `${short}-2` })),
    ),
    finds('leaf', 'a leaf was put into the log', 'log-altered', ({ exported }) => ({
      ...exported,
      entries: exported.entries.toSpliced(3, 0, `commit ${ALPHA}/task/forged@0 ${'a'.repeat(64)}`),
    })),
    finds('leaves', 'leaves stand in another order', 'log-altered', ({ exported: { entries, ...rest } }) => ({
      ...rest,
      entries: [entries[1] as string, entries[0] as string, ...entries.slice(2)],
    })),
    finds('leaf-end', 'the end of the log is missing', 'log-altered', ({ exported }) => ({
      ...exported,
      entries: exported.entries.slice(0, -2),
    })),
    finds('node', 'two leaves look like their node', 'log-altered', ({ exported }) => ({
      ...exported,
      entries: [exported.entries.slice(0, 2).map(sha256).join(''), ...exported.entries.slice(2)],
    })),
    finds('heads', 'the list of streams is another', 'log-altered', ({ exported }) => ({
      ...exported,
      entries: exported.entries.map((entry) => (entry.startsWith('heads ') ? `heads 3 ${'0'.repeat(64)}` : entry)),
    })),
    finds(
      'rolled-back',
      'an older state is shown',
      'rolled-back',
      ({ older }) => older,
      ({ kept }) => [kept],
    ),
    finds('newest-dropped', 'the newest checkpoint is missing', 'rolled-back', ({ exported }) => {
      const stream = checkpointsOf(exported);
      const last = Math.max(...exported.receipts.filter((line) => line.stream === stream).map(({ index }) => index));
      return without(exported, (line) => line.stream === stream && line.index === last);
    }),
    finds('checkpoints', 'the checkpoints are missing', 'other-key', ({ exported }) =>
      without(exported, ({ stream }) => stream === checkpointsOf(exported)),
    ),
    finds('other-key', 'all is signed with another key', 'other-key', ({ exported }) =>
      noted(exported, (note) => {
        const text = `${note.split('\n\n')[0]}\n`;
        return noteOf(text, OWN.sign(exported.log, text));
      }),
    ),
    finds('signature', 'a signature was changed', 'forged', ({ exported }) =>
      noted(exported, (note) =>
        note.replace(/(.)(.{20}\n)$/, (_, one: string, rest: string) => `${one === 'A' ? 'B' : 'A'}${rest}`),
      ),
    ),
    finds('root', 'a root was changed below its signature', 'forged', ({ exported }) =>
      noted(exported, (note) => {
        const text = checkpointText({
          origin: exported.log,
          size: parseCheckpoint(note)?.size ?? 0,
          root: Buffer.alloc(32, 3),
        });
        return noteOf(text, [note.split('\n').at(-2) as string]);
      }),
    ),
    finds('other-log', 'the log of another tenant is shown', 'other-key', ({ other }) => other),
    finds(
      'split',
      'the log of somebody else is shown under this name',
      'log-altered',
      ({ exported, older }) => ({ ...exported, entries: older.entries }),
      ({ kept }) => [kept],
    ),
  ],
  control: {
    does: 'the export as it was made holds, beside the checkpoint that was kept',
    expected: 'nothing was found',
    run: (_, it) => found(it.keys, it.exported, [it.kept]),
  },
});

export const receipts = [api, tampered];
