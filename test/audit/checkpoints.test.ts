/** The signed logs: what stands in them, that nothing stands twice whatever happens, and what is signed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderAnchor, GitAnchor } from '../../adapters/receipts/anchors';
import { type Proof, proofText } from '../../app/audit/checkpoints';
import { logStream } from '../../domain/audit/log';
import { commitEntry, headsHash, parseEntry, type StreamHead } from '../../domain/audit/log-entries';
import { AlteredReceipt } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { GrowingTree, leafHash, rootFromPath } from '../../domain/kernel/merkle';
import { openCheckpoint, parseVerifierKeys, type VerifierKeys } from '../../domain/kernel/note';
import { range } from '../support/commits';
import { eventually } from '../support/eventually';
import { Stage, TENANT, turns } from '../support/stage';
import { CHECKPOINTS, entriesOf, ORIGIN, signing, VKEY, write } from './logged';

const KEYS = parseVerifierKeys(VKEY) as VerifierKeys;
const A = `${TENANT}/note/a`;
const B = `${TENANT}/note/b`;

let stages: Stage[] = [];
async function staged(...options: Parameters<typeof signing>): Promise<Stage> {
  const stage = await signing(...options);
  stages.push(stage);
  return stage;
}
afterEach(async () => {
  for (const stage of stages) await stage.end();
  stages = [];
});

async function made(stage: Stage, at = 0) {
  const answer = await (stage.living[at] as Stage['first']).colony.checkpoints.make(TENANT);
  if (answer instanceof Rejection) throw new Error(answer.message);
  return answer;
}

/** Behind the product's back. */
async function change(stage: Stage, sql: string, ...parameters: string[]): Promise<void> {
  await stage.database.write({ statements: [[sql, parameters]] });
}

/** Each receipt but the last of the log stands in it once, in order of its stream; each root is signed. */
async function holds(stage: Stage): Promise<void> {
  const entries = await entriesOf(stage.colony);
  const roots = new Map<number, string>();
  const heads = new Map<string, StreamHead>();
  const tree = new GrowingTree();
  for (const entry of entries) {
    tree.push(leafHash(entry));
    roots.set(tree.size, tree.root.toString('hex'));
    const read = parseEntry(entry);
    if (read === undefined) throw new Error(`not an entry: ${entry}`);
    if (read.kind === 'heads') {
      expect(read).toMatchObject({ count: heads.size, hash: headsHash([...heads.values()]) });
      continue;
    }
    expect(read.index).toBe((heads.get(read.stream)?.index ?? -1) + 1);
    heads.set(read.stream, read);
  }
  const signed = await stage.colony.checkpoints.list(TENANT, 200);
  for (const { note, size, root } of signed) {
    expect(openCheckpoint(note, KEYS)).toEqual({ origin: ORIGIN, size, root: Buffer.from(root, 'hex') });
    expect(roots.get(size)).toBe(root);
  }
  const expected = stage.log().filter(({ stream, index }) => {
    const isLast = stream === CHECKPOINTS && index === signed.length - 1;
    return stream.startsWith(`${TENANT}/`) && !isLast;
  });
  const commits = entries.filter((entry) => entry.startsWith('commit '));
  expect([...commits].sort()).toEqual(expected.map(commitEntry).sort());
}

test('a checkpoint holds what was written, once', async () => {
  const stage = await staged();
  const last = await write(stage, A, 3);
  await write(stage, B, 2);
  const first = await made(stage);
  expect(first).toMatchObject({ origin: ORIGIN, size: 6, heads: { count: 2 }, receipt: `${CHECKPOINTS}@0` });
  await holds(stage);
  await write(stage, A, 300, last);
  const second = await made(stage);
  expect(second).toMatchObject({ size: 6 + 300 + 1 + 1, heads: { count: 3 } });
  await holds(stage);
});

