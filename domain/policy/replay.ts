/** Old decisions made again: one, to see whether its receipt says the truth; many, to see what another bundle says. */
import type { DenialEvent } from '../audit/denial';
import type { Commit, PolicyReceipt } from '../kernel/commit';
import { commitRef } from '../kernel/ids';
import type { Time } from '../kernel/time';
import { decide, type PolicyBundle, type PolicyRequest, requestBehind } from './asking';
import { type ActionCompared, Comparison, type Verdict, verdictOf } from './comparison';

// ------------------------------------------------------------------------------------------------------------ one

export const EXPLAINED = ['agrees', 'differs', 'other-input', 'no-input', 'no-bundle'] as const;

export interface Explanation {
  readonly receipt: string;
  readonly at: Time;
  readonly action: string;
  readonly principal: string;
  /** What stands on the receipt. */
  readonly stands: Pick<PolicyReceipt, 'bundle' | 'decision' | 'entrypoint' | 'input'>;
  /** What stands there as reasons, where something was refused. */
  readonly reasons?: readonly string[];
  /**
   * `agrees`: the bundle answers the same today. `differs`: it does not, so the receipt or the bundle's evaluation is
   * not what it was. `other-input`: what the receipt keeps is not what was asked, by its hash. `no-input`: it keeps
   * nothing of that. `no-bundle`: nobody has the bundle any more.
   */
  readonly outcome: (typeof EXPLAINED)[number];
  /** The same in a sentence. */
  readonly text: string;
  /** What was asked. */
  readonly request?: PolicyRequest;
  /** What the bundle says of it now, and what its authors call the bundle. */
  readonly again?: Verdict & { readonly input: string };
  readonly revision?: string;
}

/** The decision behind a receipt, made again by the bundle that it names; undefined: the bundle is not there. */
export function explain(commit: Commit, bundle: PolicyBundle | undefined): Explanation {
  const { stream, index, at, meta } = commit;
  const { bundle: hash, decision, entrypoint, input } = meta.policy;
  const request = requestBehind(commit);
  const [first] = commit.events;
  const about = {
    receipt: commitRef(stream, index),
    at,
    action: meta.action,
    principal: meta.actor.id,
    stands: { bundle: hash, decision, entrypoint, input },
    reasons: first?.type === 'CommandDenied' ? (first.data as DenialEvent['data']).reasons : undefined,
    request,
    revision: bundle?.manifest.revision,
  };
  if (request === undefined)
    return {
      ...about,
      outcome: 'no-input',
      text: 'its receipt keeps nothing of what was asked: no policy was asked (it was stopped before), or an earlier version wrote it',
    };
  if (bundle === undefined)
    return { ...about, outcome: 'no-bundle', text: `the bundle ${hash} is not kept here: nothing can ask it again` };
  const answer = decide(bundle, request);
  const again = { ...verdictOf(answer), input: answer.input };
  if (answer.input !== input)
    return {
      ...about,
      again,
      outcome: 'other-input',
      text: 'what its receipt keeps is not what was asked: it has another hash',
    };
  const agrees = answer.decision === decision && answer.entrypoint === entrypoint;
  return agrees
    ? { ...about, again, outcome: 'agrees', text: `the bundle says ${decision} again` }
    : { ...about, again, outcome: 'differs', text: `the receipt says ${decision}, the bundle ${answer.decision}` };
}

// ----------------------------------------------------------------------------------------------------------- many

/**
 * The last receipts of a log, in its order.
 * @param latest pages of them, perhaps with some before: see `EventStore`
 * @param pause gives others their turn; rejects when nobody waits any more
 */
export async function lastOf(
  latest: AsyncIterable<readonly Commit[]>,
  last: number,
  pause = async () => {},
): Promise<readonly Commit[]> {
  let found: Commit[] = [];
  for await (const commits of latest) {
    found.push(...commits);
    // Not at each page: that would move all of them each time.
    if (found.length >= 2 * last) found = found.slice(-last);
    await pause();
  }
  return found.slice(-last);
}

export interface ReplayResult {
  /** How many receipts were looked at. */
  readonly receipts: number;
  /** How many of them keep what was asked: those alone could be asked again. */
  readonly asked: number;
  /** How many refused commands left no receipt, since there were too many in a second: nobody can ask them again. */
  readonly left_out: number;
  readonly differing: number;
  readonly actions: readonly ActionCompared[];
}

/** Asks two bundles what was asked behind receipts. */
export class PolicyReplay {
  private readonly comparison = new Comparison();
  private receipts = 0;
  private asked = 0;
  private leftOut = 0;

  constructor(
    private readonly inForce: PolicyBundle,
    private readonly other: PolicyBundle,
  ) {}

  next(commit: Commit): void {
    this.receipts += 1;
    for (const { type, data } of commit.events)
      if (type === 'CommandDenied') this.leftOut += (data as DenialEvent['data']).leftOut;
    const request = requestBehind(commit);
    if (request === undefined) return;
    this.asked += 1;
    const receipt = commitRef(commit.stream, commit.index);
    this.comparison.add(request, decide(this.inForce, request), decide(this.other, request), receipt);
  }

  result(): ReplayResult {
    const actions = this.comparison.result();
    const differing = actions.reduce((sum, action) => sum + action.differing, 0);
    return { receipts: this.receipts, asked: this.asked, left_out: this.leftOut, differing, actions };
  }
}
