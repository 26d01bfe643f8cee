/** The auditor's report of a host on which work was done: the same from the host, its folder and an export. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import { writeReport } from '../../cli/audit/report-files';
import { exportLines } from '../../cli/log-file';
import { commitEntry } from '../../domain/audit/log-entries';
import type { EntriesHead, EntryLine } from '../../domain/audit/report-verifier';
import { canonicalize, type Commit, sha256 } from '../../domain/kernel/commit';
import { leafHash, rootFromPath } from '../../domain/kernel/merkle';
import { parseCheckpoint } from '../../domain/kernel/note';
import { client, commitsOf, host, run } from './worked-host';

const HOSTILE = '=HYPERLINK("https://evil.example")\r\n<script>alert(1)</script>\u202Egpj;@SUM(A1)';

let root: string;
let key: string;
/** Times before and after everything that is reported on. */
const from = new Date(Date.now() - 3_600_000).toISOString();
let to: string;
let exported: string;

const place = (name: string) => join(root, name);
const textOf = (report: string, file: string) => readFileSync(join(place(report), file), 'utf8');

function entriesOf(report: string): { head: EntriesHead; entries: EntryLine[] } {
  const [head, ...entries] = textOf(report, 'audit.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  return { head: head as EntriesHead, entries: entries as EntryLine[] };
}

/** What asks for the keys before the first checkpoint gets. */
let unsigned: Awaited<ReturnType<typeof run>>;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'formicary-report-'));
  await client.budgets.set('tenant', 'default', { limit_micro_usd: 5_000_000, period: 'total', reason: 'a trial' });
  await client.stops.stop('agent', 'cli-2', { reason: HOSTILE });
  await client.stops.lift('agent', 'cli-2', 'it was nothing');
  await client.as('cli-1').agents.deregister('cli-1', HOSTILE);
  unsigned = await run(['checkpoint', '--keys']);
  await client.checkpoints.make();
  to = new Date(Date.now() + 1).toISOString();
  while (new Date().toISOString() <= to);
  ({ stdout: key } = await run(['checkpoint', '--keys']));
  writeFileSync(place('log.vkey'), key);
  // Newer than the period, and covers all of it.
  await client.tasks.post({ id: 'later', task_type: 'cli.work' });
  await client.checkpoints.make();
  exported = place('receipts.jsonl');
  expect((await run(['export', exported])).code).toBe(0);
  for (const [name, source] of [
    ['of-host', []],
    ['of-folder', ['--data', host.data, '--with-payloads']],
    ['of-export', ['--export', exported, '--key', place('log.vkey')]],
  ] as const) {
    const { code, stderr } = await run(['report', '--from', from, '--to', to, '--out', place(name), ...source]);
    expect([name, code, stderr]).toEqual([name, 0, '']);
  }
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('a log that was not signed yet has no key, and says so', () => {
  expect(unsigned).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('was not signed yet') });
});

