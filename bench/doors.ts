/**
 * What one task costs through each door: posted, done by an agent that does nothing else, and its end waited for. Over
 * plain HTTP, by tools of MCP, as a message of A2A, by the package for Python, and in one job of many. The host is a
 * process of its own, and all doors lead to the same one.
 */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { Formicary, NodeTransport } from '../client/client';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { pythonDoor } from './doors-python';
import { cpuMsOf, forEachOf, median } from './measure';
import { Meter } from './meter';
import type { Skipped } from './peer';

export interface DoorsSettings {
  /** Of a run through each door but the last; so many are done before, to get the code hot. */
  readonly tasks: number;
  readonly warmUp: number;
  /** Of the job. */
  readonly jobTasks: number;
  /** Tasks that are under way at once, of those that are posted one by one. */
  readonly callers: number;
  /** Runs through each door, in turn; the median counts. Of the job there is one. */
  readonly rounds: number;
}

export const DOORS = ['http', 'mcp', 'a2a', 'python', 'job'] as const;
export type DoorName = (typeof DOORS)[number];

/** Of one task, whoever caused it: who posts it and waits for it, and the agent. */
export interface DoorCost {
  /** Processor time of the host, in milliseconds; 0 where the system does not tell. */
  readonly hostCpuMs: number;
  readonly requests: number;
  /** Of both ways, with lines and headers. */
  readonly bytes: number;
  /** Milliseconds of a run, by its tasks. */
  readonly wallMs: number;
}

export interface DoorReport extends DoorCost {
  /** How many times as much as over plain HTTP. */
  readonly ofHttp: DoorCost;
  readonly runs: readonly DoorCost[];
}

export interface DoorsReport {
  readonly tasks: number;
  readonly jobTasks: number;
  readonly callers: number;
  readonly doors: Readonly<Record<DoorName, DoorReport | Skipped>>;
}

/** Whoever posts tasks through a door, and the agent that does them. */
export interface Door {
  /** Resolves when so many more have been posted and are completed. */
  run(tasks: number): Promise<void>;
  close(): Promise<void>;
}

const CAPACITY = 50;
const POLL_SECONDS = 20;
const REQUESTER = 'service:doors';

/** @param root folder of the repository */
export async function benchDoors(folder: string, root: string, settings: DoorsSettings): Promise<DoorsReport> {
  const { tasks, warmUp, jobTasks, callers, rounds } = settings;
  // What is refused while the host is late would be another cost.
  const environment = { FORMICARY_RATE: '1000000', FORMICARY_BURST: '1000000', FORMICARY_ADMISSION: 'off' };
  const host = new HostProcess({ data: path.join(folder, 'doors'), port: await freePort(), environment });
  await host.start();
  const meter = await Meter.before(host.url);
  const transport = new NodeTransport(meter.url);
  const doors = new Map<DoorName, Door>();
  try {
    doors.set('http', await apiDoor(transport, callers));
    doors.set('mcp', await mcpDoor(transport, callers));
    doors.set('a2a', await a2aDoor(transport, callers));
    const python = await pythonDoor(root, meter.url, callers);
    if (!('skipped' in python)) doors.set('python', python);
    doors.set('job', await jobDoor(transport));
    const runs = new Map<DoorName, DoorCost[]>([...doors.keys()].map((name) => [name, []]));
    for (const door of doors.values()) await door.run(warmUp);
    for (let round = 0; round < rounds; round += 1)
      for (const [name, door] of doors)
        if (name !== 'job') runs.get(name)?.push(await costOf(host, meter, door, tasks));
    runs.get('job')?.push(await costOf(host, meter, doors.get('job') as Door, jobTasks));
    const http = medianOf(runs.get('http') as DoorCost[]);
    const reportOf = (name: DoorName): DoorReport | Skipped => {
      const of = runs.get(name);
      if (of === undefined) return python as Skipped;
      const cost = medianOf(of);
      return { ...cost, ofHttp: each((figure) => cost[figure] / http[figure]), runs: of };
    };
    const report = Object.fromEntries(DOORS.map((name) => [name, reportOf(name)])) as DoorsReport['doors'];
    return { tasks, jobTasks, callers, doors: report };
  } finally {
    for (const door of doors.values()) await door.close();
    transport.close();
    meter.close();
    await host.stop();
  }
}

