/**
 * Voters in processes of their own, which are told of a round by their inboxes alone; and the parent's side of them.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { Formicary, FormicaryError } from '../client/client';
import { agentId } from './colony';
import { ballotOf } from './decisions-ballot';

const PROCESSES = 2;
const POLL_SECONDS = 30;

/** What a process of voters is to do: those whose number is `share` modulo `of`. */
interface Start {
  readonly url: string;
  readonly voters: number;
  readonly share: number;
  readonly of: number;
}

type Said =
  | { readonly kind: 'ready' }
  | { readonly kind: 'closed'; readonly round: string }
  | { readonly kind: 'failed'; readonly message: string };

export class Electors {
  private readonly children: ChildProcess[] = [];
  private readonly waiting = new Map<string, (at: number) => void>();
  private fail: (error: Error) => void = () => undefined;
  private readonly failed = new Promise<never>((_, reject) => (this.fail = reject));

  constructor() {
    // Whoever waits for something hears of it; nobody may.
    this.failed.catch(() => undefined);
  }

  /** Registers the voters, and has them poll their inboxes. */
  async start(url: string, voters: number): Promise<void> {
    const ready = Array.from({ length: PROCESSES }, (_, share) => {
      const child = fork(__filename, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      this.children.push(child);
      child.once('exit', (code, signal) => this.fail(new Error(`a process of voters ended with ${signal ?? code}`)));
      child.send({ url, voters, share, of: PROCESSES } satisfies Start);
      return new Promise<void>((resolve) => {
        child.on('message', (said: Said) => {
          if (said.kind === 'ready') resolve();
          else if (said.kind === 'failed') this.fail(new Error(said.message));
          else this.waiting.get(said.round)?.(performance.now());
        });
      });
    });
    await Promise.race([Promise.all(ready), this.failed]);
  }

  /** When the round is over, as a voter was told: `performance.now()`. */
  closed(round: string): Promise<number> {
    return Promise.race([new Promise<number>((resolve) => this.waiting.set(round, resolve)), this.failed]);
  }

  kill(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }
}

// --------------------------------------------------------------------------------------------------- in the child

async function elect({ url, voters, share, of }: Start, say: (said: Said) => void): Promise<void> {
  const root = new Formicary({ url });
  const own = Array.from({ length: voters }, (_, n) => n).filter((n) => n % of === share);
  await Promise.all(
    own.map((n) =>
      root.as(agentId(n)).agents.put(agentId(n), {
        agent_type: 'bench.voter',
        capacity: 1,
        capabilities: { 'bench.question': 1 },
        limits: { presence_seconds: 3_600 },
      }),
    ),
  );
  say({ kind: 'ready' });
  await Promise.all(own.map((n) => attend(root.as(agentId(n)), n, say)));
}

async function attend(client: Formicary, n: number, say: (said: Said) => void): Promise<never> {
  const vote = async (round: string, snapshot: string, pass: number): Promise<void> => {
    try {
      const answer = await client.rounds.vote(round, { ...ballotOf(n), snapshot, pass });
      if (answer.round.status === 'closed') say({ kind: 'closed', round });
    } catch (error) {
      if (!(error instanceof FormicaryError) || error.code !== 'round-closed') throw error;
    }
  };
  for (;;) {
    const { items } = await client.agents.inbox(agentId(n), { waitSeconds: POLL_SECONDS });
    await Promise.all(
      items.flatMap((item) => (item.kind === 'vote' ? [vote(item.round, item.snapshot, item.pass)] : [])),
    );
  }
}

if (require.main === module) {
  process.once('disconnect', () => process.exit(1));
  const say = (said: Said): void => void process.send?.(said);
  process.once(
    'message',
    (start: Start) =>
      void elect(start, say).catch((error: unknown) =>
        say({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      ),
  );
}
