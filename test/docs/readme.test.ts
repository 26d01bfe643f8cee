/**
 * What the README tells to look at can be looked at, on a host where something has happened, by its commands as they
 * stand.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { startTestHost } from '../support/host';
import { blocksOf, commandsOf, pageOf, readOn, shell } from './walk';

const README = pageOf('README.md');
const LOOK = README.slice(README.indexOf('## Look around'), README.indexOf('## For developers'));
const COMMANDS = blocksOf(LOOK, 'sh').flatMap(commandsOf);

test('every command of "Look around" works as it stands', async () => {
  const host = await startTestHost();
  const client = new Formicary({ url: host.url });
  const ada = client.as('ada-1');
  await ada.agents.register({ id: 'ada-1', agent_type: 'finance.reconciliation', limits: { presence_seconds: 3_600 } });
  const { task } = await client.tasks.post({
    task_type: 'finance.reconciliation',
    accept_seconds: 3_600,
    lease_seconds: 3_600,
  });
  while ((await client.tasks.get(task.id)).status !== 'awarded') await readOn(50);
  await ada.tasks.accept(task.id, { award: 1 });
  await ada.tasks.complete(task.id, { award: 1 });
  const electorate = { algorithm: 'simple_majority', voters: [{ id: 'ada-1', why: 'asked' }] } as const;
  const { round } = await client.rounds.open({ question: 'Ship?', kind: 'question', impact: 'medium', electorate });
  const { snapshot, pass } = await client.rounds.get(round.id);
  await ada.rounds.vote(round.id, { choice: 'approve', confidence: 0.9, reasoning: 'it is ready', snapshot, pass });

  const folder = mkdtempSync(join(tmpdir(), 'formicary-readme-'));
  const backup = join(folder, 'backup');
  const given: Readonly<Record<string, string>> = {
    TASK: task.id,
    ROUND: round.id,
    FOLDER: backup,
    '.formicary/demo': host.data,
  };
  const tried: string[] = [];
  for (const told of COMMANDS) {
    const [, verb = ''] = /^npx formicary (\S+)/.exec(told) ?? [];
    if (verb === 'start') continue;
    const command = told.replaceAll(/\b(?:TASK|ROUND|FOLDER)\b|\.formicary\/demo/g, (name) => given[name] as string);
    await readOn(300);
    // It would wait until somebody ends it.
    const run = shell(verb === 'tail' ? `${command} --limit 1` : command, {
      FORMICARY_URL: host.url,
      FORMICARY_DATA: host.data,
    });
    if (verb === 'tail')
      for (let i = 0; i < 100 && !(await isOver(run)); i += 1)
        await client.signals.emit({ type: 'poke', location: 'x', strength: 0.1 });
    const { code, output } = await run;
    expect([command, code, output]).toEqual([command, 0, expect.stringMatching(/\S/)]);
    tried.push(verb);
  }
  expect(tried).toEqual(
    expect.arrayContaining(['verify', 'post', 'agents', 'tail', 'why', 'recompute', 'tally', 'doctor', 'backup']),
  );
  expect(existsSync(join(backup, 'formicary.db'))).toBe(true);
  rmSync(folder, { recursive: true });
  client.close();
  await host.stop();
}, 120_000);

/** Looked at a quarter of a second later. */
async function isOver(run: Promise<unknown>): Promise<boolean> {
  return await Promise.race([run.then(() => true), readOn(250).then(() => false)]);
}

test('whatever a page tells to type can be typed: `npx formicary`, since the name alone leads nowhere after npm ci', () => {
  const pages = [
    'README.md',
    'docs/agents.md',
    'docs/decisions-guide.md',
    'docs/operation.md',
    'docs/kernel.md',
    'docs/observability.md',
    'docs/deploy.md',
    'docs/problems.md',
  ];
  for (const page of pages) {
    const typed = [...pageOf(page).matchAll(/(?:`|^\$ |^ *|&& |\| )formicary [a-z-]+/gm)].map(
      ([call]) => `${page}: ${call.trim()}`,
    );
    expect(typed).toEqual([]);
  }
});
