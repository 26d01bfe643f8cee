/**
 * Which tenants have a channel for the ends of tasks and jobs, in memory: no view is asked each time that something
 * ends.
 */
import { ALL_GROUPS, carries, type Channel, type ChannelState } from '../../domain/notices/channel';
import type { EndEvent, Notice } from '../../domain/notices/notice';

interface Told {
  readonly channel: Channel | undefined;
  readonly version: number;
}

export class ChannelBook {
  /** By tenant, and by id of the channel. */
  private readonly tenants = new Map<string, Map<string, Told>>();

  /** What a channel says since a version of its stream. */
  update(tenant: string, id: string, { channel }: ChannelState, version: number): void {
    const channels = this.tenants.get(tenant) ?? new Map<string, Told>();
    this.tenants.set(tenant, channels);
    if (this.versionOf(tenant, id) > version) return;
    channels.set(id, { channel, version });
  }

  /** The version of the channel's stream that is known here; -1 where none is. */
  versionOf(tenant: string, id: string): number {
    return this.tenants.get(tenant)?.get(id)?.version ?? -1;
  }

  /** Whether anybody in the tenant wants to be told of such ends. */
  wants(tenant: string, event: EndEvent): boolean {
    return this.some(tenant, ({ events }) => events.includes(event));
  }

  /** Whether a channel of the tenant carries this one. */
  carries(tenant: string, notice: Pick<Notice, 'event' | 'ended'>): boolean {
    return this.some(tenant, (channel) => carries(channel, notice, ALL_GROUPS));
  }

  private some(tenant: string, holds: (channel: Channel) => boolean): boolean {
    for (const { channel } of this.tenants.get(tenant)?.values() ?? [])
      if (channel !== undefined && holds(channel)) return true;
    return false;
  }
}
