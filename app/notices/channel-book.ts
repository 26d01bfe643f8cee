/**
 * Which tenants have a channel for the ends of tasks and jobs, in memory: no view is asked each time that something
 * ends.
 */
import type { ChannelState } from '../../domain/notices/channel';
import { END_EVENTS, type EndEvent } from '../../domain/notices/notice';

interface Told {
  readonly ends: readonly EndEvent[];
  readonly version: number;
}

export class ChannelBook {
  /** By tenant, and by id of the channel. */
  private readonly tenants = new Map<string, Map<string, Told>>();

  /** What a channel says since a version of its stream. */
  update(tenant: string, id: string, { channel }: ChannelState, version: number): void {
    const channels = this.tenants.get(tenant) ?? new Map<string, Told>();
    this.tenants.set(tenant, channels);
    if ((channels.get(id)?.version ?? -1) > version) return;
    channels.set(id, { ends: END_EVENTS.filter((event) => channel?.events.includes(event)), version });
  }

  /** Whether anybody in the tenant wants to be told of such ends. */
  wants(tenant: string, event: EndEvent): boolean {
    for (const { ends } of this.tenants.get(tenant)?.values() ?? []) if (ends.includes(event)) return true;
    return false;
  }
}
