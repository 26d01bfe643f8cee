/** Reports for auditors: with texts that would act in what reads them, of others' periods, or tampered with. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import { audit } from '../../adapters/embedded/verification';
import { hostLines } from '../../cli/audit/export-lines';
import { writeReport } from '../../cli/audit/report-files';
import { Formicary } from '../../client/client';
import { type EntriesHead, type EntryLine, ReportVerifier } from '../../domain/audit/report-verifier';
import { parseVerifierKeys, type VerifierKeys } from '../../domain/kernel/note';
import { MARK } from '../../domain/personal/mark';
import { family, tries } from '../attempt';
import { ALPHA, BETA, type World } from '../world';

const EVIL =
  '=HYPERLINK("https://evil.example")\r\n<script>alert(1)</script><img src=x onerror=alert(2)>\u202E;@SUM(A1)';
const NAME = 'Hildegard Quxenstein';
const ALWAYS = { from: '1970-01-01T00:00:00.000Z', to: '9999-12-31T23:59:59.999Z' };

interface Files {
  readonly head: EntriesHead;
  readonly entries: readonly EntryLine[];
  readonly lines: string;
  readonly table: string;
  readonly page: string;
}
interface Scene extends Files {
  readonly key: VerifierKeys;
  /** Of a task, and of who it is about. */
  readonly name: string;
  /** The same of another tenant. */
  readonly other: Files;
}

