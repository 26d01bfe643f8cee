/**
 * Commands of the API that policy wants people to approve first. They come to the gate as actions, go up the ladder of
 * approvers like any other, and once one is cleared the gate gives it by itself, in the name of whoever asked. Each is
 * given under a key of its own, so giving it again is harmless.
 */
import { refuse, type Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { actionDecider, type ActionState, type Came, type Proposal } from '../../domain/oversight/action';
import type { Cause, CommandContext } from '../engine/command';
import type { Transactor } from '../engine/transact';

/** A command to give. `asked`: its parameters, its query and its body, perhaps as people have corrected them. */
export interface Approved {
  readonly principal: Principal;
  readonly operation: string;
  readonly asked: unknown;
  /** The stream of the action, which proves that it was approved. */
  readonly approval: string;
  readonly cause: Cause | undefined;
}

/**
 * Gives a command through the door that it came by; the answer to it, also where it was refused. Rejects where it is
 * not known whether it was done: then it is given again.
 */
export type Give = (approved: Approved) => Promise<Came>;

export class HeldCommands {
  private door: Give | undefined;
  private readonly underway = new Map<string, Promise<Came>>();

  constructor(private readonly transactor: Pick<Transactor, 'current' | 'approvedBy'>) {
    transactor.approvedBy((context) => this.isApproved(context));
  }

  /** Who gives commands here; without anybody they wait for a process that can. */
  givenBy(give: Give): void {
    this.door = give;
  }

  /** Gives the command of an action that was let go; undefined where nobody here can. */
  async give(stream: string, { proposal }: ActionState, cause: Cause | undefined): Promise<Came | undefined> {
    const { action: asked, proposed_by: id, command } = proposal as Proposal;
    if (this.door === undefined || command === undefined) return undefined;
    // Two commits may lead here at once.
    const underway = this.underway.get(stream);
    if (underway !== undefined) return await underway;
    const { tenant } = parseStream(stream);
    const principal: Principal = { tenant, id, ...command.as };
    const came = this.door({ principal, operation: command.operation, asked, approval: stream, cause });
    this.underway.set(stream, came);
    try {
      return await came;
    } finally {
      this.underway.delete(stream);
    }
  }

  /** Whether people have approved what the context is for, and it was not given yet. */
  private async isApproved({ principal, approval }: CommandContext): Promise<Rejection | undefined> {
    const { state } = await this.transactor.current(actionDecider, approval as string);
    const { proposal, cleared, executed, given } = state;
    const isFor = proposal?.command !== undefined && proposal.proposed_by === principal.id;
    const isCleared = executed !== undefined && (cleared?.by === 'approval' || cleared?.by === 'override');
    return isFor && isCleared && given === undefined
      ? undefined
      : refuse('action-not-cleared', 'the command is not approved, or was given already');
  }
}
