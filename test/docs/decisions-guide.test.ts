/** The commands of docs/decisions-guide.md, run in their order against a fresh host, print what the page shows. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Formicary } from '../../client/client';
import { compiledApp, startTestHost } from '../support/host';

interface Step {
  readonly command: string;
  readonly expected: readonly string[];
}

/** `$ command`, over several lines where they end with `\`, and below it what it prints. */
function stepsOf(page: string): Step[] {
  const blocks = [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) => (block as string).trimEnd());
  return blocks.flatMap((block) =>
    block.split(/^\$ /m).slice(1).map((step) => {
      const [command = '', ...expected] = step.trimEnd().replaceAll('\\\n', ' ').split('\n');
      return { command, expected };
    }),
  );
}

/** `…` stands for anything within a line, and alone for any lines. */
function patternOf(lines: readonly string[]): RegExp {
  const quoted = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${lines.map((line) => (line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(quoted).join('.*')}\\n`)).join('')}$`);
}

test('every command prints what the page shows', async () => {
  const steps = stepsOf(readFileSync(join(__dirname, '../../docs/decisions-guide.md'), 'utf8'));
  expect(steps.length).toBeGreaterThan(10);
  const host = await startTestHost();
  const client = new Formicary({ url: host.url });
  const shell = `formicary() { "${process.execPath}" "${join(compiledApp(), 'dist/cli/main.js')}" "$@"; }`;
  const { FORMICARY_TENANT, FORMICARY_PRINCIPAL, FORMICARY_DATA, FORCE_COLOR, ...rest } = process.env;
  let approval = '';
  for (const { command, expected } of steps) {
    while ((await client.status()).feed.some(({ lag }) => (lag ?? 0) > 0)) await new Promise((resolve) => setTimeout(resolve, 20));
    // What the reader puts into the variable.
    approval = (await client.approvals.list({ status: 'waiting', kind: 'erp.order' })).value[0]?.id ?? approval;
    const { stdout } = await promisify(execFile)('sh', ['-c', `${shell}\n(${command}) 2>&1 || true`], { env: { ...rest, FORMICARY_URL: host.url, FORMICARY_DATA: host.data, APPROVAL: approval } });
    const printed = stdout.replaceAll(/[^\S\n]+$/gm, '');
    expect(`$ ${command}\n${printed}`).toMatch(patternOf([`$ ${command}`, ...expected.map((line) => line.replaceAll('$APPROVAL', approval))]));
  }
  client.close();
  await host.stop();
}, 60_000);
