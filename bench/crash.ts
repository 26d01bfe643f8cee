/**
 * `npm run crash`: a host under load is killed with SIGKILL at random instants and started again on the same store; it,
 * or a process of agents, is stopped for a while and goes on; its machine's clock is set ahead or back, and right
 * again. Clients send their commands with Idempotency-Keys, and try again until they have an answer. Afterwards every
 * receipt that was acknowledged has to be in the log with the same hash, nothing may have been done twice, and no agent
 * that lives may have been declared lost.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { isHeld } from '../adapters/embedded/folder';
import { within } from '../local/within';
import { random } from '../samples/demand/profile';
import { openEngine, type Profile, PROFILES } from '../samples/demo/engine';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { Verification } from '../samples/demo/log';
import { progress } from '../samples/demo/progress';
import { SHIFT_FILE } from './clock-shift';
import { AGENT, PAUSED } from './crash-agents';
import { DecisionLoad } from './crash-approvals';
import { LossWatch } from './crash-report';
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
/**
 * How long a host is stopped at most, which is longer than its agents may be silent; and agents, which is shorter.
 * Milliseconds.
 */
const HOST_PAUSE_MS = 7_000;
const AGENTS_PAUSE_MS = 1_500;
const PAUSED_AGENTS = 8;
/** By how much a clock is set, ahead or back, and for how long at most. Milliseconds. */
const STEPS_MS = [10_000, 3_600_000, 86_400_000, 30 * 86_400_000];
const STEP_LASTS_MS = 8_000;
/** How often, where nobody says. */
const KILLS = 20;
const DISTURBANCES = 10;

interface Options {
  readonly profile: Profile;
  readonly scenario: keyof typeof SCENARIOS;
  readonly kills?: number;
  readonly pause?: number | true;
  readonly clock?: number | true;
  readonly seconds: number;
  readonly seed: number;
  readonly json: boolean;
  readonly keep: boolean;
}

const number =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`give a whole number from ${min} to ${max}`);
    return value;
  };

const program = new Command('npm run crash --')
  .description(
    'Kills a host under load with SIGKILL, stops it, sets its clock, again and again, and looks whether anything that it acknowledged is lost.',
  )
  .addOption(
    new Option('--scenario <name>', 'what is going on meanwhile').choices(Object.keys(SCENARIOS)).default('tasks'),
  )
  .addOption(
    new Option(
      '--profile <name>',
      'what the host stores in: a folder, or test servers of ours that speak the protocols of the Azure services',
    )
      .choices(PROFILES)
      .default('embedded'),
  )
  .option('--kills <n>', `how often the host is killed (${KILLS}; 0 with --pause or --clock)`, number(1, 10_000))
  .option('--pause [n]', `how often the host or agents are stopped for a while (${DISTURBANCES})`, number(1, 10_000))
  .option(
    '--clock [n]',
    `how often the clock of the host's machine is set wrong for a while (${DISTURBANCES})`,
    number(1, 10_000),
  )
  .option('--seconds <n>', 'nothing of that after so many seconds', number(1, 86_400), 120)
  .option(
    '--seed <n>',
    'decides when the host is killed and what the clients ask for',
    number(0, 2 ** 32 - 1),
    Date.now() % 1_000_000,
  )
  .option('--json', 'end with one line of JSON on standard output', false)
  .option('--keep', 'keep the store in .formicary/crash', false);

type Disturbance = 'kill' | 'pause' | 'clock';

/** What is done to the host, in an order that is drawn. */
function plan(
  { kills, pause: pauses, clock: steps }: Pick<Options, 'kills' | 'pause' | 'clock'>,
  draw: () => number,
): Disturbance[] {
  const count = (given: number | true | undefined): number => (given === true ? DISTURBANCES : (given ?? 0));
  const of = (what: Disturbance, times: number): Disturbance[] => Array.from({ length: times }, () => what);
  const all = [
    ...of('kill', kills ?? (pauses === undefined && steps === undefined ? KILLS : 0)),
    ...of('pause', count(pauses)),
    ...of('clock', count(steps)),
  ];
  return all
    .map((what) => ({ what, place: draw() }))
    .sort((a, b) => a.place - b.place)
    .map(({ what }) => what);
}

