/** What the reactions of oversight work with. */
import type { Report } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { RoundBook, Tasks } from '../market/module';
import type { Actions } from './actions';
import type { Approvals } from './approvals';
import type { Challenges } from './challenges';
import type { Judgement } from './judgement';
import type { Notifier } from './notifier';
import type { Orchestrated } from './orchestrated';
import type { Oversight } from './oversight';
import type { PendingDecisions } from './pending-decisions';
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
  readonly pending: PendingDecisions;
  readonly notifier: Notifier;
  readonly orchestrated: Orchestrated;
  readonly report: Report;
}
