/**
 * Agents of a crash test: each asks its inbox, accepts, works and completes, for as long as it lives. As a program
 * (`node crash-agents.js URL COUNT SEED`) it is a process of agents that can be stopped and let go on.
 */
import { type Assignment, Formicary, FormicaryError, type Receipt } from '../client/client';
import { CATALOGUE } from '../domain/repository/catalogue-data';
import { random } from '../samples/demand/profile';
import { pause } from './measure';

/** A host that was killed comes back; while it starts it asks for a second. */
export const PATIENT = { attempts: 1_000, baseMs: 20, maxMs: 1_000 };
export const TYPES = CATALOGUE.slice(0, 6).map(({ agent_type }) => agent_type);
/** Shorter than a host is paused for, and longer than agents are. */
export const PRESENCE_SECONDS = 4;
/** What the agents of the load, and those of the process beside it, are called. None of them ever dies. */
export const AGENT = 'agent-';
export const PAUSED = 'paused-';
const CAPACITY = 4;
/** Share of the tasks that are done at once. */
const AT_ONCE = 0.3;

export interface AgentLife {
  readonly draw: () => number;
  readonly key: () => string;
  readonly heard: (receipt: Receipt) => void;
  readonly signal: AbortSignal;
}

/** The agent number `n` of those called `name`; rejects when it is refused what it must not be refused. */
export async function live(root: Formicary, name: string, n: number, life: AgentLife): Promise<void> {
  const id = `${name}${n}`;
  const client = root.as(id);
  const profile = {
    agent_type: TYPES[n % TYPES.length] as string,
    capacity: CAPACITY,
    limits: { presence_seconds: PRESENCE_SECONDS },
  };
  life.heard((await client.agents.put(id, profile, { idempotencyKey: life.key() })).receipt);
  while (!life.signal.aborted) {
    const { items } = await client.agents.inbox(id, { waitSeconds: 5, signal: life.signal });
    await Promise.all(items.map((item) => (item.kind === 'assignment' ? take(client, item, life) : Promise.resolve())));
  }
}

async function take(client: Formicary, { task, award }: Assignment, { draw, key, heard }: AgentLife): Promise<void> {
  // Some accept with the result.
  const accept = draw() < AT_ONCE;
  try {
    if (!accept) heard((await client.tasks.accept(task, { award }, { idempotencyKey: key() })).receipt);
    await pause(draw() * 100);
    heard((await client.tasks.complete(task, { award, result: { award }, accept }, { idempotencyKey: key() })).receipt);
  } catch (error) {
    // A claim that is over by now: another attempt has the task.
    if (!(error instanceof FormicaryError) || error.status !== 409) throw error;
  }
}

async function main(url: string, count: number, seed: number): Promise<void> {
  process.once('disconnect', () => process.exit(0));
  const key = process.env['FORMICARY_KEY'] ?? '';
  const root = new Formicary({ url, credentials: { key }, principal: 'service:crash', retry: PATIENT });
  const draw = random(seed);
  let keys = 0;
  const life: AgentLife = {
    draw,
    key: () => `${PAUSED}${(keys += 1)}`,
    heard: () => undefined,
    signal: new AbortController().signal,
  };
  await Promise.all(Array.from({ length: count }, (_, n) => live(root, PAUSED, n, life)));
}

if (require.main === module) {
  const [url = '', count = '', seed = ''] = process.argv.slice(2);
  main(url, Number(count), Number(seed)).catch((error: unknown) => {
    process.stderr.write(`the agents failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