test('where nothing is new, there is no other checkpoint', async () => {
  const stage = await staged();
  expect(await stage.colony.checkpoints.make(TENANT)).toMatchObject({ code: 'log-empty' });
  await write(stage, A, 1);
  const first = await made(stage);
  expect(await made(stage)).toEqual(first);
  expect(stage.stream(CHECKPOINTS)).toHaveLength(1);
});

test('without a key none is made', async () => {
  const stage = new Stage();
  stages.push(stage);
  await stage.start();
  expect(await stage.colony.checkpoints.make(TENANT)).toMatchObject({ code: 'log-unsigned' });
  expect(stage.deadlines()).toEqual([]);
});

test('every hour one is made, and one alone', async () => {
  const stage = await staged();
  await write(stage, A, 2);
  const signed = async () => {
    await stage.colony.checkpoints.finish();
    return stage.stream(CHECKPOINTS).length;
  };
  await stage.pass(3_500, undefined, 3_500);
  expect(await signed()).toBe(0);
  await stage.pass(200, undefined, 200);
  expect(await signed()).toBe(1);
  await stage.pass(3_600, undefined, 600);
  expect(await signed()).toBe(1);
  await write(stage, B, 2);
  await stage.pass(3_600, undefined, 600);
  expect(await signed()).toBe(2);
  await holds(stage);
});

test('who asks at once is given one', async () => {
  const stage = await staged();
  await write(stage, A, 2);
  const answers = await Promise.all(range(5).map(() => made(stage)));
  expect(new Set(answers.map(({ size }) => size))).toEqual(new Set([3]));
});

test('tenants have logs of their own', async () => {
  const stage = await staged();
  await write(stage, A, 2);
  await write(stage, 'other/note/a', 3);
  await made(stage);
  await holds(stage);
  expect((await entriesOf(stage.colony, 'other')).filter((entry) => entry.includes(TENANT))).toEqual([]);
  expect((await stage.colony.checkpoints.list('other', 1))[0]).toMatchObject({
    origin: 'localhost/log/other',
    size: 4,
  });
});

test('two processes at once add nothing twice', async () => {
  const stage = await staged({ shared: true });
  await stage.start();
  let last = await write(stage, A, 3);
  for (let turn = 0; turn < 5; turn += 1) {
    await Promise.all([made(stage, 0), made(stage, 1)]);
    await holds(stage);
    last = await write(stage, A, 3, last);
  }
});

describe('a crash', () => {
  test.each(range(14))('at call %d of the ports loses nothing and adds nothing twice', async (fatal) => {
    const stage = await staged();
    const last = await write(stage, A, 300);
    await made(stage);
    await write(stage, A, 5, last);
    await write(stage, B, 2);
    let calls = 0;
    stage.mishaps = (port, method) => {
      const isStep =
        port === 'blobs' || `${port}.${method}` === 'store.append' || `${port}.${method}` === 'checkpoints.save';
      if (!isStep || calls++ !== fatal) return undefined;
      // Half of them after it was done.
      return fatal % 2 === 0 ? 'fails' : 'loses';
    };
    await stage.colony.checkpoints.make(TENANT).catch(() => undefined);
    stage.first.kill();
    stage.mishaps = () => undefined;
    await stage.start();
    await made(stage);
    await holds(stage);
    expect(calls).toBeGreaterThan(0);
  });
});

test('a place that was lost is read again, and nothing is added twice', async () => {
  const stage = await staged();
  await write(stage, A, 3);
  await made(stage);
  await stage.colony.ports.checkpoints.save('log', '0');
  const more = await made(stage);
  expect(more.size).toBe(4);
  await write(stage, B, 1);
  await made(stage);
  await holds(stage);
});

test('a receipt that was altered is not logged, nor what follows it, until it is what it was', async () => {
  const stage = await staged();
  await write(stage, A, 4);
  const body = stage.database.all<{ body: string }>('SELECT body FROM commits WHERE stream = ? AND idx = 2', A)[0]
    ?.body;
  await change(stage, `UPDATE commits SET body = replace(body, '"n":2', '"n":7') WHERE stream = ? AND idx = 2`, A);
  // What was appended here is known here: another process reads it.
  stage.first.kill();
  await stage.start();
  await write(stage, B, 1);
  expect(await made(stage)).toMatchObject({ size: 4 });
  await change(stage, 'UPDATE commits SET body = ? WHERE stream = ? AND idx = 2', body as string, A);
  await write(stage, B, 1, stage.stream(B).at(-1));
  await write(stage, A, 1, stage.stream(A).at(-1));
  await made(stage);
  await holds(stage);
});

