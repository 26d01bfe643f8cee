/** What is paused, kept in memory. */
import { pauseDecider, type PauseState } from '../../domain/market/pause';

/** What people have paused, by tenant: read when a tenant is first asked for, kept up to date by what is committed. */
export class PauseBook {
  private readonly tenants = new Map<string, { readonly state: PauseState; readonly version: number }>();
  private readonly listeners: ((tenant: string) => void)[] = [];

  constructor(
    private readonly read: (tenant: string) => Promise<{ readonly state: PauseState; readonly version: number }>,
  ) {}

  /** Hears of tenants whose pauses are others than before. */
  onChange(listener: (tenant: string) => void): void {
    this.listeners.push(listener);
  }

  update(tenant: string, state: PauseState, version: number): void {
    const before = this.tenants.get(tenant);
    if (before !== undefined && before.version >= version) return;
    this.tenants.set(tenant, { state, version });
    for (const listener of this.listeners) listener(tenant);
  }

  async of(tenant: string): Promise<PauseState> {
    if (!this.tenants.has(tenant)) {
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
