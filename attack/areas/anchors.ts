/**
 * Checkpoints that are kept outside, attacked by whoever holds the store and the key of the log as well: another past
 * is shown, with signatures that fit; or what is kept is changed, or kept from being kept.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ed25519LogSigner } from '../../adapters/receipts/signer';
import { checkpointName } from '../../domain/audit/log';
import type { UnsealedCommit } from '../../domain/kernel/commit';
import {
  checkpointText,
  noteOf,
  parseCheckpoint,
  parseVerifierKeys,
  type VerifierKeys,
} from '../../domain/kernel/note';
import { type Attempt, family, tries } from '../attempt';
import { all, type Export, found, rewritten, signedAnew, without } from '../exports';
import { ALPHA, BETA, LOG_KEY, type World } from '../world';

const THE_KEY = new Ed25519LogSigner(LOG_KEY);
const OWN_KEY = new Ed25519LogSigner(Buffer.alloc(32, 9).toString('base64'));

/** Checkpoints of a tenant as they lie in the folder, the oldest first. */
function filesOf({ anchor }: World, tenant: string): string[] {
  return readdirSync(join(anchor, tenant))
    .filter((name) => name.endsWith('.checkpoint'))
    .sort()
    .map((name) => join(anchor, tenant, name));
}
const notesOf = (world: World, tenant: string) => filesOf(world, tenant).map((file) => readFileSync(file, 'utf8'));
const newestOf = (world: World) => notesOf(world, ALPHA).at(-1) as string;

/** Has something written, and the log signed. */
async function sign(world: World): Promise<string> {
  const task = world.fresh('anchored');
  await world.done('/v1/tasks', { as: 'crm', json: { id: task, task_type: 'attack.nobody' } });
  await world.done('/v1/checkpoints', { as: 'crm', json: {} });
  return `${ALPHA}/task/${task}`;
}

// ------------------------------------------------------------------------------------------------- another past

interface Anchored {
  readonly keys: VerifierKeys;
  readonly exported: Export;
  /** As a backup from before the last task has it. */
  readonly older: Export;
  /** Before the backup, and after it. */
  readonly early: string;
  readonly late: string;
  /** What lies in the folder: of this log, the newest last, and of that of another tenant. */
  readonly kept: readonly string[];
  readonly foreign: string;
}

async function anchored(world: World): Promise<Anchored> {
  const early = await sign(world);
  const older = await all(world, ALPHA);
  const late = await sign(world);
  await world.done('/v1/checkpoints', { as: 'spy', json: {} });
  const { keys } = await world.done('/v1/checkpoints', { as: 'crm' });
  const scene: Anchored = {
    ...{ early, late, older, exported: await all(world, ALPHA), kept: notesOf(world, ALPHA) },
    keys: parseVerifierKeys((keys as string[]).join('\n')) as VerifierKeys,
    foreign: notesOf(world, BETA).at(-1) as string,
  };
  // By itself another past holds: nothing else would show that anything is found by what was kept.
  for (const past of [rewrittenBy(early)(scene), rewrittenBy(late)(scene), older]) {
    const alone = await found(scene.keys, past);
    if (alone !== 'nothing was found') throw new Error(`another past is found without what was kept: ${alone}`);
  }
  return scene;
}

/** Somebody else has posted a task, in a past that is signed with the key of the log. */
const rewrittenBy =
  (stream: string) =>
  ({ exported }: Anchored): Export =>
    signedAnew(
      rewritten(exported, stream, (commit: UnsealedCommit) => ({
        ...commit,
        meta: { ...commit.meta, actor: { id: 'human:eve', kind: 'human' } },
      })),
      THE_KEY,
    );

/** Without the last task, and gone on with, as far as the log was before. */
const goneOnWith = (it: Anchored) => rewrittenBy(it.late)(it);

const passes = (
  id: string,
  what: string,
  kind: string,
  past: (it: Anchored) => Export,
  kept: (it: Anchored) => readonly string[] = (it) => it.kept,
): Attempt<Anchored> =>
  tries<Anchored>(id, `have a log pass ${what}`, `found: ${kind}`, async (_, it) => {
    const said = await found(it.keys, past(it), kept(it));
    return said.replace('found: ', '').split(', ').includes(kind) ? `found: ${kind}` : said;
  });
/** What was kept is another text; the log is as it was. */
const changed = (id: string, what: string, kind: string, change: (note: string, it: Anchored) => string) =>
  passes(
    id,
    `beside a kept checkpoint ${what}`,
    kind,
    ({ exported }) => exported,
    (it) => [change(it.kept.at(-1) as string, it)],
  );
const withSize = (note: string, more: number) =>
  checkpointText({ ...(parseCheckpoint(note) as NonNullable<ReturnType<typeof parseCheckpoint>>), size: 1 + more });

