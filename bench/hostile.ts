/**
 * What somebody who means no good takes from others: the same work is done with and without an attack, in turn, by
 * agents of many tenants. The attacker is a process of its own that leaves the others the processor, as one on another
 * machine would.
 */
import { type ChildProcess, fork } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { readLog, Verification } from '../samples/demo/log';
import { ATTACK_NAMES, type AttackName, type Target, type ToAttacker } from './hostile-attacks';
import { Honest } from './hostile-honest';
import { cpuMsOf, median, rssOf } from './measure';

export interface HostileSettings {
  readonly tenants: number;
  /** Tasks of one measurement, and how many there are of each kind. */
  readonly tasks: number;
  readonly rounds: number;
  /** Of the attacks; 1: as much as one machine can. */
  readonly scale: number;
}

export interface AttackReport {
  /** Seconds for the same work: medians. */
  readonly quietSeconds: number;
  readonly attackedSeconds: number;
  /** Their ratio less 1. */
  readonly slower: number;
  /** Cores that the host used, at the median. */
  readonly quietCores: number;
  readonly attackedCores: number;
  /** Of the host afterwards. */
  readonly rssMb: number | null;
}

export interface HostileReport {
  readonly tenants: number;
  readonly scale: number;
  readonly attacks: Readonly<Record<AttackName, AttackReport>>;
  /** Tasks of the others that were asked for, and that are completed; agents of them that were lost. */
  readonly tasks: number;
  readonly completed: number;
  readonly agentsLost: number;
}

const ATTACKER = path.join(__dirname, 'hostile-attacks.js');
const WARM_UP = 3;

export async function benchHostile(folder: string, settings: HostileSettings, show: boolean): Promise<HostileReport> {
  const { tenants, tasks, rounds, scale } = settings;
  const data = path.join(folder, 'hostile');
  const host = new HostProcess({ data, port: await freePort() });
  await host.start();
  const honest = new Honest(host.url, tenants);
  const attacks: Partial<Record<AttackName, AttackReport>> = {};
  let asked = 0;
  const work = async (count: number) => {
    asked += count;
    const before = cpuMsOf(host.pid);
    const seconds = await honest.batch(count);
    return { seconds, cores: (cpuMsOf(host.pid) - before) / 1_000 / seconds };
  };
  try {
    await honest.start();
    for (let i = 0; i < WARM_UP; i += 1) await work(tasks);
    for (const attack of ATTACK_NAMES) {
      const attacker = new Attacker({ port: Number(new URL(host.url).port), tenants, scale });
      const quiet: { seconds: number; cores: number }[] = [];
      const attacked: typeof quiet = [];
      try {
        for (let round = 0; round < rounds; round += 1) {
          quiet.push(await work(tasks));
          await attacker.tell({ kind: 'begin', attack });
          attacked.push(await work(tasks));
          await attacker.tell({ kind: 'end' });
        }
      } finally {
        attacker.kill();
      }
      const of = (runs: typeof quiet, of: 'seconds' | 'cores') => median(runs.map((run) => run[of]));
      const [quietSeconds, attackedSeconds] = [of(quiet, 'seconds'), of(attacked, 'seconds')];
      attacks[attack] = {
        quietSeconds,
        attackedSeconds,
        slower: attackedSeconds / quietSeconds - 1,
        quietCores: of(quiet, 'cores'),
        attackedCores: of(attacked, 'cores'),
        rssMb: rssOf(host.pid),
      };
      if (show)
        process.stderr.write(`    ${attack}: ${((attackedSeconds / quietSeconds - 1) * 100).toFixed(0)} % slower\n`);
    }
  } finally {
    await honest.stop();
    await host.stop();
  }
  return {
    tenants,
    scale,
    attacks: attacks as Record<AttackName, AttackReport>,
    tasks: asked,
    ...judged(data),
  };
}

/** What the receipts say about those that did their work. */
function judged(data: string): Pick<HostileReport, 'completed' | 'agentsLost'> {
  const log = new Verification();
  let [completed, agentsLost] = [0, 0];
  for (const { stream, events } of log.over(readLog(data))) {
    if (!stream.startsWith('honest-')) continue;
    for (const { type } of events) {
      if (type === 'TaskCompleted') completed += 1;
      if (type === 'AgentLost') agentsLost += 1;
    }
  }
  return { completed, agentsLost };
}

/** The attacker's process. */
class Attacker {
  private readonly child: ChildProcess;

  constructor(target: Target) {
    this.child = fork(ATTACKER, [JSON.stringify(target)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    os.setPriority(this.child.pid as number, os.constants.priority.PRIORITY_LOW);
  }

  /** Resolves when it is done. */
  async tell(message: ToAttacker): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.child.once('message', (text: string) => (text === 'done' ? resolve() : reject(new Error(text))));
      this.child.once('exit', () => reject(new Error('the attacker has ended')));
      this.child.send(message);
    });
    this.child.removeAllListeners('exit');
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