async function costOf({ pid }: HostProcess, meter: Meter, door: Door, tasks: number): Promise<DoorCost> {
  const [cpu, traffic, began] = [cpuMsOf(pid), meter.traffic(), performance.now()];
  await door.run(tasks);
  const wallMs = (performance.now() - began) / tasks;
  const { requests, bytes } = meter.traffic();
  return {
    hostCpuMs: (cpuMsOf(pid) - cpu) / tasks,
    requests: (requests - traffic.requests) / tasks,
    bytes: (bytes - traffic.bytes) / tasks,
    wallMs,
  };
}

function each(of: (figure: keyof DoorCost) => number): DoorCost {
  return { hostCpuMs: of('hostCpuMs'), requests: of('requests'), bytes: of('bytes'), wallMs: of('wallMs') };
}

function medianOf(runs: readonly DoorCost[]): DoorCost {
  return each((figure) => median(runs.map((run) => run[figure])));
}

/** An award that was seen in the inbox of an agent. */
interface Claim {
  readonly task: string;
  readonly award: number;
}

/** The calls of an agent, through a door. */
interface AgentCalls {
  register(profile: { readonly agent_type: string; readonly capacity: number }): Promise<unknown>;
  /** What waits for it, once something does. */
  inbox(signal: AbortSignal): Promise<readonly Claim[]>;
  accept(claim: Claim): Promise<unknown>;
  complete(claim: Claim): Promise<unknown>;
}

/** An agent that takes up whatever it is awarded, and completes it. */
class Agent {
  private readonly over = new AbortController();
  /** Rejects where it can't go on; resolves once it is stopped. */
  readonly working: Promise<void>;

  private constructor(private readonly calls: AgentCalls) {
    this.working = this.work();
    this.working.catch(() => undefined);
  }

  static async start(agent_type: string, calls: AgentCalls): Promise<Agent> {
    await calls.register({ agent_type, capacity: CAPACITY });
    return new Agent(calls);
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.working;
  }

  private async work(): Promise<void> {
    const { signal } = this.over;
    while (!signal.aborted) {
      const claims = await this.calls.inbox(signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
        return [];
      });
      await Promise.all(
        claims.map(async (claim) => {
          await this.calls.accept(claim);
          await this.calls.complete(claim);
        }),
      );
    }
  }
}

/** An agent over plain HTTP, that is called as its type. */
function apiAgent(transport: NodeTransport, id: string): Promise<Agent> {
  const { agents, tasks } = new Formicary({ transport, principal: id });
  return Agent.start(id, {
    register: (profile) => agents.put(id, profile),
    async inbox(signal) {
      const { items } = await agents.inbox(id, { waitSeconds: POLL_SECONDS, signal });
      return items.filter((item) => item.kind === 'assignment');
    },
    accept: ({ task, award }) => tasks.accept(task, { award }),
    complete: ({ task, award }) => tasks.complete(task, { award, result: { ok: true } }),
  });
}

/** A door with the agent that does what comes through it. */
function doorOf(agent: Agent, run: (tasks: number) => Promise<void>): Door {
  return {
    // An agent that can't go on completes nothing more.
    run: (tasks) => Promise.race([run(tasks), agent.working]),
    close: () => agent.stop(),
  };
}

async function apiDoor(transport: NodeTransport, callers: number): Promise<Door> {
  const { tasks } = new Formicary({ transport, principal: REQUESTER });
  const one = async (request: number): Promise<void> => {
    let { task } = await tasks.post({ task_type: 'bench.http', payload: { request } });
    while (task.status !== 'completed') task = await tasks.get(task.id, { waitSeconds: POLL_SECONDS });
  };
  return doorOf(await apiAgent(transport, 'bench.http'), (count) => forEachOf(count, callers, one));
}

interface JsonRpc {
  readonly method: string;
  readonly params: object;
}

/** What a request of JSON-RPC came to. */
async function rpc<R>(
  transport: NodeTransport,
  path: string,
  principal: string,
  { method, params }: JsonRpc,
  { headers, signal }: { readonly headers: readonly string[]; readonly signal?: AbortSignal },
): Promise<R> {
  const response = await transport.send({
    method: 'POST',
    path,
    headers: ['accept', 'application/json, text/event-stream', 'x-formicary-principal', principal, ...headers],
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal,
  });
  const { result } = JSON.parse(/^data: (.*)$/m.exec(response.body)?.[1] ?? response.body) as { result?: R };
  if (result === undefined) throw new Error(`${method} was answered ${response.status}: ${response.body}`);
  return result;
}

