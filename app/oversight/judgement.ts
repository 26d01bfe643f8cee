/** What comes of a challenge: what its round, and people after it, have said, and by when. */
import { type Time, toTime } from '../../domain/kernel/time';
import type { ApprovalState } from '../../domain/oversight/approval';
import { CHALLENGE_KIND } from '../../domain/oversight/oversight';
import { roundDecider, type RoundState, roundStream } from '../../domain/oversight/round';
import { type Ended, endOf, verdictDueOf, verdictOf } from '../../domain/oversight/verdict';
import type { Clock } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { Approvals } from './approvals';
import { asGate, outcomeApproval } from './gatekeeper';
import type { Oversight } from './oversight';
import type { Rounds } from './rounds';

export interface JudgementDeps {
  readonly transactor: Transactor;
  readonly oversight: Oversight;
  readonly rounds: Rounds;
  readonly approvals: Approvals;
  readonly clock: Clock;
}

export class Judgement {
  constructor(private readonly deps: JudgementDeps) {}

  /** What came of the challenge that the round `id` decides on; see `verdictOf`. */
  async verdict(tenant: string, id: string): Promise<string | undefined> {
    const { round, asked } = await this.judges(tenant, id);
    return verdictOf(round, asked);
  }

  /**
   * By when that challenge has its verdict at the latest; see `verdictDueOf`. Its round, and the people who are asked
   * after it, may have been given time back.
   */
  async verdictDue(tenant: string, id: string): Promise<Time | undefined> {
    const { round, asked } = await this.judges(tenant, id);
    return verdictDueOf(round, asked, await this.deps.oversight.rules(tenant, CHALLENGE_KIND));
  }

  /** What becomes of a challenge whose time is over; see `endOf`. */
  async overdue(tenant: string, id: string): Promise<Ended> {
    const context = asGate(tenant);
    await this.deps.rounds.timePassed(context, id);
    await this.deps.approvals.timePassed(context, outcomeApproval(tenant, id));
    const rules = await this.deps.oversight.rules(tenant, CHALLENGE_KIND);
    // Both questions are put to one look: between two of them the verdict may come, and neither would see it.
    const { round, asked } = await this.judges(tenant, id);
    return endOf(verdictOf(round, asked), verdictDueOf(round, asked, rules), toTime(this.deps.clock.now()));
  }

  /** The round that decides on a challenge, and the approval by which people decide after it. */
  private async judges(tenant: string, id: string): Promise<{ round: RoundState; asked: ApprovalState }> {
    const { state: round } = await this.deps.transactor.current(roundDecider, roundStream(tenant, id));
    const { state: asked } = await this.deps.approvals.load(tenant, outcomeApproval(tenant, id));
    return { round, asked };
  }
}
