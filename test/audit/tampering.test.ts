/**
 * What was done to an export, and who finds it: the product's verifier, the Python page, and Go's own code where it was
 * built (FORMICARY_GO_VERIFIER). Each has the export, a key that is pinned, and at times a checkpoint that was kept.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { VaultLogSigner } from '../../adapters/azure/vault';
import type { Pinned } from '../../adapters/embedded/log-verification';
import { ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import { audit } from '../../adapters/embedded/verification';
import { FolderAnchor } from '../../adapters/receipts/anchors';
import { Ed25519LogSigner, LogSigners } from '../../adapters/receipts/signer';
import type { LogSigner } from '../../app/engine/ports';
import { pinnedOf, verify } from '../../cli/audit/verify';
import { loadExport } from '../../cli/log-file';
import type { LogEvent } from '../../domain/audit/log';
import { type Commit, type SealedCommit, sha256 } from '../../domain/kernel/commit';
import {
  checkpointText,
  noteOf,
  parseCheckpoint,
  parseVerifierKeys,
  type VerifierKeys,
} from '../../domain/kernel/note';
import { KeyVaultServer, vaultKeyOn } from '../servers/key-vault';
import { chain, nextCommit } from '../support/commits';
import { TENANT } from '../support/stage';
import {
  CHECKPOINTS,
  type Export,
  exportOf,
  linesOf,
  ORIGIN,
  receiptAt,
  rewrite,
  SIGNER,
  signing,
  VKEY,
  write,
} from './logged';
import { append } from './logged';

const A = `${TENANT}/note/a`;
const B = `${TENANT}/note/b`;
const C = `${TENANT}/note/c`;
const PAGE = join(__dirname, '../../tools/verify.py');
const GO = process.env['FORMICARY_GO_VERIFIER'];

let folder: string;
/** Two checkpoints, and a receipt after the second. */
let whole: Export;
/** The same colony after the first checkpoint. */
let older: Export;
/** Another past with the same key: what somebody else was shown. */
let other: Export;
/** The same receipts, signed with another key. */
let replaced: Export;

