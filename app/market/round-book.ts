/** Which rounds are open, and whose votes they miss, kept in memory. */
import { own } from '../../domain/kernel/own';
import { ballotHolders } from '../../domain/oversight/consensus';
import type { RoundState } from '../../domain/oversight/round';
import { Ordered } from '../engine/ordered';
import { listed, unlist } from './lists';
import type { Places } from './places';

export interface RoundEntry {
  readonly id: string;
  readonly tenant: string;
  state: RoundState;
  version: number;
  /** Where its present pass came to be seen. */
  place: number;
  voters: readonly string[];
}

/** Open rounds, by who may vote in them. */
export class RoundBook {
  private readonly open = new Map<string, RoundEntry>();
  /** `tenant/voter` → rounds in the order in which they came to be seen. */
  private readonly voting = new Map<string, Ordered<RoundEntry, number>>();
  private readonly listeners: ((tenant: string, voter: string) => void)[] = [];

  constructor(private readonly places: Places) {}

  /** Hears of each voter of a round, or of a pass of it, that was not known. */
  onAsked(listener: (tenant: string, voter: string) => void): void {
    this.listeners.push(listener);
  }

  update(tenant: string, id: string, stream: string, state: RoundState, version: number): void {
    const known = this.open.get(stream);
    if ((known !== undefined && known.version >= version) || state.electorate === undefined) return;
    if (state.status !== 'open') {
      for (const voter of known?.voters ?? []) unlist(this.voting, `${tenant}/${voter}`, known as RoundEntry);
      this.open.delete(stream);
      return;
    }
    const fresh = known?.state.pass !== state.pass;
    const entry = known ?? { id, tenant, state, version, place: 0, voters: [] };
    entry.state = state;
    entry.version = version;
    if (!fresh) return;
    for (const voter of entry.voters) unlist(this.voting, `${tenant}/${voter}`, entry);
    this.open.set(stream, entry);
    entry.place = this.places.next();
    entry.voters = [...ballotHolders(state.electorate)];
    for (const voter of entry.voters) {
      listed(this.voting, `${tenant}/${voter}`, () => new Ordered<RoundEntry, number>()).set(entry, entry.place);
      for (const listener of this.listeners) listener(tenant, voter);
    }
  }

  /**
   * Rounds in which the voter's vote is missing, that came to be seen after the place `after`; in order, at most
   * `limit`, and up to which place there is nothing else.
   */
  missing(
    tenant: string,
    voter: string,
    after: number,
    limit: number,
  ): { entries: readonly RoundEntry[]; upTo: number } {
    const entries: RoundEntry[] = [];
    for (const { item } of this.voting.get(`${tenant}/${voter}`)?.after(after) ?? []) {
      if (own(item.state.ballots, voter) !== undefined) continue;
      entries.push(item);
      if (entries.length === limit) return { entries, upTo: item.place };
    }
    return { entries, upTo: this.places.last };
  }
}
