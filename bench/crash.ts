/**
 * `npm run crash`: a host under load is killed with SIGKILL at random instants and started again on the same store.
 * Clients send their commands with Idempotency-Keys, and try again until they have an answer. Afterwards every receipt
 * that was acknowledged has to be in the log with the same hash, and nothing may have been done twice.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { random } from '../samples/demand/profile';
import { PROFILES, openEngine, type Profile } from '../samples/demo/engine';
import { HostProcess, freePort } from '../samples/demo/host-process';
import { Verification, inUse } from '../samples/demo/log';
import { progress } from '../samples/demo/progress';
import { DecisionLoad } from './crash-approvals';
import { TaskLoad } from './crash-tasks';
import { pause } from './measure';

const ROOT = path.resolve(__dirname, '../..');
/** What is going on while the host is killed. */
const SCENARIOS = { tasks: TaskLoad, approvals: DecisionLoad };
/** Longest time between two kills, and longest life of a host that is killed before it is ready. Milliseconds. */
const LIFE_MS = 2_500;
const STILLBORN_MS = 900;
/** One kill in so many comes before the host is ready. */
const STILLBORN = 6;
const DRAIN_MS = 60_000;

interface Options {
  readonly profile: Profile;
  readonly scenario: keyof typeof SCENARIOS;
  readonly kills: number;
  readonly seconds: number;
  readonly seed: number;
  readonly json: boolean;
  readonly keep: boolean;
}

const number = (min: number, max: number) => (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) throw new InvalidArgumentError(`give a whole number from ${min} to ${max}`);
  return value;
};

const program = new Command('npm run crash --')
  .description('Kills a host under load with SIGKILL, again and again, and looks whether anything that it acknowledged is lost.')
  .addOption(new Option('--scenario <name>', 'what is going on meanwhile').choices(Object.keys(SCENARIOS)).default('tasks'))
  .addOption(new Option('--profile <name>', 'what the host stores in: a folder, or test servers of ours that speak the protocols of the Azure services').choices(PROFILES).default('embedded'))
  .option('--kills <n>', 'how often', number(1, 10_000), 20)
  .option('--seconds <n>', 'no kill after so many seconds', number(1, 86_400), 120)
  .option('--seed <n>', 'decides when the host is killed and what the clients ask for', number(0, 2 ** 32 - 1), Date.now() % 1_000_000)
  .option('--json', 'end with one line of JSON on standard output', false)
  .option('--keep', 'keep the store in .formicary/crash', false);

async function crash({ profile, scenario, kills, seconds, seed, json, keep }: Options, cleanups: (() => void)[]): Promise<boolean> {
  const began = performance.now();
  const data = path.join(ROOT, '.formicary/crash');
  if (inUse(data)) throw new Error(`another crash test uses ${data}: wait for it`);
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  const draw = random(seed);
  const engine = await openEngine(profile, data);
  cleanups.push(() => engine.stop());
  const host = new HostProcess({ data, port: await freePort(), environment: engine.environment });
  cleanups.push(() => void host.kill());
  process.stderr.write(`\n  ${kills} kills, seed ${seed}\n`);
  await host.start();

  let failure: Error | undefined;
  const load = new SCENARIOS[scenario](host.url, random(seed + 1), (error) => (failure ??= error));
  cleanups.push(() => void load.stop());
  load.start();
  const bar = progress('kills', kills);
  cleanups.push(() => bar.stop());
  let killed = 0;
  while (killed < kills && failure === undefined && performance.now() - began < seconds * 1000) {
    await pause(draw() * LIFE_MS);
    await host.kill();
    killed += 1;
    if (killed < kills && Math.floor(draw() * STILLBORN) === 0) {
      host.launch();
      await pause(draw() * STILLBORN_MS);
      await host.kill();
      killed += 1;
    }
    await host.start();
    bar.update(killed, `${load.acknowledged.length} commands acknowledged, ${load.repeated} of them again`);
  }
  bar.stop();
  await pause(500);
  load.stopPosting();
  for (const until = performance.now() + DRAIN_MS; failure === undefined && performance.now() < until; await pause(200)) if ((await engine.isHandled()) && (await load.drained())) break;
  await load.stop();
  await host.stop();
  if (failure !== undefined) throw failure;

  const log = new Verification();
  const { figures, problems: found } = load.examine(log.over(await engine.log()));
  const report = { kills: killed, ...figures, commits: log.commits, verified: log.verified, seconds: Math.round((performance.now() - began) / 100) / 10 };
  const problems = [...found, ...log.faults.map(({ message }) => message)];
  process.stdout.write(
    `\n  ${killed} kills in ${report.seconds} s, ${log.commits} receipts in ${log.streams} chains, which are ${log.verified ? 'verified' : 'BROKEN'}; ${load.repeated} answers were given again\n` +
      `  ${Object.entries(figures).map(([name, figure]) => `${wordsOf(name)} ${figure}`).join(', ')}\n` +
      problems.slice(0, 20).map((problem) => `  ${problem}\n`).join(''),
  );
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (problems.length > 0 || keep) process.stderr.write(`  the ${engine.exported === undefined ? 'store' : 'export of the log'} is kept in ${data}\n`);
  else rmSync(data, { recursive: true, force: true });
  return problems.length === 0;
}

/** `doneTwice` → `done twice` */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  const cleanups: (() => void)[] = [];
  const clean = (): void => {
    for (let step = cleanups.pop(); step !== undefined; step = cleanups.pop()) step();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clean();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  }
  try {
    process.exitCode = (await crash(options, cleanups)) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`\n  The crash test failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    clean();
  }
}

void main();
