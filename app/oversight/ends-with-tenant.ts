/** What ends with a tenant that was closed: nobody is asked there any more, and what was not taken yet is not. */
import {
  abandon as abandonAction,
  type ActionEvent,
  type ActionState,
  PENDING_ACTIONS,
} from '../../domain/oversight/action';
import { abandon as abandonApproval, type ApprovalEvent, type ApprovalState } from '../../domain/oversight/approval';
import { abandon as abandonRound, type RoundEvent, type RoundState } from '../../domain/oversight/round';
import type { ActionDoc } from '../../projections/oversight/actions';
import type { ApprovalDoc } from '../../projections/oversight/approvals';
import type { RoundDoc } from '../../projections/oversight/rounds';
import type { Aggregate } from '../engine/aggregate';
import type { Ending } from '../market/module';

export interface Asking {
  readonly actionsOf: Aggregate<ActionState, ActionEvent, ActionDoc>;
  readonly approvalsOf: Aggregate<ApprovalState, ApprovalEvent, ApprovalDoc>;
  readonly roundsOf: Aggregate<RoundState, RoundEvent, RoundDoc>;
}

/** Actions first: who is asked about one that is refused has nothing to decide. */
export function endsWithTenant({ actionsOf, approvalsOf, roundsOf }: Asking): readonly Ending[] {
  return [
    {
      aggregate: actionsOf,
      statuses: PENDING_ACTIONS,
      end: (context, id, reason) =>
        actionsOf.decide(context, id, 'action.refuse', abandonAction(context.principal.id, reason)),
    },
    {
      aggregate: approvalsOf,
      statuses: ['waiting'],
      end: (context, id, reason) => approvalsOf.decide(context, id, 'approval.supersede', abandonApproval(reason)),
    },
    {
      aggregate: roundsOf,
      statuses: ['open'],
      end: (context, id, reason) =>
        roundsOf.decide(context, id, 'round.supersede', abandonRound(context.principal.id, reason)),
    },
  ];
}
