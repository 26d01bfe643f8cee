/** `/v1/agents/repository`, `/v1/agents/deploy`: the types of agents, and one call to deploy one. */
import { agentAnswer } from '../../../app/market/agents';
import { everComes } from '../../../app/repository/schedule';
import { agents } from '../../../contract/market/agents';
import { CRON_RULE, repository } from '../../../contract/repository/agent-types';
import { Rejection } from '../../../domain/kernel/decider';
import { cut } from '../../../domain/kernel/text';
import type { AgentTypeState } from '../../../domain/repository/agent-template';
import type { CustomEntry } from '../../../domain/repository/catalogue';
import { bind } from '../../bind';
import { commanded, madeId } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { Problem, rejected } from '../../edge/problem';
import { reachableId } from '../../edge/route';
import { accepted } from '../../runtime';

bind(repository.list, async (colony, { principal, query }) => ({
  body: { value: await colony.repository.list(principal.tenant, query) },
}));

bind(repository.search, async (colony, { principal, query: { q, limit } }) => {
  const hits = await colony.repository.search(principal.tenant, q);
  return { body: { value: hits.slice(0, limit).map(({ entry, score, matched }) => ({ ...entry, score, matched })) } };
});

bind(repository.get, async (colony, { principal: { tenant }, params: { agent_type } }) => {
  const entry = await colony.repository.find(tenant, agent_type);
  if (entry instanceof Rejection) throw rejected(entry);
  const found = await colony.repository.recommend(tenant, agent_type);
  const similar = found instanceof Rejection ? [] : found.slice(0, 5).map((hit) => hit.entry.agent_type);
  return { body: { ...entry, similar } };
});

/** The entry of a type that was defined. */
const entryOf = ({ entry }: AgentTypeState) => ({ agent_type: entry as CustomEntry });

bind(repository.define, async (colony, call) => {
  const agentType = reachableId(repository.get.path, call.params.agent_type);
  const { based_on, overrides } = call.body;
  const done = accepted(await colony.repository.define(contextOf(call), agentType, based_on, overrides));
  return commanded(done, entryOf(done.state));
});

bind(repository.revise, async (colony, call) => {
  const done = accepted(await colony.repository.revise(contextOf(call), call.params.agent_type, call.body.overrides));
  return commanded(done, entryOf(done.state));
});

bind(repository.withdraw, async (colony, call) =>
  commanded(accepted(await colony.repository.withdraw(contextOf(call), call.params.agent_type, call.query.reason)), {}),
);

bind(
  repository.deploy,
  async (colony, call) => {
    const { principal, body } = call;
    if (body.tenant_id !== undefined && body.tenant_id !== principal.tenant)
      throw Problem.of(
        'forbidden',
        `The caller belongs to ${principal.tenant} and can't deploy for ${body.tenant_id}.`,
      );
    const entry = await colony.repository.find(principal.tenant, body.agent_type);
    if (entry instanceof Rejection) throw rejected(entry);
    // A type's name may be as long as an id.
    const id = reachableId(agents.get.path, body.id ?? `${cut(entry.agent_type, 80)}-${madeId(call)}`);
    const done = accepted(await colony.agents.deploy(contextOf(call), id, entry, body));
    const agent = { ...agentAnswer(id, done), lifecycle: done.state.profile?.deployment?.tier };
    return commanded(done, { agent, agent_type: entry }, { location: `/v1/agents/${id}` });
  },
  {
    check: ({ schedule }) =>
      schedule === undefined || everComes(schedule.cron) ? [] : [{ pointer: '#/schedule/cron', message: CRON_RULE }],
  },
);