/** Stops a process for a while, as a closed lid or a busy machine does. */
async function stopFor(pid: number, milliseconds: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  try {
    await pause(milliseconds);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

async function crash(options: Options, cleanups: (() => void)[]): Promise<boolean> {
  const { profile, scenario, seconds, seed, json, keep } = options;
  const began = performance.now();
  const data = path.join(ROOT, '.formicary/crash');
  if (isHeld(data)) throw new Error(`another crash test uses ${data}: wait for it`);
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  const draw = random(seed);
  const engine = await openEngine(profile, data);
  cleanups.push(() => engine.stop());
  const shift = path.join(data, 'clock-shift');
  const execArgv = ['--require', path.join(__dirname, 'clock-shift.js')];
  const host = new HostProcess({
    data,
    port: await freePort(),
    environment: { ...engine.environment, [SHIFT_FILE]: shift },
    execArgv,
  });
  cleanups.push(() => void host.kill());
  const planned = plan(options, draw);
  process.stderr.write(`\n  ${planned.length} disturbances, seed ${seed}\n`);
  await host.start();
  let agents: ChildProcess | undefined;
  if (scenario === 'tasks' && planned.includes('pause')) {
    agents = fork(path.join(__dirname, 'crash-agents.js'), [host.url, String(PAUSED_AGENTS), String(seed + 2)], {
      env: { ...process.env, FORMICARY_KEY: host.key },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    cleanups.push(() => agents?.kill('SIGKILL'));
  }

  let failure: Error | undefined;
  const load = new SCENARIOS[scenario](host, random(seed + 1), (error) => (failure ??= error));
  cleanups.push(() => void load.stop());
  load.start();
  const bar = progress('disturbances', planned.length);
  cleanups.push(() => bar.stop());
  const done = { kill: 0, pause: 0, clock: 0 };
  const befall: Readonly<Record<Disturbance, () => Promise<void>>> = {
    async kill() {
      await host.kill();
      if (Math.floor(draw() * STILLBORN) === 0) {
        host.launch();
        await pause(draw() * STILLBORN_MS);
        await host.kill();
      }
      await host.start();
    },
    async pause() {
      if (agents?.pid !== undefined && draw() < 0.4) await stopFor(agents.pid, draw() * AGENTS_PAUSE_MS);
      else await stopFor(host.pid as number, draw() * HOST_PAUSE_MS);
    },
    async clock() {
      const by = STEPS_MS[Math.floor(draw() * STEPS_MS.length)] as number;
      writeFileSync(shift, String(draw() < 0.5 ? by : -by));
      await pause(draw() * STEP_LASTS_MS);
      writeFileSync(shift, '0');
    },
  };
  for (const what of planned) {
    if (failure !== undefined || performance.now() - began > seconds * 1000) break;
    await pause(draw() * LIFE_MS);
    await befall[what]();
    done[what] += 1;
    bar.update(
      done.kill + done.pause + done.clock,
      `${load.acknowledged.length} commands acknowledged, ${load.repeated} of them again`,
    );
  }
  bar.stop();
  await pause(500);
  const until = performance.now() + DRAIN_MS;
  await within(DRAIN_MS / 1_000, load.stopPosting());
  while (failure === undefined && performance.now() < until) {
    if ((await engine.isHandled()) && (await load.drained())) break;
    await pause(200);
  }
  await load.stop();
  agents?.kill('SIGKILL');
  await host.stop();
  if (failure !== undefined) throw failure;

  const log = new Verification();
  const losses = new LossWatch([AGENT, PAUSED]);
  const { figures: examined, problems: found } = load.examine(losses.over(log.over(await engine.log())));
  const figures = { ...examined, livingLost: losses.livingLost.length };
  const report = {
    kills: done.kill,
    pauses: done.pause,
    clockSteps: done.clock,
    ...figures,
    commits: log.commits,
    verified: log.verified,
    seconds: Math.round((performance.now() - began) / 100) / 10,
  };
  const problems = [
    ...found,
    ...losses.livingLost.map((receipt) => `lost though it lives: ${receipt}`),
    ...log.faults.map(({ message }) => message),
  ];
  process.stdout.write(
    `\n  ${done.kill} kills, ${done.pause} pauses and ${done.clock} steps of the clock in ${report.seconds} s, ${log.commits} receipts in ${log.streams} chains, which are ${log.verified ? 'verified' : 'BROKEN'}; ${load.repeated} answers were given again\n` +
      `  ${Object.entries(figures)
        .map(([name, figure]) => `${wordsOf(name)} ${figure}`)
        .join(', ')}\n` +
      problems
        .slice(0, 20)
        .map((problem) => `  ${problem}\n`)
        .join(''),
  );
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (problems.length > 0 || keep)
    process.stderr.write(`  the ${engine.exported === undefined ? 'store' : 'export of the log'} is kept in ${data}\n`);
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
