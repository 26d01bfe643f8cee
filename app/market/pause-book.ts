/** What is paused, kept in memory; and which agents get nothing new, because they are paused or stopped. */
import type { AgentProfile } from '../../domain/market/agent';
import { agentPause, pauseDecider, type PauseState } from '../../domain/market/pause';
import type { StopBook } from '../stops/module';

/** What people have paused, by tenant: read when a tenant is first asked for, kept up to date by what is committed. */
export class PauseBook {
  private readonly tenants = new Map<string, { readonly state: PauseState; readonly version: number }>();
  private readonly listeners: ((tenant: string | undefined) => void)[] = [];

  constructor(
    private readonly read: (tenant: string) => Promise<{ readonly state: PauseState; readonly version: number }>,
    private readonly stops?: Pick<StopBook, 'ofAgent' | 'read'>,
  ) {}

  /** Hears of tenants of which others are paused or stopped than before; undefined is all tenants. */
  onChange(listener: (tenant: string | undefined) => void): void {
    this.listeners.push(listener);
  }

  /** Others are stopped than before, of this tenant or of all. */
  stopsChanged(tenant: string | undefined): void {
    for (const listener of this.listeners) listener(tenant);
  }

  /** Whether an agent gets nothing new: somebody has paused or stopped it, its pool or its type. */
  keepsIdle(tenant: string, agent: string, profile: AgentProfile | undefined): boolean {
    return (
      agentPause(this.known(tenant), agent, profile?.pool) !== undefined ||
      this.stops?.ofAgent(tenant, agent, profile?.agent_type) !== undefined
    );
  }

  update(tenant: string, state: PauseState, version: number): void {
    const before = this.tenants.get(tenant);
    if (before !== undefined && before.version >= version) return;
    this.tenants.set(tenant, { state, version });
    for (const listener of this.listeners) listener(tenant);
  }

  async of(tenant: string): Promise<PauseState> {
    if (!this.tenants.has(tenant)) {
      await this.stops?.read(tenant);
      const { state, version } = await this.read(tenant);
      this.update(tenant, state, version);
    }
    return this.known(tenant);
  }

  /** As far as it was read. */
  known(tenant: string): PauseState {
    return this.tenants.get(tenant)?.state ?? pauseDecider.initial;
  }
}
