/** The agent processes, seen from the parent: forked, told what to do, counted, ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { AgentCounts, AgentPlan, Behaviour, FromAgents, ToAgents } from './agents';

const PROGRAM = join(__dirname, 'agents.js');

interface Member {
  readonly child: ChildProcess;
  counts: AgentCounts;
  said: FromAgents['kind'] | undefined;
  wake: () => void;
}

const NOTHING: AgentCounts = { accepted: 0, completed: 0, failed: 0, vanished: 0, dropped: 0, voted: 0 };

export class Crew {
  private members: Member[] = [];
  private stopping = false;
  /** Why a process ended before its time. */
  failure: Error | undefined;

  /** Forks the processes and has each register its share of the agents. */
  async register(plans: readonly AgentPlan[], processes: number, behaviour: Behaviour): Promise<void> {
    for (let i = 0; i < processes; i += 1) {
      const child = fork(PROGRAM, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      const member: Member = { child, counts: NOTHING, said: undefined, wake: () => undefined };
      child.on('message', (message: FromAgents) => {
        if (message.kind === 'counts') {
          member.counts = message.counts;
          return;
        }
        if (message.kind === 'failed') this.failure ??= new Error(message.message);
        member.said = message.kind;
        member.wake();
      });
      child.on('exit', (code, signal) => {
        if (!this.stopping) this.failure ??= new Error(`an agent process ended with ${signal ?? code}`);
        member.said = 'stopped';
        member.wake();
      });
      this.members.push(member);
      send(child, { kind: 'register', plans: plans.filter((_, n) => n % processes === i), behaviour });
    }
    await Promise.all(this.members.map((member) => said(member, 'registered')));
    this.check();
  }

  /** The agents begin to ask for work. */
  work(): void {
    for (const { child } of this.members) send(child, { kind: 'work' });
  }

  get counts(): AgentCounts {
    const sum = { ...NOTHING } as { -readonly [K in keyof AgentCounts]: number };
    for (const { counts } of this.members)
      for (const key of Object.keys(sum) as (keyof AgentCounts)[]) sum[key] += counts[key];
    return sum;
  }

  /** Throws when a process failed. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Ends the processes; kills those that don't end within five seconds. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(
      this.members.map(async ({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        send(child, { kind: 'stop' });
        const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
        await ended;
        clearTimeout(timer);
      }),
    );
  }

  /** At once. */
  kill(): void {
    this.stopping = true;
    for (const { child } of this.members) child.kill('SIGKILL');
  }
}

function send(child: ChildProcess, message: ToAgents): void {
  if (child.connected) child.send(message, () => undefined);
}

async function said(member: Member, kind: FromAgents['kind']): Promise<void> {
  while (member.said !== kind && member.said !== 'stopped' && member.said !== 'failed')
    await new Promise<void>((resolve) => (member.wake = resolve));
}