async function colonyOf(data: string, logSigner: LogSigner = SIGNER): Promise<{ older: Export; whole: Export }> {
  const stage = await signing({ logSigner });
  try {
    const a = await write(stage, A, 3, undefined, (n) => ({ n, data }));
    await write(stage, B, 4);
    await append(stage, C, [nextCommit(C, undefined, {}, { policy: { bundle: 'b', input: 'i', decision: 'deny' } })]);
    await write(stage, 'elsewhere/note/a', 2);
    await stage.colony.checkpoints.make(TENANT);
    const first = await exportOf(stage);
    // Twenty minutes later.
    await write(stage, A, 2, { ...a, at: '2026-11-21T10:20:00.000Z' });
    stage.clock.time += 25 * 60_000;
    await stage.colony.checkpoints.make(TENANT);
    await write(stage, B, 1, { ...(stage.stream(B).at(-1) as Commit), at: '2026-11-21T10:30:00.000Z' });
    return { older: first, whole: await exportOf(stage) };
  } finally {
    await stage.end();
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-tampering-'));
  ({ whole, older } = await colonyOf('one'));
  ({ whole: other } = await colonyOf('two'));
  ({ whole: replaced } = await colonyOf('one', new Ed25519LogSigner(Buffer.alloc(32, 8).toString('base64'))));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const newestNote = (exported: Export): string => notesOf(exported).at(-1) as string;

function notesOf({ receipts }: Export): string[] {
  return receipts
    .filter(({ stream }) => stream === CHECKPOINTS)
    .flatMap(({ body }) => (JSON.parse(body) as { events: LogEvent[] }).events.map(({ data }) => data.note));
}

/** Changes what a receipt of the log says, and seals it anew. */
function changeCheckpoint(exported: Export, index: number, change: (data: LogEvent['data']) => LogEvent['data']): void {
  rewrite(exported, CHECKPOINTS, (commit) =>
    commit.index === index
      ? { ...commit, events: (commit.events as LogEvent[]).map((event) => ({ ...event, data: change(event.data) })) }
      : commit,
  );
}

interface Found {
  readonly kinds: readonly string[];
  readonly text: string;
}

async function byProduct(exported: Export, kept: readonly string[], keys: string): Promise<Found> {
  return await found(exported, {
    keys: parseVerifierKeys(keys) as VerifierKeys,
    kept: kept.map((note, i) => ({ from: `kept-${i}`, note })),
  });
}

async function found(exported: Export, pinned: Pinned): Promise<Found> {
  async function* lines() {
    yield* linesOf(exported);
  }
  const log = await ReadOnlyLog.load(lines());
  try {
    const { named } = audit(log, undefined, undefined, pinned);
    return { kinds: kindsOf(named.map(({ kind }) => kind)), text: named.map(({ message }) => message).join('\n') };
  } finally {
    log.close();
  }
}

let files = 0;
function fileOf(exported: Export): string {
  files += 1;
  const file = join(folder, `${files}.jsonl`);
  writeFileSync(
    file,
    linesOf(exported)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );
  return file;
}

function byProgram(
  [command, ...args]: readonly [string, ...string[]],
  exported: Export,
  kept: readonly string[],
  keys: string,
): Found {
  const file = fileOf(exported);
  const checkpoints = kept.map((note, i) => {
    const path = join(folder, `${files}-${i}.checkpoint`);
    writeFileSync(path, note);
    return path;
  });
  const { status, stdout, stderr } = spawnSync(command, [...args, file, keys, ...checkpoints], { encoding: 'utf8' });
  if (status !== 0 && status !== 1) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
  const kinds = kindsOf(
    stdout
      .split('\n')
      .slice(0, -2)
      .map((line) => line.split(' ')[0] as string),
  );
  expect(status).toBe(kinds.length > 0 ? 1 : 0);
  return { kinds, text: stdout };
}

const kindsOf = (kinds: readonly string[]) => [...new Set(kinds)].sort();

/** What each verifier finds. */
async function verified(exported: Export, kept: readonly string[] = [], keys = VKEY) {
  return {
    product: await byProduct(exported, kept, keys),
    python: byProgram(['python3', PAGE], exported, kept, keys),
    go: GO === undefined ? undefined : byProgram([GO], exported, kept, keys),
  };
}

function copyOf(exported: Export): Export {
  return { log: exported.log, entries: [...exported.entries], receipts: [...exported.receipts] };
}

test('an export that nobody touched holds, beside checkpoints that were kept', async () => {
  for (const [exported, kept] of [
    [whole, []],
    [whole, [newestNote(whole), newestNote(older)]],
    [older, [newestNote(older)]],
    [other, []],
  ] as const) {
    const { product, python, go } = await verified(exported, kept);
    expect(product.kinds).toEqual([]);
    expect(python.kinds).toEqual([]);
    expect(go?.kinds ?? []).toEqual([]);
  }
});

type Tampering = [
  what: string,
  /** What all three find. */
  expected: readonly string[],
  change: (exported: Export) => Export | void,
  kept?: () => readonly string[],
];

const without = (exported: Export, stream: string, from: number, to = Infinity): void => {
  exported.receipts = exported.receipts.filter(
    (line) => line.stream !== stream || line.index < from || line.index > to,
  );
};

const TAMPERINGS: readonly Tampering[] = [
  [
    'a byte of a receipt was changed',
    ['altered'],
    (exported) => {
      const line = receiptAt(exported, A, 1);
      const changed = { ...line, body: line.body.replace('"n":1', '"n":9') };
      exported.receipts = exported.receipts.map((one) => (one === line ? changed : one));
    },
  ],
  ...['2026-11-21T25:20:00.000Z', '2026-13-21T10:20:00.000Z'].map((time): Tampering => [
    `the time of the newest receipt became ${time}`,
    ['altered'],
    (exported) => {
      const line = receiptAt(exported, A, 4);
      const changed = { ...line, body: line.body.replace(/"at":"[^"]*"/, `"at":"${time}"`) };
      exported.receipts = exported.receipts.map((one) => (one === line ? changed : one));
    },
  ]),
  [
    'a byte was changed together with its hash',
    ['inserted', 'rewritten'],
    (exported) => {
      const line = receiptAt(exported, A, 1);
      const body = line.body.replace('"n":1', '"n":9');
      exported.receipts = exported.receipts.map((one) => (one === line ? { ...line, body, hash: sha256(body) } : one));
    },
  ],
  [
    'a stream was written anew, with hashes that fit',
    ['rewritten'],
    (exported) => rewrite(exported, A, (commit) => ({ ...commit, events: [] })),
  ],
  [
    'a verdict was changed: what policy denied is allowed',
    ['rewritten'],
    (exported) =>
      rewrite(exported, C, (commit) => ({
        ...commit,
        meta: { ...commit.meta, policy: { ...commit.meta.policy, decision: 'allow' } },
      })),
  ],
  [
    'who did it was changed',
    ['rewritten'],
    (exported) =>
      rewrite(exported, B, (commit) => ({
        ...commit,
        meta: { ...commit.meta, actor: { id: 'somebody-else', kind: 'human' } },
      })),
  ],
  ['the end of a stream was dropped', ['missing'], (exported) => without(exported, A, 3)],
  ['a receipt in the middle was dropped', ['missing'], (exported) => without(exported, B, 1, 1)],
  ['the beginning of a stream was dropped', ['missing'], (exported) => without(exported, B, 0, 1)],
  ['a stream was deleted', ['missing'], (exported) => without(exported, C, 0)],
  [
    'a stream was deleted, and its leaf with it',
    ['log-altered'],
    (exported) => {
      without(exported, C, 0);
      exported.entries = exported.entries.filter((entry) => !entry.includes(C));
    },
  ],
  [
    'a stream was inserted, of an earlier time',
    ['inserted'],
    (exported) => {
      for (const { commit, body } of chain(`${TENANT}/note/forged`, 2))
        exported.receipts.push({ stream: commit.stream, index: commit.index, hash: commit.hash, body });
    },
  ],
  [
    'a receipt was added to a stream, of an earlier time, with hashes that fit',
    ['inserted'],
    (exported) => {
      const last = JSON.parse(receiptAt(exported, C, 0).body) as Commit;
      const [added] = chain(C, 1, { ...last, hash: receiptAt(exported, C, 0).hash }) as [SealedCommit];
      exported.receipts.push({ stream: C, index: 1, hash: added.commit.hash, body: added.body });
    },
  ],
  ['a receipt stands there twice', ['inserted'], (exported) => void exported.receipts.push(receiptAt(exported, B, 1))],
  [
    'a receipt stands there twice, once with another text',
    ['altered', 'inserted'],
    (exported) => {
      const line = receiptAt(exported, B, 1);
      const changed = { ...line, body: line.body.replace('"n":1', '"n":9') };
      exported.receipts = exported.receipts.flatMap((one) => (one === line ? [changed, one] : [one]));
    },
  ],
  [
    'two receipts of a stream were exchanged as they are',
    ['reordered'],
    (exported) => {
      const [one, other] = [receiptAt(exported, B, 1), receiptAt(exported, B, 2)];
      exported.receipts = exported.receipts.map((line) => (line === one ? other : line === other ? one : line));
    },
  ],
  [
    'a time was set before that of the receipt before it, with hashes that fit',
    ['backdated', 'rewritten'],
    (exported) =>
      rewrite(exported, B, (commit) => (commit.index === 2 ? { ...commit, at: '2026-11-21T09:00:00.000Z' } : commit)),
  ],
  ...['[]', 'null', '{', '{"stream":7}'].map((body): Tampering => [
    `a receipt became ${body}, with its hash`,
    ['rewritten', 'unreadable'],
    (exported) => {
      const line = receiptAt(exported, C, 0);
      exported.receipts = exported.receipts.map((one) => (one === line ? { ...line, body, hash: sha256(body) } : one));
    },
  ]),
  [
    'a receipt that is newer than the log was altered',
    ['altered'],
    (exported) => {
      const line = receiptAt(exported, B, 4);
      const changed = { ...line, body: line.body.replace('"n":4', '"n":9') };
      exported.receipts = exported.receipts.map((one) => (one === line ? changed : one));
    },
  ],
  [
    'a stream was inserted, with a leaf at the end of the log',
    ['inserted', 'rolled-back'],
    (exported) => {
      for (const { commit, body } of chain(`${TENANT}/note/forged`, 1)) {
        exported.receipts.push({ stream: commit.stream, index: commit.index, hash: commit.hash, body });
        exported.entries.push(`commit ${commit.stream}@0 ${commit.hash}`);
      }
    },
  ],
  [
    'a leaf was inserted within the log',
    ['log-altered', 'rolled-back'],
    (exported) => void exported.entries.splice(9, 0, `commit ${TENANT}/note/forged@0 ${'a'.repeat(64)}`),
  ],
  [
    'leaves were put in another order',
    ['log-altered'],
    (exported) => {
      const [first, second] = exported.entries as [string, string];
      exported.entries.splice(0, 2, second, first);
    },
  ],
  [
    'receipts were put in another order, with hashes that fit',
    ['rewritten'],
    (exported) => {
      const events = [0, 1].map((index) => JSON.parse(receiptAt(exported, B, index).body) as { events: [] });
      rewrite(exported, B, (commit) =>
        commit.index > 1 ? commit : { ...commit, events: events[1 - commit.index]?.events ?? [] },
      );
    },
  ],
  [
    'a receipt was moved to another stream',
    ['inserted', 'misplaced', 'missing'],
    (exported) => {
      const line = receiptAt(exported, C, 0);
      exported.receipts = exported.receipts.map((one) => (one === line ? { ...line, stream: `${C}2` } : one));
    },
  ],
  [
    'the list of streams was changed',
    ['log-altered'],
    (exported) => {
      exported.entries = exported.entries.map((entry) =>
        entry.startsWith('heads ') ? entry.replace(/.$/, '0') : entry,
      );
      exported.entries[exported.entries.length - 1] = `heads 3 ${'0'.repeat(64)}`;
    },
  ],
  ['the end of the log was dropped', ['log-altered'], (exported) => void exported.entries.splice(-2)],
  [
    'an older state is shown than the checkpoint that was kept',
    ['rolled-back'],
    () => copyOf(older),
    () => [newestNote(whole)],
  ],
  [
    'the newest checkpoint was dropped, and its leaves were left',
    ['rolled-back'],
    (exported) => without(exported, CHECKPOINTS, 1),
  ],
  [
    'another past is shown than to whoever kept a checkpoint',
    ['split-view'],
    () => copyOf(other),
    () => [newestNote(whole)],
  ],
  [
    'two pasts were signed, and both are shown',
    ['rewritten', 'split-view'],
    (exported) => changeCheckpoint(exported, 0, (data) => ({ ...data, note: notesOf(other)[1] as string })),
  ],
  [
    'a signature was altered',
    ['forged', 'rewritten'],
    (exported) =>
      changeCheckpoint(exported, 0, (data) => ({
        ...data,
        note: data.note.replace(/(.)(.{20}\n)$/, (_, one: string, rest: string) => `${one === 'A' ? 'B' : 'A'}${rest}`),
      })),
  ],
  [
    'a root was changed under a signature that stayed',
    ['forged', 'rolled-back'],
    (exported) =>
      changeCheckpoint(exported, 1, (data) => {
        const signed = parseCheckpoint(data.note);
        const text = checkpointText({ origin: ORIGIN, size: signed?.size ?? 0, root: Buffer.alloc(32, 3) });
        return { ...data, note: noteOf(text, [data.note.split('\n').at(-2) as string]) };
      }),
  ],
  ['all of it was signed with another key', ['other-key'], () => copyOf(replaced)],
  [
    'a checkpoint of another log is shown for this one',
    ['other-key', 'rolled-back'],
    (exported) =>
      changeCheckpoint(exported, 1, (data) => {
        const text = data.note.split('\n\n')[0]?.replace(ORIGIN, 'localhost/log/other') ?? '';
        return { ...data, note: noteOf(`${text}\n`, SIGNER.sign('localhost/log/other', `${text}\n`)) };
      }),
  ],
  [
    'a text of another log was signed in the name of this one',
    ['other-key', 'rolled-back'],
    (exported) =>
      changeCheckpoint(exported, 1, (data) => {
        const text = data.note.split('\n\n')[0]?.replace(ORIGIN, 'localhost/log/other') ?? '';
        return { ...data, note: noteOf(`${text}\n`, SIGNER.sign(ORIGIN, `${text}\n`)) };
      }),
  ],
  ['the checkpoints were deleted', ['other-key'], (exported) => without(exported, CHECKPOINTS, 0)],
  [
    'the log was renamed',
    ['other-key'],
    (exported) => {
      exported.log = 'localhost/log/other';
      rewrite(exported, CHECKPOINTS, (commit) => ({
        ...commit,
        events: (commit.events as LogEvent[]).map((event) => ({
          ...event,
          data: { ...event.data, origin: 'localhost/log/other' },
        })),
      }));
    },
  ],
  [
    'two leaves were put together to one that looks like their node',
    ['log-altered'],
    (exported) => void exported.entries.splice(0, 2, exported.entries.slice(0, 2).map(sha256).join('')),
  ],
];

test.each(TAMPERINGS.map((one) => [one[0], one] as const))('%s', async (_, tampering) => {
  const [, expected, change, kept] = tampering;
  const exported = copyOf(whole);
  const changed = change(exported) ?? exported;
  const { product, python, go } = await verified(changed, kept?.());
  expect(product).toMatchObject({ kinds: expected });
  expect(python).toMatchObject({ kinds: expected });
  if (go !== undefined) expect(go).toMatchObject({ kinds: expected });
});

test('receipts of other tenants are counted, and named as not covered, by all three', async () => {
  const exported = copyOf(whole);
  rewrite(exported, 'elsewhere/note/a', (commit) => ({ ...commit, events: [] }));
  const file = fileOf(exported);
  const written: string[] = [];
  const output = jest.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const context = { globals: { url: '' }, client: undefined as never, foundWrong: () => written.push('WRONG') };
  try {
    await verify({ ...context, json: false }, { file, key: VKEY });
    expect(written.join('')).toMatch(/NOT covered by this key: 3 receipts of other tenants \(elsewhere\)/);
    expect(written.join('')).not.toMatch(/holds these receipts|WRONG/);
    written.length = 0;
    await verify({ ...context, json: true }, { file, key: VKEY });
  } finally {
    output.mockRestore();
  }
  expect(JSON.parse(written.join(''))).toMatchObject({
    faults: 0,
    log: { others: [{ tenant: 'elsewhere', receipts: 3 }] },
  });
  const { python, go } = await verified(exported);
  for (const found of [python, ...(go === undefined ? [] : [go])])
    expect(found).toEqual({
      kinds: [],
      text: expect.stringContaining('; 3 of other tenants (elsewhere) are NOT covered by this key;') as string,
    });
});

describe('a program of an auditor', () => {
  const programs: readonly [string, ...string[]][] = [
    ['python3', PAGE],
    ...(GO === undefined ? [] : [[GO] as [string]]),
  ];
  const ran = (...args: string[]) =>
    programs.map(([command, ...first]) => spawnSync(command, [...first, ...args], { encoding: 'utf8' }));
  const place = (name: string, bytes: string | Buffer) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };

  test('takes what is packed, and the key as a file', () => {
    const packed = place('packed.jsonl.gz', gzipSync(readFileSync(fileOf(whole))));
    for (const { status, stdout } of ran(packed, place('log.vkey', `# of the host\n${VKEY}\n`)))
      expect([status, stdout]).toEqual([0, expect.stringContaining('it')]);
  });

  test('ends with 2, and a line that says why, where there is nothing to verify; the product takes none of it', async () => {
    const text = readFileSync(fileOf(whole), 'utf8');
    const packed = gzipSync(text);
    const [line] = text.split('\n').filter((one) => one.includes('"body"')) as [string];
    const exports = [
      join(folder, 'absent.jsonl'),
      place('cut.jsonl', text.slice(0, -20)),
      place('cut.jsonl.gz', packed.subarray(0, packed.length >> 1)),
      place('plain.jsonl.gz', text),
      place('empty.jsonl', ''),
      place('twice.jsonl', `${text}${line.replace('{', '{"index":0,')}\n`),
      place('index.jsonl', `${text}${line.replace(/"index":\d+/, '"index":null')}\n`),
      place('mark.jsonl', `\uFEFF${text}`),
      folder,
    ];
    for (const file of exports) {
      await expect(loadExport(file).then((log) => log.close())).rejects.toThrow();
      expect([file, ran(file, VKEY).map(told)]).toEqual([file, programs.map(() => [2, '', true])]);
    }
    for (const args of [[], [fileOf(whole)], [fileOf(whole), 'a+b+c'], [fileOf(whole), join(folder, 'absent.vkey')]])
      expect([args, ran(...args).map(told)]).toEqual([args, programs.map(() => [2, '', true])]);
    await expect(loadExport(folder)).rejects.toThrow(/is a folder, and no export/);
    // So many programs begin slowly where the machine has more to do.
  }, 120_000);

  test('takes a line in the one form in which it is written, as the product does, and refuses the same others', async () => {
    const text = readFileSync(fileOf(whole), 'utf8');
    const [receipt] = text.split('\n').filter((one) => one.includes('"body"')) as [string];
    const [entries] = text.split('\n').filter((one) => one.includes('"entries"')) as [string];
    const deep = `${'['.repeat(70)}${']'.repeat(70)}`;
    const refused: Readonly<Record<string, string | Buffer>> = {
      'a member too many': receipt.replace(/}$/, ',"more":1}'),
      'a log beside a receipt': receipt.replace(/}$/, ',"log":1}'),
      'a receipt beside entries': entries.replace(/}$/, ',"stream":"a/b/c"}'),
      __proto__: receipt.replace(/}$/, ',"__proto__":{}}'),
      'seventy levels': receipt.replace(/}$/, `,"more":${deep}}`),
      'another order': receipt.replace(/^{("stream":"[^"]*"),("index":\d+)/, '{$2,$1'),
      'a space': receipt.replace(',"index"', ', "index"'),
      'a carriage return': `${receipt}\r`,
      'nothing but a space': ' ',
      'a fraction of nothing': receipt.replace(/"index":(\d+)/, '"index":$1.0'),
      'an exponent': receipt.replace(/"index":(\d+)/, '"index":$1e0'),
      'less than nothing': receipt.replace(/"index":\d+/, '"index":-0'),
      'a zero before': receipt.replace(/"index":(\d+)/, '"index":0$1'),
      'beyond what readers keep': receipt.replace(/"index":\d+/, '"index":9007199254740993'),
      'no number': receipt.replace(/"index":\d+/, '"index":NaN'),
      'more than a number': receipt.replace(/"index":\d+/, '"index":1e400'),
      'true as a number': receipt.replace(/"index":\d+/, '"index":true'),
      'a name that stands twice': receipt.replace('{', '{"index":0,'),
      'an escape that need not be': receipt.replace('"stream":"', '"stream":"\\u0061'),
      'an escape in capitals': receipt.replace('"hash":"', '"hash":"\\u001F'),
      'a slash that is escaped': receipt.replace('"hash":"', '"hash":"\\/'),
      NUL: receipt.replace('"hash":"', '"hash":"\\u0000'),
      'half a pair of surrogates': receipt.replace('"hash":"', '"hash":"\\ud800'),
      'a pair that is escaped': receipt.replace('"hash":"', '"hash":"\\ud83d\\udc1c'),
      'bytes that are no UTF-8': Buffer.concat([Buffer.from(receipt.slice(0, 12)), Buffer.of(0xe2, 0x82)]),
      'a list': '[]',
      'entries that are none': entries.replace(/"entries":\[/, '"entries":[1,'),
      'a place that is none': receipt.replace('{', '{"position":null,'),
    };
    // Each is one more receipt, and no line is refused for it.
    const taken: Readonly<Record<string, string>> = {
      'a place in the log': receipt.replace('{', '{"position":7,'),
      'texts of all sorts': receipt.replace(
        '"hash":"',
        '"hash":"\u007f\u2028\u{1f41c}\ufffd\\u001f\\b\\f\\n\\r\\t\\"\\\\u0000',
      ),
      'less than none before it': receipt.replace(/"index":\d+/, '"index":-1'),
      nothing: '',
    };
    const fileWith = (line: string | Buffer) =>
      place('odd.jsonl', Buffer.concat([Buffer.from(text), Buffer.from(line), Buffer.from('\n')]));
    for (const [name, line] of Object.entries(refused)) {
      const file = fileWith(line);
      await expect(loadExport(file).then((log) => log.close())).rejects.toThrow(/line \d+ is/);
      expect([name, ran(file, VKEY).map(told)]).toEqual([name, programs.map(() => [2, '', true])]);
    }
    for (const [name, line] of Object.entries(taken)) {
      const file = fileWith(line);
      (await loadExport(file)).close();
      const ends = ran(file, VKEY).map(({ status }) => status);
      expect([name, ends]).toEqual([name, programs.map(() => (line === '' ? 0 : 1))]);
    }
  }, 120_000);

  test('finds a log by its name to the letter, as the product does', async () => {
    const exported = copyOf(whole);
    const shouted = `${TENANT}/LOG/checkpoints`;
    exported.receipts = exported.receipts.map((line) =>
      line.stream === CHECKPOINTS ? { ...line, stream: shouted } : line,
    );
    const { product, python, go } = await verified(exported);
    expect(product.kinds).toContain('other-key');
    for (const found of [python, ...(go === undefined ? [] : [go])]) expect(found.kinds).toEqual(product.kinds);
  });

  /** How it ended, what it found, and whether it said why, in words. */
  const told = ({ status, stdout, stderr }: { status: number | null; stdout: string; stderr: string }) => [
    status,
    stdout,
    stderr !== '' && !/Traceback|panic/.test(stderr),
  ];
});

