/** `/v1/pools`: how load is balanced, and what a pool is to work on. */
import { pools } from '../../../contract/market/pools';
import { bind } from '../../bind';
import { receiptOf } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(pools.list, async (colony, { principal: { tenant } }) => ({ body: { value: colony.balance.live(tenant) } }));

bind(pools.history, async (colony, { principal: { tenant }, params: { pool }, query: { from, limit } }) => ({
  body: { value: await colony.balance.history(tenant, pool, from, limit) },
}));

bind(pools.setObjective, async (colony, call) => {
  const { changed, reorganised } = await colony.balance.changeObjective(contextOf(call), call.params.pool, call.body);
  return {
    body: {
      receipt: receiptOf(accepted(changed)),
      reorganised: reorganised?.ok === true ? receiptOf(reorganised) : null,
    },
  };
});

bind(pools.reorganise, async (colony, call) => {
  const { moves, reason } = call.body;
  return {
    body: {
      receipt: receiptOf(accepted(await colony.balance.reorganise(contextOf(call), call.params.pool, moves, reason))),
    },
  };
});
