/**
 * An exchange: words, the plan that they are read as, its receipt, and its commands one after the other. Whoever asks
 * has hands of their own, a terminal or a page; what may run, and in which order, is the same for all.
 */
import { refused } from './answer';
import type { Ask, AskedStep } from './ask';
import { commandOf, type Plan, type Planned, type Step } from './plan';

/** What `POST /v1/asks` takes of it. */
export interface Noted {
  readonly words: string;
  readonly model?: string;
  readonly outcome: Ask['outcome'];
  readonly steps: AskedStep[];
}

/** Stands on the receipt in place of words that may hold a secret. */
const HELD_BACK = '(words that may hold a secret)';

/** The receipt of what became of words. */
export function noteOf(words: string, plan: Plan, outcome: Noted['outcome']): Noted {
  return {
    words: plan.outcome === 'refused' && plan.secret === true ? HELD_BACK : words,
    outcome,
    ...('model' in plan && plan.model !== undefined ? { model: plan.model } : {}),
    steps: plan.outcome !== 'planned' ? [] : plan.steps.map(noted),
  };
}

function noted(step: Step): AskedStep {
  return { operation: step.operation, command: commandOf(step), risk: step.risk };
}

/** Digits of a hash that a command shows. */
const SHOWN_DIGITS = 12;

/**
 * The plan with the hash of what each decision is about, so that one that was edited since it was shown is not decided
 * on; a refusal where it is not the one that was named.
 * @param hashOf the hash of what an approval is about now
 */
export async function pinned(plan: Planned, hashOf: (approval: string) => Promise<string>): Promise<Plan> {
  const steps: Step[] = [];
  for (const step of plan.steps) {
    const { operation, request, own, argv } = step;
    if (operation !== 'approve' && operation !== 'reject') {
      steps.push(step);
      continue;
    }
    const id = String(request.params?.['approval_id']);
    const hash = await hashOf(id);
    const named = own?.['hash'] as string | undefined;
    const shown = hash.slice(0, SHOWN_DIGITS);
    if (named !== undefined && !hash.startsWith(named))
      return refused(`${id} is not what you looked at any more: it is ${shown} now.`, `show approval ${id}`);
    steps.push({
      ...step,
      request: { ...request, body: { ...request.body, hash } },
      argv: named === undefined ? [...argv, '--hash', shown] : argv,
    });
  }
  return { ...plan, steps };
}

/** What carries a plan out. What these throw ends it. */
export interface Hands {
  /** Leaves the receipt. */
  readonly note: (receipt: Noted) => Promise<unknown>;
  /** Whether whoever asked agrees to a step that asks first. */
  readonly agrees: (step: Step, at: number) => Promise<boolean>;
  /** Runs the command; false where it did not go well. */
  readonly run: (step: Step, at: number) => Promise<boolean>;
}

/**
 * Leaves the receipt, without which nothing runs; then runs the steps in their order, as long as each that asks first
 * is agreed to and none fails. What is not agreed to, and what comes after it, has a receipt of its own.
 * @param asking the steps that ask first
 * @returns how far it came, and why no further
 */
export async function carryOut(
  words: string,
  plan: Planned,
  asking: readonly Step[],
  { note, agrees, run }: Hands,
): Promise<{ readonly came: 'done' | 'declined' | 'failed'; readonly steps: number }> {
  await note(noteOf(words, plan, 'run'));
  for (const [i, step] of plan.steps.entries()) {
    if (asking.includes(step) && !(await agrees(step, i))) {
      await note(noteOf(words, { ...plan, steps: plan.steps.slice(i) }, 'declined'));
      return { came: 'declined', steps: i };
    }
    if (!(await run(step, i))) return { came: 'failed', steps: i };
  }
  return { came: 'done', steps: plan.steps.length };
}