test('an older state, and another past, are found by all that an anchor has kept', async () => {
  const anchor = join(folder, 'anchor');
  const keeps = new FolderAnchor(anchor);
  for (const note of notesOf(whole)) await keeps.keep(TENANT, parseCheckpoint(note)?.size ?? 0, note);
  const pinned = pinnedOf({ key: VKEY, anchor }) as Pinned;
  expect(pinned.kept).toHaveLength(2);
  expect((await found(whole, pinned)).kinds).toEqual([]);
  expect((await found(older, pinned)).kinds).toEqual(['rolled-back']);
  expect((await found(other, pinned)).kinds).toEqual(['split-view']);
  expect(() => pinnedOf({ anchor })).toThrow('--key');
  expect(() => pinnedOf({ key: VKEY.replace(TENANT, 'other'), anchor })).toThrow(/damaged/);
  expect(() => pinnedOf({ key: VKEY, anchor: folder })).toThrow("can't be read");
});

describe('a log that a key of a vault has signed too', () => {
  let server: KeyVaultServer;
  let both: Export;
  let ofVault: string;

  beforeAll(async () => {
    server = await new KeyVaultServer().start();
    server.create('log', 'EC');
    const vault = new VaultLogSigner(vaultKeyOn(server, 'log'));
    [ofVault] = (await vault.verifierKeys(ORIGIN)) as [string];
    ({ whole: both } = await colonyOf('one', new LogSigners([SIGNER, vault])));
  });
  afterAll(() => server.stop());

  const changed = (change: (note: string) => string) => {
    const exported = copyOf(both);
    changeCheckpoint(exported, 1, (data) => ({ ...data, note: change(data.note) }));
    return exported;
  };
  /** The kinds that all find. */
  const foundBy = async (exported: Export, keys: string) => {
    const { product, python, go } = await verified(exported, [newestNote(both)], keys);
    expect(python.kinds).toEqual(product.kinds);
    if (go !== undefined) expect(go.kinds).toEqual(product.kinds);
    return product.kinds;
  };

  test('holds for who has pinned either key, or both', async () => {
    for (const keys of [VKEY, ofVault, `${VKEY}\n${ofVault}`]) expect(await foundBy(both, keys)).toEqual([]);
  });

  test('holds by a file of keys as the host prints it, with what each is, and with one twice', async () => {
    const file = `# ECDSA\n${ofVault}\n\n# Ed25519\n${VKEY}\n${ofVault}\n`;
    expect(await foundBy(both, file)).toEqual([]);
  });

  test('who has the key of the host, and not the vault, deceives nobody who has pinned that of the vault', async () => {
    const { whole: forged } = await colonyOf('two');
    expect(await foundBy(forged, VKEY)).toEqual(['split-view']);
    expect(await foundBy(forged, ofVault)).toEqual(['other-key', 'rolled-back', 'split-view']);
  });

  test('a line that does not fit is forged for who knows its key, whatever the other line says', async () => {
    // The last characters of the text are the ends of a number of the signature.
    const exported = changed((note) =>
      note.replace(/(.)(.{6}\n)$/, (_, one, rest) => `${one === 'A' ? 'B' : 'A'}${rest}`),
    );
    for (const keys of [ofVault, `${VKEY}\n${ofVault}`]) expect(await foundBy(exported, keys)).toContain('forged');
    expect(await foundBy(exported, VKEY)).not.toContain('forged');
  });
});