const past = family<Anchored>('anchors', 'past', {
  prepare: anchored,
  attempts: [
    passes('rolled-back', 'that ends before what was kept', 'rolled-back', ({ older }) => older),
    passes('restored', 'that was restored from a backup and gone on with', 'split-view', goneOnWith),
    passes('rewritten', 'whose past was rewritten and signed with its key', 'split-view', (it) =>
      rewrittenBy(it.early)(it),
    ),
    passes(
      'newest-only',
      'whose past was rewritten, where the newest alone was kept',
      'split-view',
      (it) => rewrittenBy(it.early)(it),
      ({ kept }) => kept.slice(-1),
    ),
    passes('dropped', 'without a receipt that was signed', 'missing', ({ exported, late }) =>
      without(exported, ({ stream }) => stream === late),
    ),
    passes('own-key', 'that is signed with another key', 'other-key', ({ exported }) => signedAnew(exported, OWN_KEY)),
    changed('signature', 'whose signature was changed', 'forged', (note) =>
      note.replace(/(.)(.{20}\n)$/, (_, one: string, rest: string) => `${one === 'A' ? 'B' : 'A'}${rest}`),
    ),
    changed('size', 'whose size was changed below its signature', 'forged', (note) =>
      noteOf(withSize(note, 1), [note.split('\n').at(-2) as string]),
    ),
    changed('half', 'of which half is there', 'forged', (note) => note.slice(0, note.length / 2)),
    changed('empty', 'that is empty', 'forged', () => ''),
    changed('foreign-key', 'that is signed with another key', 'other-key', (note, { exported: { log } }) => {
      const text = `${note.split('\n\n')[0]}\n`;
      return noteOf(text, OWN_KEY.sign(log, text));
    }),
    changed('foreign-log', 'of the log of another tenant', 'other-key', (_, { foreign }) => foreign),
    changed('ahead', 'of leaves that there are not', 'rolled-back', (note, { exported: { log, entries } }) => {
      const text = withSize(note, entries.length);
      return noteOf(text, THE_KEY.sign(log, text));
    }),
  ],
  control: {
    does: 'the log holds beside all that was kept of it',
    expected: 'nothing was found',
    run: (_, { keys, exported, kept }) => found(keys, exported, kept),
  },
});

// ------------------------------------------------------------------------------------------------------ the folder

/** More leaves than are added by one task. */
const AHEAD = 200;
const SAYS = 'a checkpoint could not be anchored';

const folder = family<void>('anchors', 'folder', {
  prepare: async (world) => void (await sign(world)),
  attempts: [
    tries<void>(
      'taken',
      'take the places of the next checkpoints',
      'left as it is, and reported',
      async (world) => {
        const from = parseCheckpoint(newestOf(world))?.size ?? 0;
        const places = Array.from({ length: AHEAD }, (_, n) => join(world.anchor, checkpointName(ALPHA, from + 1 + n)));
        for (const place of places) writeFileSync(place, 'nothing\n');
        const before = world.host.output().split(SAYS).length;
        await sign(world);
        const isLeft = places.every((place) => readFileSync(place, 'utf8') === 'nothing\n');
        const isSaid = world.host.output().split(SAYS).length > before;
        for (const place of places) rmSync(place);
        return isLeft && isSaid ? 'left as it is, and reported' : `left: ${isLeft}, reported: ${isSaid}`;
      },
      ['task'],
    ),
    tries<void>(
      'missed',
      'keep a checkpoint from being kept, by taking the folder away for a while',
      'kept when it is back',
      async (world) => {
        const place = join(world.anchor, ALPHA);
        renameSync(place, `${place}-away`);
        writeFileSync(place, '');
        await sign(world);
        rmSync(place);
        renameSync(`${place}-away`, place);
        const before = filesOf(world, ALPHA).length;
        // Nothing is new; another tenant asks for a round.
        await world.done('/v1/checkpoints', { as: 'spy', json: {} });
        return filesOf(world, ALPHA).length > before ? 'kept when it is back' : 'lost';
      },
      ['task'],
    ),
    tries<void>(
      'removed',
      'take the newest checkpoint away',
      'the next one holds it',
      async (world) => {
        const before = await all(world, ALPHA);
        rmSync(filesOf(world, ALPHA).at(-1) as string);
        const stream = await sign(world);
        const { keys } = await world.done('/v1/checkpoints', { as: 'crm' });
        const pinned = parseVerifierKeys((keys as string[]).join('\n')) as VerifierKeys;
        const rolledBack = await found(pinned, before, [newestOf(world)]);
        const exported = await all(world, ALPHA);
        const split = await found(pinned, rewrittenBy(stream)({ exported } as Anchored), [newestOf(world)]);
        return rolledBack.includes('rolled-back') && split.includes('split-view')
          ? 'the next one holds it'
          : `${rolledBack}; ${split}`;
      },
      ['task'],
    ),
  ],
  control: {
    does: 'the next checkpoint is kept as the host has signed it',
    expected: 'the same',
    run: async (world) => {
      await sign(world);
      const { value } = await world.done('/v1/checkpoints', { as: 'crm' });
      return (value as { note: string }[])[0]?.note === newestOf(world) ? 'the same' : 'another one';
    },
  },
});

export const anchors = [past, folder];
