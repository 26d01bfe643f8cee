/** What is taken out of a folder: an export that verifies, and what a damaged log still holds. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Database, DATABASE_FILE } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import type { LogLine } from '../../adapters/embedded/read-only-log';
import { audit } from '../../adapters/embedded/verification';
import { loadExport } from '../../cli/log-file';
import { Formicary } from '../../client/client';
import { canonicalize, seal, sha256 } from '../../domain/kernel/commit';
import { chain } from '../support/commits';
import { startTestHost } from '../support/host';
import { formicary } from './support';
import { A, B, C, good, root } from './tampered-log';

describe('salvage', () => {
  const BIG = 'big/task/t';
  let data: string;
  let lines: LogLine[];

  /** Receipts on many pages, some of them larger than a page. */
  beforeAll(async () => {
    data = join(root, 'salvage');
    const database = await Database.open(data);
    const store = await SqliteEventStore.open(database);
    for (const stream of [A, B, C]) {
      const commits = chain(stream, 60);
      await store.append({ stream, expected: -1, commits });
    }
    let previous: string | null = null;
    for (let index = 0; index < 6; index += 1) {
      const [first] = chain(BIG, 1);
      const commit = seal({
        ...first!.commit,
        index,
        previousHash: previous,
        events: [{ type: 'Noted', v: 1, data: { text: 'ü'.repeat(index * 3_000) } }],
      });
      await store.append({ stream: BIG, expected: index - 1, commits: [commit] });
      previous = commit.commit.hash;
    }
    // As after a kill: all of it is in the write-ahead log.
    cpSync(data, `${data}-killed`, { recursive: true });
    await database.close();
    lines = (await formicary(['export', '--data', data])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LogLine);
    expect(lines).toHaveLength(186);
  }, 30_000);

  const saved = async (folder: string) => {
    const { code, stdout, stderr } = await formicary(['export', '--salvage', '--data', folder]);
    return {
      code,
      stderr,
      lines: stdout
        .trim()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LogLine),
    };
  };
  const damaged = (name: string, damage: (bytes: Buffer) => void) => {
    const folder = join(root, name);
    cpSync(data, folder, { recursive: true });
    const bytes = readFileSync(join(folder, DATABASE_FILE));
    damage(bytes);
    writeFileSync(join(folder, DATABASE_FILE), bytes);
    return folder;
  };

  test('of a sound file: all of it, also out of the write-ahead log', async () => {
    expect(await saved(data)).toEqual({ code: 0, stderr: '', lines });
    expect(await saved(`${data}-killed`)).toEqual({ code: 0, stderr: '', lines });
  }, 30_000);

  test('with a page overwritten: everything else, and it says what is missing', async () => {
    const folder = damaged('salvage-page', (bytes) => {
      const page = bytes.indexOf(`"stream":"${B}"`) & ~4095;
      bytes.fill(0xaa, page, page + 4096);
    });
    expect((await formicary(['verify', '--data', folder])).code).toBe(1);
    const { code, stderr, lines: found } = await saved(folder);
    expect(code).toBe(1);
    expect(found.length).toBeGreaterThan(150);
    expect(found.length).toBeLessThan(186);
    const kept = new Set(found.map(({ hash }) => hash));
    expect(found).toEqual(lines.filter(({ hash }) => kept.has(hash)));
    const lost = lines.flatMap(({ hash }, i) => (kept.has(hash) ? [] : [i + 1]));
    expect(stderr).toContain(`what stood at places ${lost[0]} to`);
    expect(stderr).toContain(`not read: ${B}, commit`);
  }, 30_000);

  test('of a file that is empty: it says that there is no log, wherever it is read', async () => {
    const folder = join(root, 'salvage-empty');
    cpSync(data, folder, { recursive: true });
    writeFileSync(join(folder, DATABASE_FILE), '');
    for (const command of [['export'], ['why', 't'], ['tally', 't'], ['recompute', 't']]) {
      const { code, stderr } = await formicary([...command, '--data', folder]);
      expect([command, code, stderr]).toEqual([
        command,
        2,
        expect.stringContaining(`${DATABASE_FILE} holds no log: it is empty`),
      ]);
    }
  }, 30_000);

  test("a place that can't be written is named", async () => {
    const nowhere = join(root, 'nowhere', 'file');
    const { code, stderr } = await formicary(['export', nowhere, '--data', data]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`${nowhere} can't be used: there is no such`)]);
  }, 30_000);

  test('with the head of the file gone: all receipts', async () => {
    const folder = damaged('salvage-head', (bytes) => bytes.fill(0, 0, 4096));
    for (const args of [['export'], ['why', 't'], ['tally', 't'], ['recompute', 't']]) {
      const { code, stderr } = await formicary([...args, '--data', folder]);
      expect({ args, code, stderr }).toEqual({
        args,
        code: 2,
        stderr: expect.stringMatching(/formicary\.db is damaged .*--salvage/) as string,
      });
    }
    expect((await saved(folder)).lines).toEqual(lines);
  }, 30_000);

  test('an altered receipt is saved as it stands, and named', async () => {
    const folder = damaged('salvage-altered', (bytes) => {
      const place = bytes.lastIndexOf(`"stream":"${C}"`);
      bytes[place + 10]! ^= 1;
    });
    const { code, stderr, lines: found } = await saved(folder);
    expect([code, found.length]).toEqual([1, 186]);
    expect(stderr).toMatch(/^altered: other\/agent\/c@\d+ does not hash to what it says/m);
  }, 30_000);
});

