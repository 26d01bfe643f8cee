/**
 * What an agent costs the host that does nothing but wait: processor time, bytes and requests, when gateways speak for
 * hundreds at a time, and when each speaks for itself. The host is a process of its own.
 */
import path from 'node:path';
import { Formicary, type GatewayAgent, NodeTransport, type TransportRequest } from '../client/client';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { agentId, CAPACITY, typeOf } from './colony';
import { cpuMsOf, forEachOf, pause, rssOf } from './measure';

export interface IdleSettings {
  /** Agents, through gateways; ascending. */
  readonly gateways: readonly number[];
  /** Agents that speak for themselves; ascending. */
  readonly singly: readonly number[];
  /** How long each is measured. */
  readonly seconds: number;
}

/** Of a second of a host to which so many agents are connected that do nothing. */
export interface IdleCost {
  readonly agents: number;
  /** Of one core; null where the system does not tell. */
  readonly hostCpuShare: number | null;
  readonly hostRssMb: number | null;
  readonly requestsPerSecond: number;
  /** Paths, headers and bodies that were sent, and bodies that were answered. */
  readonly bytesPerSecond: number;
  /** Microseconds of a core in a second for each agent, beyond what a host without agents takes. */
  readonly cpuUsPerAgent: number | null;
}

export interface IdleReport {
  readonly perGateway: number;
  readonly presenceSeconds: number;
  readonly seconds: number;
  /** Without agents. */
  readonly restCpuShare: number | null;
  readonly gateways: readonly IdleCost[];
  readonly singly: readonly IdleCost[];
}

const PER_GATEWAY = 500;
/** Short, so that each agent's presence is looked at within the time of a measurement: it makes them dearer. */
const PRESENCE_SECONDS = 10;
const POLL_SECONDS = 20;
const PATIENT = { attempts: 60, baseMs: 100, maxMs: 10_000 };

export async function benchAgents(folder: string, { gateways, singly, seconds }: IdleSettings): Promise<IdleReport> {
  const through = await costsOf(path.join(folder, 'gateways'), gateways, seconds, (host) => new Gateways(host));
  const single = await costsOf(path.join(folder, 'singly'), singly, seconds, (host) => new Singles(host));
  return {
    perGateway: PER_GATEWAY,
    presenceSeconds: PRESENCE_SECONDS,
    seconds,
    restCpuShare: through.restCpuShare,
    gateways: through.costs,
    singly: single.costs,
  };
}

/** Agents that wait. */
interface Crowd {
  readonly traffic: Traffic;
  /** Adds agents until there are so many. */
  grow(agents: number): Promise<void>;
  leave(): Promise<void>;
}

async function costsOf(
  data: string,
  sizes: readonly number[],
  seconds: number,
  crowdOf: (host: HostProcess) => Crowd,
): Promise<{ restCpuShare: number | null; costs: IdleCost[] }> {
  const host = new HostProcess({
    data,
    port: await freePort(),
    environment: { FORMICARY_RATE: '100000', FORMICARY_BURST: '100000' },
  });
  await host.start();
  const crowd = crowdOf(host);
  try {
    await pause(1_000);
    const restCpuShare = await cpuShare(host, seconds);
    const costs: IdleCost[] = [];
    for (const agents of sizes) {
      await crowd.grow(agents);
      // What registering has set in motion is over, and each agent's presence has its turn.
      await pause(1_000 * Math.min(seconds, PRESENCE_SECONDS));
      const before = { ...crowd.traffic };
      const began = performance.now();
      const hostCpuShare = await cpuShare(host, seconds);
      const took = (performance.now() - began) / 1_000;
      costs.push({
        agents,
        hostCpuShare,
        hostRssMb: rssOf(host.pid),
        requestsPerSecond: (crowd.traffic.requests - before.requests) / took,
        bytesPerSecond: (crowd.traffic.bytes - before.bytes) / took,
        cpuUsPerAgent:
          hostCpuShare === null || restCpuShare === null ? null : (1e6 * (hostCpuShare - restCpuShare)) / agents,
      });
    }
    return { restCpuShare, costs };
  } finally {
    await crowd.leave();
    await host.stop();
  }
}

/** Share of one core that the host uses. */
async function cpuShare({ pid }: HostProcess, seconds: number): Promise<number | null> {
  const [before, began] = [cpuMsOf(pid), performance.now()];
  await pause(1_000 * seconds);
  const after = cpuMsOf(pid);
  return after === 0 ? null : (after - before) / (performance.now() - began);
}

interface Traffic {
  requests: number;
  bytes: number;
}

class CountingTransport extends NodeTransport {
  readonly traffic: Traffic = { requests: 0, bytes: 0 };

  override async send(request: TransportRequest) {
    this.traffic.requests += 1;
    const sent = [request.method, request.path, ...request.headers, request.body ?? ''];
    const response = await super.send(request);
    this.traffic.bytes += Buffer.byteLength(sent.join('')) + Buffer.byteLength(response.body);
    return response;
  }
}

const agentOf = (n: number): GatewayAgent => ({
  id: agentId(n),
  agent_type: typeOf(n),
  capacity: CAPACITY,
  limits: { presence_seconds: PRESENCE_SECONDS },
});

/** Agents for which gateways speak. */
class Gateways implements Crowd {
  private readonly transport: CountingTransport;
  private readonly open: { stop(options: { graceMs: number }): Promise<void> }[] = [];
  private agents = 0;

  constructor({ url }: HostProcess) {
    this.transport = new CountingTransport(url);
  }

  get traffic(): Traffic {
    return this.transport.traffic;
  }

  async grow(agents: number): Promise<void> {
    while (this.agents < agents) {
      const count = Math.min(PER_GATEWAY, agents - this.agents);
      const from = this.agents;
      const client = new Formicary({
        transport: this.transport,
        principal: `service:gateway-${this.open.length}`,
        retry: PATIENT,
      });
      const gateway = client.gateway.open({ pollSeconds: POLL_SECONDS });
      await gateway.register(
        Array.from({ length: count }, (_, i) => agentOf(from + i)),
        {},
      );
      gateway.start();
      this.open.push(gateway);
      this.agents += count;
    }
  }

  async leave(): Promise<void> {
    await Promise.all(this.open.map((gateway) => gateway.stop({ graceMs: 0 })));
    this.transport.close();
  }
}

/** Agents that speak for themselves: each has a poll of its own. */
class Singles implements Crowd {
  private readonly transport: CountingTransport;
  private readonly over = new AbortController();
  private readonly polls: Promise<void>[] = [];

  constructor({ url }: HostProcess) {
    this.transport = new CountingTransport(url);
  }

  get traffic(): Traffic {
    return this.transport.traffic;
  }

  async grow(agents: number): Promise<void> {
    const from = this.polls.length;
    await forEachOf(agents - from, 16, async (i) => {
      const { id, ...input } = agentOf(from + i);
      const client = new Formicary({ transport: this.transport, principal: id, retry: PATIENT });
      await client.agents.put(id, input);
      this.polls.push(this.poll(client, id));
    });
  }

  async leave(): Promise<void> {
    this.over.abort();
    await Promise.all(this.polls);
    this.transport.close();
  }

  private async poll(client: Formicary, id: string): Promise<void> {
    const { signal } = this.over;
    while (!signal.aborted)
      await client.agents.inbox(id, { waitSeconds: POLL_SECONDS, signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
  }
}