describe('a proof', () => {
  test('leads from every receipt to the root that is signed', async () => {
    const stage = await staged();
    let last = undefined;
    for (let turn = 0; turn < 5; turn += 1) {
      last = await write(stage, A, 60, last);
      for (const n of range(20)) await write(stage, `${TENANT}/note/${turn}-${n}`, 1);
      await made(stage);
    }
    const newest = await made(stage);
    for (const commit of stage.log().filter(({ stream }) => stream.startsWith(`${TENANT}/note/`))) {
      const proof = (await stage.colony.checkpoints.prove(TENANT, commit)) as Proof;
      const root = rootFromPath(leafHash(commitEntry(commit)), proof.index, newest.size, proof.path);
      expect(root?.toString('hex')).toBe(newest.root);
    }
  });

  test('is text that others read', async () => {
    const stage = await staged();
    await write(stage, A, 2);
    const { note } = await made(stage);
    const proof = (await stage.colony.checkpoints.prove(TENANT, { stream: A, index: 1 })) as Proof;
    expect(proofText(proof)).toMatch(
      /^c2sp\.org\/tlog-proof@v1\nindex 1\n(?:[A-Za-z0-9+/]{43}=\n){2}\nlocalhost\/log\/acme\n3\n/,
    );
    expect(proofText(proof).endsWith(`\n\n${note}`)).toBe(true);
  });

  test('there is none of what is not logged, or not there', async () => {
    const stage = await staged();
    const last = await write(stage, A, 2);
    const ask = (index: number, stream = A) => stage.colony.checkpoints.prove(TENANT, { stream, index });
    expect(await ask(0)).toMatchObject({ code: 'not-logged' });
    await made(stage);
    await write(stage, A, 1, last);
    expect(await ask(2)).toMatchObject({ code: 'not-logged' });
    expect(await ask(3)).toBeUndefined();
    expect(await ask(0, B)).toBeUndefined();
  });

  test('of a receipt that was written anew is refused', async () => {
    const stage = await staged();
    await write(stage, A, 1);
    await made(stage);
    await change(stage, 'DELETE FROM commits WHERE stream = ?', A);
    await write(stage, A, 1, undefined, () => 'another');
    await expect(stage.colony.checkpoints.prove(TENANT, { stream: A, index: 0 })).rejects.toThrow(AlteredReceipt);
  });
});

test('many streams are divided by their keys, and their hash is the one over all of them', async () => {
  const stage = await staged();
  const streams = range(1_100).map((n) => `${TENANT}/note/s${n}`);
  for (const stream of streams) await write(stage, stream, 1);
  await made(stage);
  await holds(stage);
  for (const stream of streams.slice(0, 30)) await write(stage, stream, 1, stage.stream(stream).at(-1));
  await made(stage);
  await holds(stage);
});

