/**
 * What was under way in a tenant that was closed comes to its end: its tokens hold no more, its tasks are cancelled,
 * its agents leave. Found from what is there, so that it may be begun anew; done in the name of the colony, since
 * nobody else does anything there any more.
 */
import type { Event } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import type { AgentEvent, AgentState } from '../../domain/market/agent';
import type { TaskEvent, TaskState } from '../../domain/market/task';
import { type Ended, tenantDecider } from '../../domain/tenants/tenant';
import type { Aggregate } from '../engine/aggregate';
import type { RequestContext } from '../engine/command';
import type { DeadlineEngine, Reason } from '../engine/deadlines';
import type { Clock, Report } from '../engine/ports';
import { messageOf } from '../engine/reachable';
import type { Transactor } from '../engine/transact';
import { Slices, soon } from '../engine/turns';
import type { Identity } from '../identity/module';
import type { Agents } from './agents';
import type { Tasks } from './tasks';

/** For so long other processes may have let something in, or views may not show it: so long it is looked for. */
const LOOKED_FOR_SECONDS = 60;
const AGAIN_SECONDS = 5;
/** What is there after that does not end by being asked often. */
const LATER_SECONDS = 60;
const PAGE = 100;
const TASKS_UNDER_WAY = ['held', 'open', 'awarded', 'running'];
const AGENTS_HERE = ['active', 'lost'];

/** What views tell of whatever comes to its end. */
interface Named {
  readonly id: string;
}

/** Who ends it. */
function closer(tenant: string): Principal {
  return { tenant, id: 'closing', kind: 'system', level: 'critical' };
}

/** What else comes to its end in a tenant that was closed. */
export interface Ending {
  /** What is under way, as its view shows it. */
  readonly aggregate: Pick<Aggregate<unknown, Event, Named>, 'list'>;
  readonly statuses: readonly string[];
  readonly end: (context: RequestContext, id: string, reason: string) => Promise<unknown>;
}

export interface WindingUpDeps {
  readonly transactor: Pick<Transactor, 'current'>;
  readonly tasksOf: Aggregate<TaskState, TaskEvent, Named>;
  readonly tasks: Pick<Tasks, 'cancel'>;
  readonly agentsOf: Aggregate<AgentState, AgentEvent, Named>;
  readonly agents: Pick<Agents, 'deregister'>;
  readonly identity: Pick<Identity, 'accessTo' | 'revoke'>;
  readonly deadlines: Pick<DeadlineEngine, 'on'>;
  readonly clock: Clock;
  readonly report: Report;
}

export class WindingUp {
  /** What a tenant's stream is looked at for once it was closed. */
  readonly due: Reason;
  /** Ended first: they may begin more of the rest. */
  private readonly endings: Ending[] = [];

  constructor(private readonly deps: WindingUpDeps) {
    this.due = deps.deadlines.on('closing', (stream) => this.look(stream));
  }

  /** Has this end as well; a capability says so once. */
  also(ending: Ending): void {
    this.endings.push(ending);
  }

  private async look(stream: string): Promise<Time | undefined> {
    const { closed } = (await this.deps.transactor.current(tenantDecider, stream)).state;
    if (closed === undefined) return undefined;
    const { id: tenant } = parseStream(stream);
    await this.endTokens(tenant, closed);
    const { tasks, tasksOf, agents, agentsOf } = this.deps;
    const context = { principal: closer(tenant) };
    const ended: Awaited<ReturnType<WindingUp['endAll']>>[] = [];
    for (const { aggregate, statuses, end } of this.endings)
      ended.push(await this.endAll(tenant, aggregate, statuses, (id) => end(context, id, reasonOf(closed))));
    ended.push(
      await this.endAll(tenant, tasksOf, TASKS_UNDER_WAY, (id) => tasks.cancel(context, id, reasonOf(closed))),
      await this.endAll(tenant, agentsOf, AGENTS_HERE, (id) => agents.deregister(context, id, reasonOf(closed))),
    );
    const found = ended.reduce((sum, one) => sum + one.found, 0);
    const failures = ended.flatMap((one) => one.failures);
    const now = toTime(this.deps.clock.now());
    if (now <= plusSeconds(closed.at, LOOKED_FOR_SECONDS)) {
      if (failures.length > 0) throw failures[0];
      return plusSeconds(now, AGAIN_SECONDS);
    }
    if (found === 0) return undefined;
    this.deps.report('something is still there of a tenant that was closed a while ago', {
      tenant,
      found,
      failed: failures.length,
      error: failures.length > 0 ? messageOf(failures[0]) : undefined,
    });
    return plusSeconds(now, LATER_SECONDS);
  }

  /** Those that were given before. */
  private async endTokens(tenant: string, closed: Ended): Promise<void> {
    const { since } = (await this.deps.identity.accessTo(tenant)).state;
    if (since !== undefined && since >= closed.at) return;
    await this.deps.identity.revoke({ principal: closer(tenant) }, { kind: 'tenant' }, reasonOf(closed));
  }

  /** Ends what the view shows as being there; answers how much that was. What fails keeps nothing else from ending. */
  private async endAll(
    tenant: string,
    aggregate: Ending['aggregate'],
    statuses: readonly string[],
    end: (id: string) => Promise<unknown>,
  ): Promise<{ readonly found: number; readonly failures: readonly unknown[] }> {
    const slices = new Slices(soon);
    const failures: unknown[] = [];
    let found = 0;
    for (const status of statuses)
      for (let continuation: string | undefined, more = true; more; more = continuation !== undefined) {
        const page = await aggregate.list(tenant, { where: { status } }, PAGE, continuation);
        const ended = await Promise.allSettled(page.docs.map(({ id }) => end(id)));
        failures.push(...ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])));
        found += page.docs.length;
        continuation = page.continuation;
        await slices.pause();
      }
    return { found, failures };
  }
}

function reasonOf({ by, with: other }: Ended): string {
  return `the tenant was closed by ${by} and ${other}`;
}
