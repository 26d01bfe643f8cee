/**
 * What the gate asks: agents for a round, people for an approval, the market for what becomes of a task. Each answers
 * what the next step depends on.
 */
import { commitRef, idOf, parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { cut } from '../../domain/kernel/text';
import type { EditedTask } from '../../domain/market/task';
import { actionDecider, actionParties, type ActionState, type Proposal } from '../../domain/oversight/action';
import { approvalDecider, MAX_SAYS } from '../../domain/oversight/approval';
import type { Known, Step } from '../../domain/oversight/next-step';
import type { RoundRules } from '../../domain/oversight/oversight';
import { DEFAULT_CHOICES, MAX_ROUND_REASON, roundStream } from '../../domain/oversight/round';
import { masked } from '../../domain/personal/mark';
import type { Refused, RequestContext } from '../engine/command';
import { derivedId, derivedSystemId } from '../engine/new-id';
import type { Transactor } from '../engine/transact';
import type { Tasks } from '../market/module';
import type { Approvals } from './approvals';
import type { Rounds } from './rounds';

export interface AskingDeps {
  readonly transactor: Transactor;
  readonly rounds: Rounds;
  readonly approvals: Approvals;
  readonly tasks: Tasks;
}

export class Asking {
  constructor(private readonly deps: AskingDeps) {}

  /** Opens the round that the action is then held for. */
  async askAgents(
    stream: string,
    state: ActionState,
    { when: _, round_seconds, improvement_rounds, ...electorate }: RoundRules,
    context: RequestContext,
  ): Promise<Partial<Known> | Refused> {
    const { tenant } = context.principal;
    const { kind, impact, risk } = state.proposal as Proposal;
    const id = derivedSystemId(tenant, 'round', stream);
    const opened = await this.deps.rounds.openSystem(context, id, {
      action: { kind, hash: state.hash, summary: summaryOf(state) },
      kind,
      impact,
      risk,
      choices: [...DEFAULT_CHOICES],
      round_seconds,
      improvement_rounds,
      allow_change: false,
      waits: stream,
      electorate,
      parties: actionParties(state),
    });
    return opened.ok ? { opened: commitRef(roundStream(tenant, id), 0) } : opened;
  }

  /** Requests the action's approval; the answer says as well whether one was requested before. */
  async askPeople(
    stream: string,
    state: ActionState,
    { rules, inputs }: Extract<Step, { do: 'askPeople' }>,
    context: RequestContext,
  ): Promise<Partial<Known>> {
    const { tenant } = context.principal;
    const { kind, proposed_by, why, impact, risk, confidence } = state.proposal as Proposal;
    const id = derivedId(tenant, 'approval', stream);
    const asked = await this.deps.approvals.request(context, id, {
      action: stream,
      kind,
      hash: state.hash,
      summary: summaryOf(state),
      requester: proposed_by,
      parties: actionParties(state),
      why,
      impact,
      risk,
      policy: state.policy as Proposal['policy'],
      inputs: [{ by: proposed_by, says: cut(why, MAX_SAYS), confidence }, ...inputs],
      safe_default: rules.safe_default,
      ladder: rules.approvers,
    });
    const approval = (await this.deps.approvals.load(tenant, id)).state;
    return { asked: { approval, refused: asked.ok ? undefined : asked.rejection } };
  }

  /** Sends what was returned, or has changed, back to the people who had it. */
  async askAgain(
    state: ActionState,
    { of, ref, reason }: Extract<Step, { do: 'askAgain' }>,
    context: RequestContext,
  ): Promise<Partial<Known> | Refused> {
    const { hash } = state;
    const policy = state.policy as Proposal['policy'];
    const again = { ref, reason, hash, policy, parties: actionParties(state) };
    const reopened = await this.deps.approvals.reopen(context, idOf(of), again);
    return reopened.ok ? { asked_again: reopened.state.opened_ref } : reopened;
  }

  /** The task may be done now, as it was edited perhaps. */
  async clearTask(
    stream: string,
    state: ActionState,
    { target, edited }: Extract<Step, { do: 'clearTask' }>,
    context: RequestContext,
  ): Promise<undefined> {
    const task = edited ? await this.editedTask(stream, state.proposal?.action) : undefined;
    await this.deps.tasks.clear(context, parseStream(target).id, stream, task);
  }

  /** The task is not to be done. */
  async stopTask(
    { target, reason }: Extract<Step, { do: 'stopTask' }>,
    context: RequestContext,
  ): Promise<Partial<Known> | Refused> {
    const stopped = await this.deps.tasks.cancel(context, parseStream(target).id, cut(reason, 1_000));
    return stopped.ok ? { stopped: commitRef(target, stopped.version) } : stopped;
  }

  /** The task as the action has it now, with who edited it last, and why. */
  private async editedTask(stream: string, task: unknown): Promise<EditedTask> {
    const { tenant } = parseStream(stream);
    const { edit: correction } = (await this.deps.approvals.load(tenant, derivedId(tenant, 'approval', stream))).state;
    return { task, by: correction?.by as string, why: correction?.reason as string };
  }

  /** Rounds and approvals about the action have nothing to decide any more. */
  async askNoMore(stream: string, state: ActionState, reason: string, context: RequestContext): Promise<void> {
    // An action that was stopped asks nobody again of its own accord; one that was cleared may have been sent back
    // since.
    const askings = state.status === 'cleared' ? state.refs : undefined;
    if ((await this.deps.transactor.current(actionDecider, stream)).state.status !== state.status) return;
    const asked = new Set(state.refs.map((ref) => parseCommitRef(ref)?.stream as string));
    for (const other of asked) {
      const { category, id } = parseStream(other);
      // An approval refuses when it is over already, which is as well.
      if (category === approvalDecider.category)
        await this.deps.approvals.supersede(context, id, cut(reason, 1_000), askings);
      else await this.deps.rounds.supersede(context, id, cut(reason, MAX_ROUND_REASON));
    }
  }
}

/** The action on one screen. */
function summaryOf({ proposal }: ActionState): string {
  const { kind, why, action } = proposal as Proposal;
  return `${kind}: ${cut(why, 600)}\n${cut(JSON.stringify(masked(action)), 1_200)}`;
}