describe('anchors', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'formicary-anchor-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('a folder keeps each checkpoint, and none twice', async () => {
    const stage = await staged({ anchors: [new FolderAnchor(folder)] });
    const last = await write(stage, A, 1);
    const first = await made(stage);
    await write(stage, A, 1, last);
    const second = await made(stage);
    await new FolderAnchor(folder).keep(TENANT, first.size, first.note);
    expect(readdirSync(join(folder, TENANT)).sort()).toEqual(['000000000002.checkpoint', '000000000005.checkpoint']);
    expect(readFileSync(join(folder, TENANT, '000000000005.checkpoint'), 'utf8')).toBe(second.note);
    await expect(new FolderAnchor(folder).keep(TENANT, first.size, second.note)).rejects.toThrow('another checkpoint');
  });

  test('a Git repository has a commit for each', async () => {
    const git = (...args: string[]) => execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8' }).trim();
    git('init', '--quiet');
    const stage = await staged({ anchors: [new GitAnchor(folder)] });
    const last = await write(stage, A, 1);
    await made(stage);
    await write(stage, A, 1, last);
    const { note, size } = await made(stage);
    await new GitAnchor(folder).keep(TENANT, size, note);
    expect(git('log', '--format=%s').split('\n')).toEqual([
      'Checkpoint of acme: 5 leaves',
      'Checkpoint of acme: 2 leaves',
    ]);
    expect(git('status', '--porcelain')).toBe('');
  });

  test('one that fails is reported, and keeps no checkpoint from being made', async () => {
    const broken = { name: 'broken', keep: async () => Promise.reject(new Error('the disk is away')) };
    const stage = await staged({ anchors: [broken, new FolderAnchor(folder)] });
    await write(stage, A, 1);
    await made(stage);
    expect(stage.reports.map(({ message }) => message)).toContain('a checkpoint could not be anchored');
    expect(readdirSync(join(folder, TENANT))).toHaveLength(1);
  });

  /** A folder that is away for as long as the test says so. */
  class RemovableAnchor extends FolderAnchor {
    override readonly name = 'removable';
    isAway = true;
    asked = 0;
    onAsked: () => void | Promise<void> = () => undefined;

    override async keep(...checkpoint: Parameters<FolderAnchor['keep']>): Promise<void> {
      this.asked += 1;
      await this.onAsked();
      if (this.isAway) throw new Error('the disk is away');
      await super.keep(...checkpoint);
    }
  }
  const OTHERS = ['bravo', 'charlie', 'delta'];

  test('one that is away is asked once in a round, and is shown all it has missed when it is back', async () => {
    const anchor = new RemovableAnchor(folder);
    const stage = await staged({ anchors: [anchor] });
    for (const tenant of [TENANT, ...OTHERS]) await write(stage, `${tenant}/note/a`, 1);
    await made(stage);
    expect(anchor.asked).toBe(1);
    anchor.isAway = false;
    await made(stage);
    expect(readdirSync(folder).sort()).toEqual([TENANT, ...OTHERS]);
  });

  test('what it has missed of a tenant that is silent since is shown by another process, after it was away for long', async () => {
    const anchor = new RemovableAnchor(folder);
    const stage = await staged({ anchors: [anchor] });
    await write(stage, 'bravo/note/a', 1);
    for (let round = 0; round < 3; round += 1) await made(stage).catch(() => undefined);
    stage.first.kill();
    anchor.isAway = false;
    await stage.start();
    await made(stage).catch(() => undefined);
    expect(readdirSync(folder)).toEqual(['bravo']);
  });

  test('a checkpoint whose signer died before it was shown is shown by the next round', async () => {
    const anchor = new RemovableAnchor(folder);
    const stage = await staged({ anchors: [anchor] });
    await write(stage, 'bravo/note/a', 1);
    anchor.onAsked = () => stage.first.kill();
    void made(stage);
    await eventually(() => stage.living.length === 0);
    [anchor.isAway, anchor.onAsked] = [false, () => undefined];
    await stage.start();
    await made(stage).catch(() => undefined);
    expect(readdirSync(folder)).toEqual(['bravo']);
  });

  test('a tenant whose log can not be read, or is refused, keeps no other from being shown what was missed', async () => {
    const anchor = new RemovableAnchor(folder);
    const stage = await staged({ anchors: [anchor] });
    for (const tenant of OTHERS) await write(stage, `${tenant}/note/a`, 1);
    await made(stage).catch(() => undefined);
    stage.first.kill();
    anchor.isAway = false;
    await stage.start();
    stage.mishaps = (port, _method, args) =>
      port === 'store' && args.includes(logStream('bravo')) ? 'fails' : undefined;
    await made(stage).catch(() => undefined);
    stage.mishaps = () => undefined;
    expect(readdirSync(folder).sort()).toEqual(['charlie', 'delta']);
    await made(stage).catch(() => undefined);
    expect(readdirSync(folder).sort()).toEqual(OTHERS);
  });

  test('what is refused of one tenant for good is asked for after what others have missed', async () => {
    const anchor = new RemovableAnchor(folder);
    anchor.isAway = false;
    const keep = anchor.keep.bind(anchor);
    anchor.keep = async (...checkpoint) => {
      if (checkpoint[0] === 'bravo') throw new Error('no such folder can be made');
      await keep(...checkpoint);
    };
    const stage = await staged({ anchors: [anchor] });
    for (const tenant of OTHERS) await write(stage, `${tenant}/note/a`, 1);
    for (let round = 0; round < 2; round += 1) await made(stage).catch(() => undefined);
    expect(readdirSync(folder).sort()).toEqual(['charlie', 'delta']);
  });

  test('one is not shown again what it has, while the log of another tenant can not be extended', async () => {
    const anchor = new RemovableAnchor(folder);
    anchor.isAway = false;
    const stage = await staged({ anchors: [anchor] });
    for (const tenant of [TENANT, ...OTHERS]) await write(stage, `${tenant}/note/a`, 1);
    stage.mishaps = (port, _method, args) =>
      port === 'store' && args.includes(logStream('bravo')) ? 'fails' : undefined;
    for (let round = 0; round < 3; round += 1) await made(stage);
    expect(readdirSync(folder).sort()).toEqual([TENANT, 'charlie', 'delta']);
    expect(anchor.asked).toBe(3);
  });

  test('what another process has missed meanwhile is kept beside what this one has', async () => {
    const place = 'log-missed-removable';
    const anchor = new RemovableAnchor(folder);
    const stage = await staged({ anchors: [anchor] });
    await write(stage, 'charlie/note/a', 1);
    await made(stage).catch(() => undefined);
    const { checkpoints } = stage.colony.ports;
    expect(await checkpoints.load(place)).toBe('charlie');
    // The other one says so in the middle of this one's round.
    await checkpoints.save(place, '');
    stage.first.kill();
    await stage.start();
    await write(stage, 'bravo/note/a', 1);
    anchor.onAsked = () => stage.colony.ports.checkpoints.save(place, 'charlie');
    await made(stage).catch(() => undefined);
    stage.first.kill();
    [anchor.isAway, anchor.onAsked] = [false, () => undefined];
    await stage.start();
    await made(stage).catch(() => undefined);
    expect(readdirSync(folder).sort()).toEqual(['bravo', 'charlie']);
  });

  test('what it has missed is kept before the place in the feed is', async () => {
    const anchor = new RemovableAnchor(folder);
    const stage = await staged({ anchors: [anchor] });
    await write(stage, 'bravo/note/a', 1);
    // The process dies when it has kept the place.
    stage.mishaps = (port, method, [name]) => {
      if (port === 'checkpoints' && method === 'save' && name === 'log') setImmediate(() => stage.first.kill());
      return port === 'checkpoints' && method === 'save' && name !== 'log' ? turns(50) : undefined;
    };
    void made(stage).catch(() => undefined);
    await eventually(() => stage.living.length === 0);
    stage.mishaps = () => undefined;
    anchor.isAway = false;
    await stage.start();
    await made(stage).catch(() => undefined);
    expect(readdirSync(folder)).toEqual(['bravo']);
  });

  test('one that holds another checkpoint of a tenant is shown those of all others', async () => {
    const anchor = new RemovableAnchor(folder);
    anchor.isAway = false;
    await anchor.keep(TENANT, 2, 'of another log\n');
    const stage = await staged({ anchors: [anchor] });
    for (const tenant of [TENANT, ...OTHERS]) await write(stage, `${tenant}/note/a`, 1);
    await made(stage);
    expect(readdirSync(folder).sort()).toEqual([TENANT, ...OTHERS]);
    expect(readFileSync(join(folder, TENANT, '000000000002.checkpoint'), 'utf8')).toBe('of another log\n');
  });
});
