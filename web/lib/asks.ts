/**
 * What is asked in words: read by the grammar of the command line, in this page, and run under the person's own token,
 * step by step. The host takes note of it before the first step.
 */
import { signal } from '@preact/signals';
import type { approvals } from '../../contract/oversight/approvals';
import { carryOut, noteOf, pinned } from '../../domain/asks/exchange';
import { planOf } from '../../domain/asks/grammar';
import { asksFirst, attuned, MANNER, type Manner, readManner, type Trait } from '../../domain/asks/manner';
import { type Plan, riskOf, type Step } from '../../domain/asks/plan';
import { call, type Parts, perform } from './api';
import { type Failure, failureIn } from './failure';
import { reachedBy, sentFor } from './operations';
import { hostNow, me } from './session';
import { remember, remembered } from './settings';

export type Result = { readonly answer: unknown } | { readonly failure: Failure } | 'running' | 'terminal';

export interface Exchange {
  readonly words: string;
  readonly manner: Manner;
  /** Undefined while what it decides on is looked up. */
  readonly plan?: Plan;
  /** Its steps that ask first. */
  readonly asking: readonly Step[];
  /** By the places of the steps. */
  readonly results: Readonly<Record<number, Result>>;
  /** The step that is asked about now. */
  readonly asked?: number;
  readonly came?: 'done' | 'declined' | 'failed';
  /** What kept it from being noted, or looked up. */
  readonly failure?: Failure;
}

/** The latest one; undefined once it was closed. */
export const exchange = signal<Exchange | undefined>(undefined);

let over = new AbortController();
let answer: ((agrees: boolean) => void) | undefined;

/** Reads the words, and runs what they mean. What waited for an answer of the one before gets a no. */
export async function ask(words: string): Promise<void> {
  const { words: before, came, failure, asked } = exchange.peek() ?? {};
  // Sent once more while they are carried out, they are meant once.
  if (words === before && came === undefined && failure === undefined && asked === undefined) return;
  close();
  const { signal: ended } = (over = new AbortController());
  const manner = attuned(mannerSet(), words);
  exchange.value = { words, manner, asking: [], results: {} };
  const change = (changes: Partial<Exchange>) => {
    if (!ended.aborted && exchange.peek() !== undefined)
      exchange.value = { ...(exchange.peek() as Exchange), ...changes };
  };
  const result = (at: number, came: Result) => change({ results: { ...exchange.peek()?.results, [at]: came } });
  try {
    const meant = meaningOf(words);
    const plan = meant.outcome === 'planned' ? await pinned(meant, (approval) => hashOf(approval, ended)) : meant;
    if (ended.aborted) return;
    change({ plan });
    if (plan.outcome !== 'planned') {
      await note(noteOf(words, plan, plan.outcome));
      return change({ came: 'declined' });
    }
    const asking = plan.steps.filter((step) => asksFirst(manner, plan, [step]));
    change({ asking });
    const { came } = await carryOut(words, plan, asking, {
      note,
      agrees: (_, asked) =>
        new Promise<boolean>((resolve) => {
          if (ended.aborted) return resolve(false);
          answer = resolve;
          change({ asked });
        }),
      async run(step, at) {
        if (ended.aborted) return false;
        if (reachedBy(step) === undefined) {
          result(at, 'terminal');
          return true;
        }
        result(at, 'running');
        try {
          // What changes something is not left half way: nobody would know what came of it.
          result(at, { answer: await send(step, step.risk === 0 ? ended : undefined) });
          return true;
        } catch (error) {
          result(at, { failure: failureIn(error) });
          return false;
        }
      },
    });
    change({ came });
  } catch (error) {
    change({ failure: failureIn(error), came: 'failed' });
  }
}

/** Whether the step that is asked about is to run. */
export function agree(agrees: boolean): void {
  const now = exchange.peek();
  if (now !== undefined) exchange.value = { ...now, asked: undefined };
  answer?.(agrees);
  answer = undefined;
}

/** Shows it no more, and begins none of the steps that are left. */
export function close(): void {
  over.abort();
  agree(false);
  exchange.value = undefined;
}

/** The plan for words, as they are read now. */
export function meaningOf(words: string): Plan {
  const tenant = me.peek()?.tenant ?? '';
  return planOf(words, { now: new Date(hostNow()).toISOString(), tenant, manner: mannerSet() });
}

/** Whether words do nothing but look. */
export function onlyLooks(words: string): boolean {
  const plan = meaningOf(words);
  return plan.outcome === 'planned' && riskOf(plan.steps) === 0;
}

/** How it behaves, as it was set in this browser. */
export function mannerSet(): Manner {
  const set = readManner(remembered('manner') ?? '');
  return typeof set === 'string' ? MANNER : set;
}

export function setManner(manner: Manner): void {
  const changed = (Object.keys(MANNER) as Trait[]).filter((trait) => manner[trait] !== MANNER[trait]);
  remember('manner', changed.length === 0 ? undefined : changed.map((trait) => `${trait}=${manner[trait]}`).join(','));
}

const note = (body: object) => perform('POST /v1/asks', { body });

function send(step: Step, ended: AbortSignal | undefined): Promise<unknown> {
  return perform((reachedBy(step) as { route: string }).route, sentFor(step) as Parts, { signal: ended });
}

async function hashOf(approval: string, ended: AbortSignal): Promise<string> {
  const params = { approval_id: approval };
  const asked = await call<typeof approvals.get>('GET /v1/approvals/{approval_id}', { params }, { signal: ended });
  return asked.hash;
}