describe('the entries', () => {
  test('are the receipts of the period, in the order of their times, each with a proof', async () => {
    const { head, entries } = entriesOf('of-host');
    const commits: Commit[] = [];
    for await (const commit of client.receipts.all()) if (commit.at < to) commits.push(commit);
    expect(head).toMatchObject({ format: 'formicary.report/1', tenant: 'default', to, receipts: commits.length });
    expect(new Set(entries.map(({ receipt, hash }) => `${receipt} ${hash}`))).toEqual(
      new Set(commits.map(({ stream, index, hash }) => `${stream}@${index} ${hash}`)),
    );
    expect(entries.map(({ timestamp }) => timestamp)).toEqual(entries.map(({ timestamp }) => timestamp).sort());
    const { size, root: signed } = parseCheckpoint(head.checkpoint!.note)!;
    const roots = entries.map(({ receipt, hash, proof }) => {
      const at = receipt.lastIndexOf('@');
      const leaf = commitEntry({ stream: receipt.slice(0, at), index: Number(receipt.slice(at + 1)), hash });
      return rootFromPath(
        leafHash(leaf),
        proof!.leaf,
        size,
        proof!.path.map((each) => Buffer.from(each, 'base64')),
      );
    });
    // The checkpoint of the period is no receipt of the log that it signs: the one after it has it.
    expect(roots.every((each) => each?.equals(signed))).toBe(true);
    expect(textOf('of-host', 'log.checkpoint')).toBe(head.checkpoint!.note);
  });

  test('are the same from a host, its folder and an export, byte for byte', () => {
    for (const file of ['audit.jsonl', 'audit.csv', 'log.checkpoint'])
      expect(textOf('of-export', file)).toBe(textOf('of-host', file));
    expect(textOf('of-folder', 'audit.csv')).toBe(textOf('of-host', 'audit.csv'));
    expect(textOf('of-folder', 'summary.html')).toBe(textOf('of-host', 'summary.html'));
    const { entries } = entriesOf('of-folder');
    expect(entries.map(({ body: _, ...entry }) => entry)).toEqual(entriesOf('of-host').entries);
    expect(entries.every(({ body, hash }) => sha256(body!) === hash)).toBe(true);
  });

  test('say of work who did it, how long it took, and hashes and sizes of what went in and out', async () => {
    const commits = await commitsOf('task', 'worked');
    const accepted = commits.find(({ events }) => events.some(({ type }) => type === 'TaskAccepted'))!;
    const completed = commits.find(({ events }) => events.some(({ type }) => type === 'TaskCompleted'))!;
    const { agent } = completed.events[0]!.data as { agent: string };
    const result = canonicalize({ ok: true });
    const of = ({ stream, index }: Commit) =>
      entriesOf('of-host').entries.find(({ receipt }) => receipt === `${stream}@${index}`)!;
    expect(of(accepted)).toMatchObject({
      status: 'started',
      agent_id: agent,
      action: 'task.accept',
      duration_ms: null,
    });
    expect(of(completed)).toMatchObject({
      ...{ agent_id: agent, action: 'task.complete', resource: 'task/worked', status: 'success', error: null },
      duration_ms: Date.parse(completed.at) - Date.parse(accepted.at),
      input: null,
      output: { sha256: sha256(result), bytes: result.length },
      policy: { decision: 'allow', bundle: completed.meta.policy.bundle },
    });
    expect(textOf('of-host', 'audit.jsonl')).not.toContain('half way');
    expect(textOf('of-folder', 'audit.jsonl')).toContain('half way');
  });

  test('of a period that ends before anything was done are none', async () => {
    const { code, json } = await run([
      ...['report', '--from', '2020-01-01', '--to', '2020-02-01', '--out', place('empty'), '--json'],
    ]);
    expect([code, json]).toEqual([0, expect.objectContaining({ receipts: 0, proven: 0, checkpoint: null })]);
    expect(entriesOf('empty').entries).toEqual([]);
  });

  test('begin at the first time of a period, and end before the last', async () => {
    const { entries } = entriesOf('of-host');
    const [first, until] = [entries.at(3)!.timestamp, entries.at(-2)!.timestamp];
    await run(['report', '--from', first, '--to', until, '--export', exported, '--out', place('part')]);
    const within = entries.filter(({ timestamp }) => timestamp >= first && timestamp < until);
    // What began before it has its duration all the same.
    expect(entriesOf('part').entries.map(({ proof: _, ...entry }) => entry)).toEqual(
      within.map(({ proof: _, ...entry }) => entry),
    );
  });
});