/** The report of a tenant, as somebody with a token of it makes it; with the bytes of its receipts. */
async function reported(
  world: World,
  as: string,
  tenant: string,
  period = ALWAYS,
  signal = new AbortController().signal,
): Promise<Files> {
  const client = new Formicary({ url: world.host.url, credentials: { token: world.tokenOf(as) } });
  const folder = mkdtempSync(join(tmpdir(), 'formicary-attack-report-'));
  try {
    const log = await ReadOnlyLog.load(hostLines({ client }));
    try {
      const { faults, named } = audit(log);
      const verified = { faults, named, key: undefined, kept: 0 };
      await writeReport(log, { tenant, ...period, verified, withPayloads: true }, { folder, signal });
    } finally {
      log.close();
    }
    const [lines, table, page] = ['audit.jsonl', 'audit.csv', 'summary.html'].map((name) =>
      readFileSync(join(folder, name), 'utf8'),
    ) as [string, string, string];
    const [head, ...entries] = lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    return { head: head as EntriesHead, entries: entries as EntryLine[], lines, table, page };
  } finally {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function scene(world: World): Promise<Scene> {
  const name = world.fresh('reported');
  await world.done(`/v1/stops/agent/${name}`, { as: 'admin', method: 'PUT', json: { reason: EVIL } });
  await world.done(`/v1/stops/agent/${name}/lift`, { as: 'admin', json: { reason: EVIL } });
  const payload = { [MARK]: { subject: name, value: NAME } };
  await world.done('/v1/tasks', { as: 'crm', json: { id: name, task_type: 'attack.nobody', payload } });
  await world.done(`/v1/tasks/${name}?personal=open&purpose=${encodeURIComponent(EVIL)}`, { as: 'admin' });
  for (const as of ['crm', 'spy']) await world.done('/v1/checkpoints', { as, json: {} });
  const { keys } = await world.done('/v1/checkpoints', { as: 'crm' });
  return {
    ...(await reported(world, 'crm', ALPHA)),
    name,
    other: await reported(world, 'spy', BETA),
    key: parseVerifierKeys(keys[0] as string) as VerifierKeys,
  };
}

/** The cells of a table, as a program reads it that parts them by this. */
function cellsOf(table: string, separator: string): string[] {
  if (separator !== ',') return table.split(/\r\n/).flatMap((line) => line.split(separator));
  return [...table.matchAll(/"((?:[^"]|"")*)"|([^,\r\n]+)/g)].map(([, quoted, plain]) =>
    (quoted ?? plain ?? '').replaceAll('""', '"'),
  );
}
const computes = (table: string, separator: string) =>
  cellsOf(table, separator).find((cell) => /^[\s"'`]*[=+@]/.test(cell.replace(/^["\s]*'/, 'x'))) ??
  'nothing is computed';

const found = ({ head, entries }: Pick<Files, 'head' | 'entries'>, key: VerifierKeys): string => {
  const verifier = new ReportVerifier(head, key);
  const faults = [...entries.flatMap((entry) => verifier.next(entry)), ...verifier.finish(entries.length)];
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort();
  return kinds.length === 0 ? 'nothing was found' : kinds.join(', ');
};
/** A report that was tampered with passes only where nothing of that kind is found. */
const passes = (
  id: string,
  what: string,
  kind: string,
  tamper: (it: Scene) => { readonly head?: EntriesHead; readonly entries?: readonly EntryLine[] },
) =>
  tries<Scene>(id, `have a report pass in which ${what}`, `found: ${kind}`, (_, it) => {
    const kinds = found({ ...it, ...tamper(it) }, it.key);
    return kinds.split(', ').includes(kind) ? `found: ${kind}` : kinds;
  });
const first = (it: Scene, change: (entry: EntryLine) => EntryLine) => ({
  entries: it.entries.map((entry, n) => (n === 0 ? change(entry) : entry)),
});

const made = family<Scene>('reports', 'made', {
  prepare: scene,
  attempts: [
    tries<Scene>('script', 'run a script in the page', 'text', (_, { page }) =>
      /<script|<img|onerror=[^&]*>|javascript:/i.test(page.replaceAll(/&[^;]+;/g, '')) && /<script|<img/.test(page)
        ? 'it runs'
        : 'text',
    ),
    tries<Scene>(
      'fetched',
      'have the page fetch something',
      'nothing',
      (_, { page }) => /<[^>]*\s(?:src|href|action|data|poster|srcset)\s*=|url\(|@import/i.exec(page)?.[0] ?? 'nothing',
    ),
    tries<Scene>(
      'policy',
      'have the page run what gets into it',
      "default-src 'none'",
      (_, { page }) =>
        /http-equiv="Content-Security-Policy" content="(default-src 'none')/.exec(page)?.[1] ?? 'no policy',
    ),
    ...[',', ';', '\t', '|'].map((separator) =>
      tries<Scene>(
        `formula-${separator.charCodeAt(0)}`,
        `have a spreadsheet compute that parts cells by ${JSON.stringify(separator)}`,
        'nothing is computed',
        (_, { table }) => computes(table, separator),
      ),
    ),
    tries<Scene>('rows', 'put a row into the table', 'a row for each', (_, { table, entries }) =>
      table.trimEnd().split(/\r\n|\r|\n/).length === entries.length + 1 ? 'a row for each' : 'another number',
    ),
    tries<Scene>('entries', 'put an entry among the others', 'a line for each', (_, { lines, head }) =>
      lines.trimEnd().split(/\r\n|\r|\n|\u2028/).length === head.receipts + 1 ? 'a line for each' : 'another number',
    ),
    tries<Scene>('personal', 'have the report show what is personal', 'nothing', (_, { lines, table, page }) =>
      [lines, table, page].some((text) => text.includes(NAME)) ? NAME : 'nothing',
    ),
    tries<Scene>('tenant', 'have it say something of another tenant', 'nothing', (_, { other, name }) =>
      [other.lines, other.table, other.page].some((text) => text.includes(name)) ? name : 'nothing',
    ),
    tries<Scene>('named', 'have a report of another tenant by its name', 'nothing', async (world) => {
      const { entries } = await reported(world, 'spy', ALPHA);
      return entries.some(({ receipt }) => receipt.startsWith(`${ALPHA}/`)) ? 'of alpha' : 'nothing';
    }),
    tries<Scene>('edges', 'have a receipt fall between two periods, or into both', 'each in one', async (world, it) => {
      const middle = it.entries[it.entries.length >> 1]?.timestamp as string;
      const before = await reported(world, 'crm', ALPHA, { ...ALWAYS, to: middle });
      const after = await reported(world, 'crm', ALPHA, {
        from: middle,
        to: new Date(Date.now() + 1_000).toISOString(),
      });
      const refs = [...before.entries, ...after.entries].map(({ receipt }) => receipt);
      const isWhole = it.entries.every(({ receipt }) => refs.includes(receipt));
      return isWhole && new Set(refs).size === refs.length ? 'each in one' : 'otherwise';
    }),
    tries<Scene>('huge', 'have it draw a column for each hour of eight thousand years', 'bounded', (_, { page }) =>
      page.length < 1_000_000 ? 'bounded' : `${page.length} characters`,
    ),
    tries<Scene>('cancelled', 'have half a report left behind', 'enough', async (world) => {
      const signal = AbortSignal.abort(new Error('enough'));
      return await reported(world, 'spy', BETA, ALWAYS, signal).then(
        () => 'it was made',
        (error: Error) => error.message,
      );
    }),
    passes('entry', 'an entry was changed', 'altered', (it) =>
      first(it, (entry) => ({ ...entry, agent_id: 'mallory' })),
    ),
    passes('hash', 'a hash was changed', 'rewritten', (it) =>
      first(it, (entry) => ({ ...entry, hash: 'a'.repeat(64) })),
    ),
    passes('dropped', 'an entry is missing', 'missing', ({ entries }) => ({ entries: entries.slice(1) })),
    passes('doubled', 'an entry stands twice', 'reordered', ({ entries }) => ({
      entries: [entries[0] as EntryLine, ...entries.slice(0, -1)],
    })),
    passes('moved', 'an entry stands elsewhere', 'reordered', ({ entries }) => ({
      entries: [...entries.slice(1), entries[0] as EntryLine],
    })),
    passes('period', 'the period is another', 'misplaced', ({ head }) => ({ head: { ...head, to: head.from } })),
    passes('other', 'the entries are those of another tenant', 'misplaced', ({ other }) => ({
      entries: other.entries,
    })),
    passes('proofs', 'nothing has a proof', 'unproven', ({ head, entries }) => ({
      head: { ...head, checkpoint: null },
      entries: entries.map((entry) => ({ ...entry, proof: null })),
    })),
    passes('other-log', 'the proofs are of another log', 'other-key', ({ head, other }) => ({
      head: { ...head, checkpoint: other.head.checkpoint },
    })),
    passes('signature', 'the checkpoint is another', 'forged', ({ head }) => ({
      head: {
        ...head,
        checkpoint: head.checkpoint && {
          ...head.checkpoint,
          note: head.checkpoint.note.replace(/\n(\d+)\n/, '\n1$1\n'),
        },
      },
    })),
  ],
  control: {
    does: 'the report as it was made holds',
    expected: 'nothing was found',
    run: (_, it) => Promise.resolve(found(it, it.key)),
  },
});

export const reports = [made];
