/** What follows from an approval: people are told that it waits for them, and what it is about hears the answer. */
import { parseStream } from '../../domain/kernel/ids';
import { actionDecider } from '../../domain/oversight/action';
import { approvalDecider, type ApprovalEvent, type ApprovalState } from '../../domain/oversight/approval';
import { roundDecider } from '../../domain/oversight/round';
import type { Cause } from '../engine/command';
import { causeIn, type Change, typesOf } from '../engine/reacting';
import type { RoundReactions } from './round-reactions';
import type { OversightServices } from './services';

const CLOSES: ReadonlySet<ApprovalEvent['type']> = new Set(['ApprovalClosed']);

export class ApprovalReactions {
  constructor(
    private readonly services: OversightServices,
    private readonly rounds: RoundReactions,
  ) {}

  async react(change: Change): Promise<void> {
    const { stream, cause } = change;
    const { transactor, orchestrated, notifier } = this.services;
    const { state } = await transactor.load(approvalDecider, stream);
    const types = typesOf<ApprovalEvent>(change);
    const opened = types.has('ApprovalRequested') || types.has('ApprovalReopened');
    const escalated = types.has('ApprovalEscalated');
    if (opened && state.status === 'waiting') orchestrated.start(stream);
    else if (types.has('ApprovalClosed') || escalated) orchestrated.wake(stream);
    if (state.status === 'waiting' && (opened || escalated)) {
      const event = opened && state.level === 0 ? 'approval-requested' : 'approval-escalated';
      await notifier.approvalWaits(stream, event, state, cause);
    }
    if (types.has('ApprovalExtended')) await this.extended(state, cause);
    const closed = causeIn<ApprovalEvent>(change, CLOSES);
    if (closed !== undefined && state.status === 'closed') await this.answered(stream, state, closed);
  }

  /** People who are asked about the round of a challenge were given time back. */
  private async extended({ request: asked }: ApprovalState, cause: Cause): Promise<void> {
    const { transactor, challenges } = this.services;
    const about = asked?.action ?? '';
    if (parseStream(about).category === roundDecider.category)
      await challenges.extended(about, (await transactor.load(roundDecider, about)).state, cause);
  }

  /** What was asked about goes on by the answer that has closed the approval. */
  async answered(stream: string, state: ApprovalState, cause: Cause): Promise<void> {
    const about = state.request?.action as string;
    const { category } = parseStream(about);
    if (category === actionDecider.category) await this.services.actions.advance(about, cause);
    else if (category === roundDecider.category) await this.rounds.answered(stream, about, state, cause);
  }
}
