/**
 * Parties as they stand now. A round and an approval name those that there were when it was opened; who has come to
 * hold, change, clear or doubt what it is about since then has a part in it as well, and every door is told of them.
 */
import { parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { taskDecider } from '../../domain/market/task';
import { actionDecider, actionParties, type ActionState } from '../../domain/oversight/action';
import { approvalDecider, type ApprovalState } from '../../domain/oversight/approval';
import { challengeParties, type Party } from '../../domain/oversight/parties';
import { roundDecider, type RoundState } from '../../domain/oversight/round';
import type { Transactor } from '../engine/transact';

/** An action with the approval that was asked about it last. */
export interface DoubtedAction {
  readonly action: ActionState;
  readonly approval: ApprovalState | undefined;
}

export async function doubtedAction(transactor: Transactor, stream: string): Promise<DoubtedAction> {
  const action = (await transactor.current(actionDecider, stream)).state;
  const asked = action.refs
    .map((ref) => parseCommitRef(ref)?.stream)
    .findLast((other) => other !== undefined && parseStream(other).category === approvalDecider.category);
  return {
    action,
    approval: asked === undefined ? undefined : (await transactor.current(approvalDecider, asked)).state,
  };
}

/**
 * The round whose outcome is doubted by a challenge of this commit, if it is one's, or people's who were asked about
 * one.
 */
async function doubtedRound(transactor: Transactor, target: string): Promise<RoundState | undefined> {
  const stream = parseCommitRef(target)?.stream;
  if (stream === undefined) return undefined;
  const { category } = parseStream(stream);
  const asked =
    category === approvalDecider.category
      ? (await transactor.current(approvalDecider, stream)).state.request?.action
      : stream;
  return asked !== undefined && parseStream(asked).category === roundDecider.category
    ? (await transactor.current(roundDecider, asked)).state
    : undefined;
}

/** Who has a part in a round since it was opened. */
export async function partiesSince(
  transactor: Transactor,
  stream: string,
  { spec, opened_by }: RoundState,
): Promise<readonly Party[]> {
  if (spec === undefined) return [];
  if (spec.waits === undefined)
    return spec.challenges === undefined
      ? []
      : challengeParties({ id: opened_by }, { round: await doubtedRound(transactor, spec.challenges.target) });
  const { category } = parseStream(spec.waits);
  if (category === taskDecider.category) {
    const { challenges } = (await transactor.current(taskDecider, spec.waits)).state;
    const held = challenges.find(({ round }) => round === parseStream(stream).id)?.holders ?? [];
    return held.map((id): Party => ({ id, role: 'holder' }));
  }
  if (category !== actionDecider.category) return [];
  if (spec.challenges === undefined) return actionParties((await transactor.current(actionDecider, spec.waits)).state);
  const { action, approval } = await doubtedAction(transactor, spec.waits);
  // Who overrides this very round is none by that: whoever may decide may decide otherwise.
  const own = action.override?.ref !== undefined && parseCommitRef(action.override.ref)?.stream === stream;
  return challengeParties({ id: opened_by }, { action: own ? { ...action, override: undefined } : action, approval });
}

/** Who has a part in what an approval is about, since people were asked. */
export async function partiesAsked(
  transactor: Transactor,
  { request: asked }: ApprovalState,
): Promise<readonly Party[]> {
  if (asked === undefined) return [];
  const { category } = parseStream(asked.action);
  if (category === actionDecider.category)
    return actionParties((await transactor.current(actionDecider, asked.action)).state);
  if (category !== roundDecider.category) return [];
  return await partiesSince(transactor, asked.action, (await transactor.current(roundDecider, asked.action)).state);
}