describe('exports', () => {
  test('from a folder: the stored bytes, all tenants or one, plain or compressed', async () => {
    const file = join(root, 'all.ndjson');
    const { code, stderr } = await formicary(['export', file, '--data', good]);
    expect(code).toBe(0);
    expect(stderr).toContain(`13 receipts of all tenants in ${file}`);
    const lines = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LogLine);
    expect(lines.map(({ stream, index }) => `${stream}@${index}`).slice(0, 4)).toEqual([
      `${A}@0`,
      `${B}@0`,
      `${C}@0`,
      `${A}@1`,
    ]);
    expect(lines.every(({ hash, body }) => sha256(body) === hash)).toBe(true);
    expect((await formicary(['verify', '--export', file])).stdout).toContain('3 streams, 13 commits, no faults');

    const packed = join(root, 'one.ndjson.gz');
    await formicary(['export', packed, '--data', good, '--tenant', 'other']);
    expect(gunzipSync(readFileSync(packed)).toString().trim().split('\n')).toHaveLength(3);
    expect((await formicary(['verify', '--export', packed])).stdout).toContain('1 stream, 3 commits, no faults');
    const { stdout } = await formicary(['export', '--data', good]);
    expect((await formicary(['verify', '--export', '-'], { input: stdout })).stdout).toContain(
      '3 streams, 13 commits, no faults',
    );
  });

  test('from a host: what the folder holds', async () => {
    const host = await startTestHost();
    const client = new Formicary({ url: host.url });
    await client.tasks.postMany(
      Array.from({ length: 250 }, (_, i) => ({
        id: `exported-${i}`,
        task_type: 'export.work',
        payload: { text: 'ä\u2028"\\', numbers: { 10: 1, 9: 2, é: 1e21 } },
      })),
    );
    await client.as('developer', 'other').tasks.post({ id: 'not-ours', task_type: 'export.work' });
    const file = join(root, 'host.ndjson.gz');
    const { code } = await formicary(['export', file, '--url', host.url]);
    expect(code).toBe(0);
    await client.tasks.get('exported-0');
    client.close();
    await host.kill('SIGTERM');
    const fromFolder = await formicary(['export', '--data', host.data, '--tenant', 'default']);
    expect(gunzipSync(readFileSync(file)).toString()).toBe(fromFolder.stdout);
    expect((await formicary(['verify', '--export', file])).stdout).toMatch(/25\d commits, no faults/);
    await host.stop();
  }, 60_000);

  describe('that were tampered with', () => {
    let lines: LogLine[];
    beforeAll(async () => {
      lines = (await formicary(['export', '--data', good])).stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as LogLine);
    });

    /** Places in the file: A@0 B@0 C@0 A@1 B@1 C@1 A@2 B@2 C@2 A@3 B@3 A@4 A@5. */
    test.each<[string, (lines: LogLine[]) => LogLine[], string[]]>([
      [
        'altered',
        (all) => all.map((line, i) => (i === 6 ? { ...line, body: line.body.replace('"n":2', '"n":7') } : line)),
        [`altered ${A}@2`],
      ],
      ['dropped', (all) => all.filter((_, i) => i !== 6), [`missing ${A}@3`]],
      ['doubled', (all) => [...all, all[6]!], [`inserted ${A}@2`]],
      [
        'reordered',
        (all) => [...all.slice(0, 3), all[6]!, ...all.slice(4, 6), all[3]!, ...all.slice(7)],
        [`reordered ${A}@2`],
      ],
      [
        'moved',
        (all) => all.map((line, i) => (i === 12 ? { ...line, stream: B, index: 4 } : line)),
        [`misplaced ${B}@4`, `inserted ${B}@4`],
      ],
    ])('%s', async (name, change, expected) => {
      const file = join(root, `${name}.ndjson.gz`);
      writeFileSync(
        file,
        gzipSync(
          change(lines)
            .map((line) => JSON.stringify(line))
            .join('\n'),
        ),
      );
      const log = await loadExport(file);
      expect(
        audit(log)
          .named.map(({ commit, kind }) => `${kind} ${commit}`)
          .sort(),
      ).toEqual([...expected].sort());
      log.close();
      expect((await formicary(['verify', '--export', file])).code).toBe(1);
    });

    test('files that are none', async () => {
      const broken = join(root, 'broken.ndjson.gz');
      writeFileSync(broken, gzipSync(lines.map((line) => JSON.stringify(line)).join('\n')).subarray(0, 200));
      expect(await formicary(['verify', '--export', broken])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('unexpected end of file'),
      });
      const other = join(root, 'other.ndjson');
      writeFileSync(other, `${JSON.stringify(lines[0])}\n${canonicalize({ no: 'receipt' })}\n`);
      expect(await formicary(['verify', '--export', other])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${other}, line 2 is not a line of an export`),
      });
      const doubled = join(root, 'doubled-name.ndjson');
      writeFileSync(
        doubled,
        lines
          .map((line, i) => JSON.stringify(line).replace('"body":', i === 1 ? '"body":"{}","body":' : '"body":'))
          .join('\n'),
      );
      expect(await formicary(['verify', '--export', doubled])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${doubled}, line 2 is not a line of an export`),
      });
      // `formicary export | formicary verify --export -`, and the first of them failed.
      expect(await formicary(['verify', '--export', '-'], { input: '\n' })).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('standard input holds no receipt'),
      });
      expect(await formicary(['verify', '--export', join(root, 'absent')])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('there is no file'),
      });
    });
  });
});