const MCP_REVISION = '2026-07-28';
const MCP_META = {
  'io.modelcontextprotocol/protocolVersion': MCP_REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** The tools of the colony, for somebody. */
class McpClient {
  constructor(
    private readonly transport: NodeTransport,
    private readonly principal: string,
  ) {}

  async call<R>(name: string, args: object, signal?: AbortSignal): Promise<R> {
    const params = { name, arguments: args, _meta: MCP_META };
    const headers = ['mcp-protocol-version', MCP_REVISION, 'mcp-method', 'tools/call', 'mcp-name', name];
    const asked = { method: 'tools/call', params };
    const { isError, structuredContent, content } = await rpc<{
      readonly isError?: boolean;
      readonly structuredContent?: R;
      readonly content: unknown;
    }>(this.transport, '/mcp', this.principal, asked, { headers, signal });
    if (isError === true) throw new Error(`${name}: ${JSON.stringify(content)}`);
    return structuredContent as R;
  }
}

/** As the clients of the packages send each command. */
const keyed = (args: object): object => ({ ...args, idempotency_key: randomUUID() });

interface TaskSeen {
  readonly id: string;
  readonly status: string;
}

async function mcpDoor(transport: NodeTransport, callers: number): Promise<Door> {
  const id = 'bench.mcp';
  const own = new McpClient(transport, id);
  const agent = await Agent.start(id, {
    register: (profile) => own.call('putAgent', { id, ...profile }),
    async inbox(signal) {
      const args = { id, waitSeconds: POLL_SECONDS };
      const { items } = await own.call<{ items: (Claim & { kind: string })[] }>('readInbox', args, signal);
      return items.filter(({ kind }) => kind === 'assignment');
    },
    accept: ({ task, award }) => own.call('acceptTask', keyed({ id: task, award })),
    complete: ({ task, award }) => own.call('completeTask', keyed({ id: task, award, result: { ok: true } })),
  });
  const client = new McpClient(transport, REQUESTER);
  const one = async (request: number): Promise<void> => {
    const posted = keyed({ task_type: id, payload: { request } });
    let { task } = await client.call<{ task: TaskSeen }>('postTask', posted);
    while (task.status !== 'completed')
      task = await client.call<TaskSeen>('getTask', { id: task.id, waitSeconds: POLL_SECONDS });
  };
  return doorOf(agent, (count) => forEachOf(count, callers, one));
}

/** A message is answered when its task has ended; the agent that does it works over plain HTTP. */
async function a2aDoor(transport: NodeTransport, callers: number): Promise<Door> {
  let sent = 0;
  const one = async (request: number): Promise<void> => {
    const message = { messageId: `m${sent++}`, role: 'ROLE_USER', parts: [{ data: { request } }] };
    const asked = { method: 'SendMessage', params: { message } };
    const headers = ['a2a-version', '1.0'];
    type Answer = { task: { status: { state: string } } };
    const { task } = await rpc<Answer>(transport, '/a2a', REQUESTER, asked, { headers });
    if (task.status.state !== 'TASK_STATE_COMPLETED') throw new Error(`the task of a message is ${task.status.state}`);
  };
  return doorOf(await apiAgent(transport, 'a2a.message'), (count) => forEachOf(count, callers, one));
}

/** Tasks that are posted as one thing: the first, all but one after it, and the last after those that are before it. */
async function jobDoor(transport: NodeTransport): Promise<Door> {
  const { jobs } = new Formicary({ transport, principal: REQUESTER });
  const task_type = 'bench.job';
  return doorOf(await apiAgent(transport, task_type), async (count) => {
    const keys = Array.from({ length: count }, (_, n) => `t${n}`);
    const after = (n: number) => (n === 0 ? [] : n < count - 1 ? ['t0'] : keys.slice(0, -1));
    const tasks = keys.map((key, n) => ({ key, task_type, after: after(n), payload: { request: n } }));
    let { job } = await jobs.post({ tasks });
    while (job.status === 'running') job = await jobs.get(job.id, { waitSeconds: POLL_SECONDS });
    if (job.status !== 'completed') throw new Error(`the job is ${job.status}`);
  });
}
