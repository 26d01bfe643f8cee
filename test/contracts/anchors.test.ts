/** Anchors on this machine. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