describe('what agents wrote', () => {
  test('is no formula, and no line of its own, in the table', () => {
    const table = textOf('of-host', 'audit.csv');
    expect(table.startsWith('\uFEFF"timestamp","receipt",')).toBe(true);
    const rows = table.slice(1).split('\r\n');
    expect(rows).toHaveLength(entriesOf('of-host').entries.length + 2);
    expect(table).not.toMatch(/[\u202E\u0000-\u0009\u000b\u000c]/u);
    expect(table).not.toMatch(/(?:^|[,;|])"?[=+@]/mu);
  });

  test('is text in the page, which runs nothing, loads nothing, and knows its style by the hash', () => {
    const page = textOf('of-host', 'summary.html');
    expect(page).toContain('=HYPERLINK(&quot;https://evil.example&quot;)\\u000d');
    expect(page).not.toMatch(/<script|<img|<link|<iframe|javascript:| on\w+=|\u202E/iu);
    const styles = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, style]) => style!);
    expect(styles).toHaveLength(1);
    const hash = createHash('sha256').update(styles[0]!).digest('base64');
    expect(page).toContain(
      `http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
    );
    expect(page).not.toMatch(/ style=/);
  });
});

test('the page has the figures: decisions, stops, budgets, agents', () => {
  const page = textOf('of-export', 'summary.html');
  const { entries } = entriesOf('of-export');
  const allowed = entries.filter(({ policy }) => policy.decision === 'allow').length;
  expect(page).toContain(`<b>${allowed}</b>allowed by policy`);
  expect(page).toContain('freeze of agent cli-2');
  expect(page).toContain('lift of agent cli-2');
  expect(page).toContain('<td>tenant default</td><td>5.00 USD</td>');
  expect(page).toContain('cli-1 deregistered');
  expect(page).toContain('2 registered');
  const [comment, line = ''] = key.split('\n');
  expect(comment).toBe('# Ed25519, of the host: pin this one');
  expect(page).toContain(`The log is signed by the key <code>${line.split('+').slice(0, 2).join('+')}</code>`);
  expect(textOf('of-host', 'summary.html')).toContain('was not held against a key');
});

describe('a report is verified', () => {
  let copies = 0;

  /** A copy with other lines. */
  async function verified(report: string, change: (lines: string[]) => string[]): Promise<[number | null, string[]]> {
    const copy = place(`copy-${(copies += 1)}`);
    cpSync(place(report), copy, { recursive: true });
    const file = join(copy, 'audit.jsonl');
    writeFileSync(file, `${change(readFileSync(file, 'utf8').trimEnd().split('\n')).join('\n')}\n`);
    const { code, json } = await run(['verify', '--report', copy, '--key', place('log.vkey'), '--json']);
    const { named } = json as { named: { kind: string }[] };
    return [code, named.map(({ kind }) => kind)];
  }
  const changed = (line: string, change: (entry: Record<string, unknown>) => object) =>
    JSON.stringify(change(JSON.parse(line) as Record<string, unknown>));
  const other = (lines: string[], at: number, change: (entry: Record<string, unknown>) => object) =>
    lines.with(at, changed(lines[at]!, change));

  test('by its proofs, and by the key that one brings along', async () => {
    expect(await verified('of-host', (lines) => lines)).toEqual([0, []]);
    expect(await verified('of-folder', (lines) => lines)).toEqual([0, []]);
  });

  test.each<[string, string, (lines: string[]) => string[]]>([
    ['a hash', 'rewritten', (lines) => other(lines, 4, (entry) => ({ ...entry, hash: 'a'.repeat(64) }))],
    ['a name', 'rewritten', (lines) => other(lines, 4, (entry) => ({ ...entry, receipt: 'default/task/none@0' }))],
    [
      'an entry with its receipt',
      'altered',
      (lines) => other(lines, 4, (entry) => ({ ...entry, agent_id: 'mallory' })),
    ],
    ['a body', 'altered', (lines) => other(lines, 4, (entry) => ({ ...entry, body: '{}' }))],
    ['an entry, to none,', 'altered', (lines) => lines.with(4, '{}')],
    ['an entry, to nothing,', 'altered', (lines) => lines.with(4, 'null')],
    ['an entry dropped', 'missing', (lines) => lines.toSpliced(5, 1)],
    ['an entry moved', 'reordered', (lines) => lines.with(4, lines[5]!).with(5, lines[4]!)],
    ['an entry twice', 'reordered', (lines) => lines.with(5, lines[4]!)],
    [
      'every proof dropped',
      'unproven',
      (lines) => lines.map((line) => changed(line, (entry) => ({ ...entry, proof: null }))),
    ],
    ['the period', 'misplaced', (lines) => other(lines, 0, (head) => ({ ...head, from: to }))],
    [
      'the signature',
      'forged',
      (lines) =>
        other(lines, 0, ({ checkpoint, ...head }) => {
          const { note, ...rest } = checkpoint as { note: string };
          return { ...head, checkpoint: { ...rest, note: note.replace(/\n(\d+)\n/, '\n1$1\n') } };
        }),
    ],
  ])('%s that was changed shows as %s', async (_, kind, change) => {
    const [code, kinds] = await verified('of-folder', change);
    expect([code, kinds]).toEqual([1, expect.arrayContaining([kind])]);
  });

  test('not without a key', async () => {
    expect(await run(['verify', '--report', place('of-host')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--report needs --key') as string,
    });
  });
});

describe('what can not be reported', () => {
  test('is said, and ends with 1, when the log does not hold', async () => {
    const lines = readFileSync(exported, 'utf8').split('\n');
    const at = lines.findIndex((line) => line.includes('TaskCompleted'));
    const file = place('tampered.jsonl');
    writeFileSync(file, lines.with(at, lines[at]!.replace('\\"ok\\":true', '\\"ok\\":null')).join('\n'));
    const args = ['report', '--from', from, '--to', to, '--export', file, '--out', place('tampered')];
    const { code, stdout } = await run(args);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^altered .*task\/worked@/m)]);
    expect(textOf('tampered', 'summary.html')).toContain('It does not hold.');
  });

  test('is counted where bytes are no receipt', async () => {
    const bodies = ['', '{}', 'null', '{"at":"2026-11-29T00:00:00.000Z","stream":"nowhere","events":[],"meta":{}}'];
    const lines = bodies.map((body, index) =>
      JSON.stringify({ stream: 'default/task/odd', index, hash: sha256(body), body }),
    );
    const file = place('odd.jsonl');
    writeFileSync(file, `${readFileSync(exported, 'utf8')}${lines.join('\n')}\n`);
    const args = ['--from', from, '--to', to, '--export', file, '--out', place('odd'), '--json'];
    const { code, json } = await run(['report', ...args]);
    expect([code, json]).toEqual([1, expect.objectContaining({ unreadable: 4 })]);
    expect(textOf('odd', 'audit.jsonl')).toBe(textOf('of-host', 'audit.jsonl'));
  });

  test('is refused: no period, no tenant, a folder that is there', async () => {
    const report = (...args: string[]) => run(['report', ...args]);
    expect(await report('--from', to, '--to', to)).toMatchObject({ code: 2 });
    expect(await report('--from', 'soon')).toMatchObject({ code: 2 });
    expect((await report('--from', '1d', '--export', exported, '--tenant', 'other')).stderr).toContain(
      'there is no receipt of the tenant other',
    );
    expect((await report('--from', '1d', '--export', exported, '--out', place('of-host'))).stderr).toContain(
      'is there already',
    );
  });

  test('ends when it is interrupted', async () => {
    const log = await ReadOnlyLog.load(exportLines(exported));
    const folder = mkdtempSync(join(root, 'interrupted-'));
    const wanted = { tenant: 'default', from: '2020-01-01', to, withPayloads: false };
    const verified = { faults: 0, named: [], key: undefined, kept: 0 };
    const signal = AbortSignal.abort(new Error('enough'));
    try {
      await expect(writeReport(log, { ...wanted, verified }, { folder, signal })).rejects.toThrow('enough');
    } finally {
      log.close();
    }
  });
});

test('its files are private', () => {
  for (const file of readdirSync(place('of-host')))
    expect([file, statSync(join(place('of-host'), file)).mode & 0o777]).toEqual([file, 0o600]);
  expect(readdirSync(place('of-host')).sort()).toEqual(['audit.csv', 'audit.jsonl', 'log.checkpoint', 'summary.html']);
});
