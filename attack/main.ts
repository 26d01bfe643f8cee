/**
 * `npm run attack`: a host of its own, and everything that must not succeed against it. Ends with 1 when something has
 * succeeded, was refused for another reason than it must be, or could not have been done legitimately either.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { type Engine, openEngine, type Profile, PROFILES } from '../samples/demo/engine';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { type Area, AREAS, type Hearing } from './attempt';
import { attack, type AttackReport, familiesOf, holds } from './run';
import { World } from './world';

interface Options {
  readonly only?: readonly Area[];
  readonly profile: Profile;
  readonly list: boolean;
  readonly json: boolean;
}

const program = new Command('npm run attack --')
  .description(
    'Attacks a host that it starts itself, with identity and policy on, and tells what came of each attempt.',
  )
  .addOption(new Option('--only <area...>', 'these areas alone').choices(AREAS))
  .addOption(
    new Option('--profile <name>', 'what the host stores in: a folder, or test servers of the Azure services')
      .choices(PROFILES)
      .default('embedded'),
  )
  .option('--list', 'show every attempt with what it got, not only those that need a look', false)
  .option('--json', 'print all attempts, and at the end the counts, as JSON, a line each', false)
  .action(run);

void program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});

async function run({ only, profile, list, json }: Options): Promise<void> {
  const families = familiesOf(only);
  const total = families.reduce((sum, { size }) => sum + size, 0);
  const data = mkdtempSync(join(tmpdir(), 'formicary-attack-'));
  let engine: Engine | undefined;
  let host: HostProcess | undefined;
  let world: World | undefined;
  try {
    engine = await openEngine(profile, data);
    const { environment, isHandled } = engine;
    world = await World.open(async (settings) => {
      host = new HostProcess({ data, port: await freePort(), environment: { ...environment, ...settings } });
      await host.start();
      const { url, log } = host;
      return { url, isHandled, output: () => readFileSync(log, 'utf8') };
    });
    const report = await attack(world, families, { profile, heard: json ? lines() : progress(total, list) });
    if (json) print(summaryOf(report));
    else process.stdout.write(`${tableOf(report)}\n`);
    if (!holds(report)) process.exitCode = 1;
  } finally {
    await world?.close();
    await host?.stop();
    engine?.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

const print = (value: object) => void process.stdout.write(`${JSON.stringify(value)}\n`);

function lines(): Hearing {
  return { attempt: print, control: print };
}

function summaryOf({ results: _, controlResults: __, ...counts }: AttackReport): object {
  return counts;
}

/** On standard error, so that the table alone is the result. */
function progress(total: number, list: boolean): Hearing {
  let done = 0;
  const say = (text: string) => void process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  return {
    attempt({ id, tried, got, written, verdict }) {
      done += 1;
      const left = written.length === 0 ? '' : `; written: ${written.join(', ')}`;
      if (verdict !== 'refused' || list) say(`${verdict.toUpperCase()} ${id}: ${tried}: ${got}${left}\n`);
      else if (process.stderr.isTTY || done % 50 === 0) say(`${done} of ${total}: ${id}`);
    },
    control({ family, does, expected, got, good }) {
      if (!good) say(`CONTROL ${family}: ${does}: expected ${expected}, got ${got}\n`);
    },
  };
}

function tableOf({
  byArea,
  attempts,
  successes,
  otherwise,
  controls,
  failedControls,
  seconds,
  profile,
}: AttackReport): string {
  const table = new Table({
    head: ['area', 'attempts', 'succeeded', 'refused otherwise'],
    style: { head: [], border: [] },
  });
  for (const [area, count] of Object.entries(byArea))
    table.push([area, count.attempts, count.successes, count.otherwise]);
  table.push(['all', attempts, successes, otherwise]);
  const failed = failedControls === 0 ? 'all succeed' : `${failedControls} fail`;
  return `${table.toString()}\n${controls} times the same was done by who may do it: ${failed}. Profile ${profile}, ${seconds} s.`;
}
