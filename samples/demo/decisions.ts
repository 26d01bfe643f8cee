/**
 * Decisions in the demo: a few of the tasks may be done only when the rules, a round of agents or a person let them.
 * Which ones, what the agents think and whether a person answers in time is drawn by the seed.
 */
import { type ApprovalSummary, type Formicary, FormicaryError, type TaskInput } from '../../client/client';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { chance } from './chance';

export type Overseen = NonNullable<TaskInput['oversight']> & { readonly kind: string };

/** Agents vote on each of these. */
export const REVIEW = 'demo.review';
/** The rules let most of these go; a person decides on the large ones. */
export const SPENDING = 'demo.spending';

/** Share of the tasks that need a decision, and among those: large spendings, then small ones. */
const OVERSEEN = 0.02;
const LARGE = 0.05;
const SMALL = 0.3;
/** Share of the rounds that all voters reject, and of those that they are divided on. */
const AGAINST = 0.1;
const DIVIDED = 0.03;

/** What the decision on this task is made from; undefined for most. */
export function overseen(id: string, seed: number): Overseen | undefined {
  if (chance(seed, `overseen ${id}`) >= OVERSEEN) return undefined;
  const lot = chance(seed, `kind ${id}`);
  const kind = lot < SMALL ? SPENDING : REVIEW;
  return { kind, why: `the demo drew ${id}`, confidence: 0.9, impact: lot < LARGE ? 'high' : 'low', risk: 0.1 };
}

/**
 * Nobody decides after this many seconds with the first group, and as many with the second: then the task is refused.
 */
const GROUP_SECONDS = 3;
const ROUND_SECONDS = 20;

const SHARED: OversightRules = {
  ...DEFAULT_RULES,
  mode: 'full_automation',
  // The first of a kind is new to everybody, and goes to a person; all later ones are familiar.
  thresholds: { ...DEFAULT_RULES.thresholds, novelty: 1 },
  approvers: [
    { group: 'approvers', members: [], seconds: GROUP_SECONDS },
    { group: 'administrators', members: [], seconds: GROUP_SECONDS },
  ],
};

/** Sets the rules of both kinds. */
export async function setRules(client: Formicary, voters: readonly string[]): Promise<void> {
  const electorate = voters.map((id, i) => ({
    id,
    why: 'it is one of the first that came',
    expertise: { relevance: 1, experience: 0.6 + 0.05 * i, track_record: 0.9 },
  }));
  await client.oversight.set(SPENDING, SHARED);
  await client.oversight.set(REVIEW, {
    ...SHARED,
    round: {
      when: 'always',
      algorithm: 'expertise_based',
      voters: electorate,
      min_agreement: 0.75,
      quorum: 0.6,
      round_seconds: ROUND_SECONDS,
      improvement_rounds: 0,
    },
  });
}

export interface Opinion {
  readonly choice: string;
  readonly confidence: number;
  readonly reasoning: string;
}

/** What a voter thinks: all for it, all against it, or each as it likes. */
export function opinionOf(
  voter: string,
  question: string,
  [approve = '', reject = '']: readonly string[],
  seed: number,
): Opinion {
  const mood = chance(seed, `mood ${question}`);
  const against = mood < AGAINST || (mood < AGAINST + DIVIDED && chance(seed, `opinion ${voter} ${question}`) < 0.5);
  return {
    choice: against ? reject : approve,
    confidence: 0.6 + 0.4 * chance(seed, `confidence ${voter} ${question}`),
    reasoning: against ? 'the demo drew a no' : 'nothing speaks against it',
  };
}

/** How often people look at their queue, in milliseconds. */
const LOOK_EVERY_MS = 250;
/**
 * Of what is large: shares that are rejected at once, approved at once, and approved by the second group. The rest
 * nobody answers.
 */
const REJECTED = 0.15;
const APPROVED = 0.35;
const LATE = 0.25;

/** Two people at the queue of approvals, in a script. */
export class People {
  private readonly abort = new AbortController();
  private readonly ada: Formicary;
  private readonly grace: Formicary;

  constructor(
    client: Formicary,
    private readonly seed: number,
  ) {
    this.ada = client.as('human:ada');
    this.grace = client.as('human:grace');
  }

  /** Works until it is stopped. */
  async work(): Promise<void> {
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        for await (const waiting of this.ada.approvals.all({ status: 'waiting' }, { signal }))
          await this.answer(waiting);
      } catch (error) {
        if (!(error instanceof FormicaryError) && !signal.aborted) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  stop(): void {
    this.abort.abort();
  }

  private async answer({ id, hash, impact, level, choices, leader }: ApprovalSummary): Promise<void> {
    const lot = impact === 'high' ? chance(this.seed, `answer ${id}`) : REJECTED;
    const person =
      lot < REJECTED + APPROVED ? this.ada : lot < REJECTED + APPROVED + LATE && level > 0 ? this.grace : undefined;
    if (person === undefined) return;
    const options = { idempotencyKey: `answer-${id}-${hash}`, signal: this.abort.signal };
    try {
      if (lot < REJECTED) await person.approvals.reject(id, { hash, reason: 'the demo drew a no' }, options);
      // On a tie whoever approves says which: the last choice changes least.
      else
        await person.approvals.approve(
          id,
          { hash, reason: 'the demo drew a yes', choice: leader === null ? choices?.at(-1) : undefined },
          options,
        );
    } catch (error) {
      // It was decided meanwhile, or its time was over: the list is a little behind.
      if (!(error instanceof FormicaryError) && !this.abort.signal.aborted) throw error;
    }
  }
}
