/** What the reactions of oversight work with, and in whose name they act. */
import type { Cause, RequestContext } from '../engine/command';
import type { Report } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { RoundBook, Tasks } from '../market/module';
import type { Actions } from './actions';
import type { Approvals } from './approvals';
import type { Challenges } from './challenges';
import { gatekeeper } from './gatekeeper';
import type { Judgement } from './judgement';
import type { Notifier } from './notifier';
import type { Orchestrated } from './orchestrated';
import type { Oversight } from './oversight';
import type { Rounds } from './rounds';

export interface OversightServices {
  readonly transactor: Transactor;
  readonly book: RoundBook;
  readonly tasks: Tasks;
  readonly rounds: Rounds;
  readonly approvals: Approvals;
  readonly actions: Actions;
  readonly judgement: Judgement;
  readonly challenges: Challenges;
  readonly oversight: Oversight;
  readonly notifier: Notifier;
  readonly orchestrated: Orchestrated;
  readonly report: Report;
}

/** The gate reacts to `cause`. */
export function asGate(tenant: string, cause: Cause): RequestContext {
  return { principal: gatekeeper(tenant), cause, reaction: true };
}

/** What a person has decided elsewhere is carried out in the person's name. */
export function asPerson(tenant: string, id: string, cause: Cause): RequestContext {
  return { principal: { tenant, id, kind: 'human', level: 'critical' }, cause, reaction: true };
}
