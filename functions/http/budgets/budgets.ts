/** `/v1/budgets`: what work may cost, what is reserved for it and what was spent. */
import { budgetAnswer, budgetIn, reservationAnswer, reservationIn } from '../../../app/budgets/budgets';
import { type Budget, budgets } from '../../../contract/budgets/budgets';
import type { Shown } from '../../../contract/route';
import { toTime } from '../../../domain/kernel/time';
import { bind } from '../../bind';
import { commanded, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(budgets.list, async (colony, { principal: { tenant }, now }) => {
  const { state } = await colony.budgets.load(tenant);
  const value = Object.keys(state.budgets)
    .sort()
    .flatMap((key) => state.budgets[key] ?? [])
    .map((budget) => budgetAnswer(budget, toTime(now)));
  return { body: { value } };
});

bind(budgets.reservations, (colony, call) =>
  listed(call, async (tenant, { task }, limit, continuation) => {
    const { docs, continuation: next } = await colony.budgets.reservations(tenant, task, limit, continuation);
    return { docs: docs.map(reservationAnswer), continuation: next };
  }),
);

bind(budgets.set, async (colony, call) => {
  const { params, body, now } = call;
  const limit = { limit: body.limit_micro_usd, period: body.period };
  const done = accepted(await colony.budgets.set(contextOf(call), params, limit, body.reason));
  return commanded(done, { budget: budgetIn(done.state, params, toTime(now)) as Shown<typeof Budget> });
});

bind(budgets.remove, async (colony, call) =>
  commanded(accepted(await colony.budgets.remove(contextOf(call), call.params, call.body.reason)), {}),
);

bind(budgets.raise, async (colony, call) => {
  const { params, body } = call;
  const done = accepted(await colony.budgets.raise(contextOf(call), params.task, body.more_micro_usd, body.reason));
  return commanded(done, { reservation: reservationIn(done.state, params.task) });
});
