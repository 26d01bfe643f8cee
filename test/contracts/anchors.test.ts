/** Anchors on this machine. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { FolderAnchor, GitAnchor } from '../../adapters/receipts/anchors';
import type { Anchor } from '../../app/engine/ports';
import { anchorContract, type OpenedAnchor } from './anchor.contract';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-anchor-'));
  execFileSync('git', ['-C', folder, 'init', '--quiet']);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const opened = (anchor: Anchor): OpenedAnchor => ({
  anchor,
  kept: async (tenant) =>
    await Promise.resolve(
      readdirSync(join(folder, tenant))
        .sort()
        .map((name) => [`${tenant}/${name}`, readFileSync(join(folder, tenant, name), 'utf8')] as const),
    ),
});

anchorContract('a folder', () => opened(new FolderAnchor(folder)));
anchorContract('a Git repository', () => opened(new GitAnchor(folder)));

test('a checkpoint never stands half-written under its name, where a kill would leave it so', async () => {
  const note = 'a line of a note\n'.repeat(1_000_000);
  const sizes = new Set<number | undefined>();
  let isKept = false;
  const kept = new FolderAnchor(folder).keep('acme', 2, note).finally(() => (isKept = true));
  while (!isKept) {
    sizes.add(statSync(join(folder, 'acme/000000000002.checkpoint'), { throwIfNoEntry: false })?.size);
    await turn();
  }
  await kept;
  sizes.delete(undefined);
  expect([...sizes].filter((size) => size !== note.length)).toEqual([]);
  expect(readdirSync(join(folder, 'acme'))).toEqual(['000000000002.checkpoint']);
});
