/** The official conformance suite of MCP against a host: what its newest revision requires of a server. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startTestHost } from '../support/host';

const SUITE = join(__dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js');
const EXPECTED = join(__dirname, 'expected-failures.yml');

test('nothing fails but what is expected to, with reasons', async () => {
  const host = await startTestHost();
  const results = mkdtempSync(join(tmpdir(), 'formicary-mcp-'));
  const asked = ['--url', `${host.url}/mcp`, '--requirements', '2026-07-28', '--expected-failures', EXPECTED];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [SUITE, 'server', ...asked, '-o', results]).catch(
      (error: { stdout: string; stderr: string }) => {
        throw new Error(error.stdout.slice(error.stdout.indexOf('=== SUMMARY')) + error.stderr);
      },
    );
    for (const scenario of ['tools-list', 'resources-list', 'http-header-validation', 'dns-rebinding-protection'])
      expect(stdout).toMatch(new RegExp(`✓ ${scenario}: \\d+ passed, 0 failed`));
    const passed = Number(/^Total: (\d+) passed/m.exec(stdout)?.[1]);
    expect(passed).toBeGreaterThanOrEqual(100);
  } finally {
    rmSync(results, { recursive: true, force: true });
    await host.stop();
  }
});
