/** What makes an agent, or a task, one more of those that its tenant may have so many of. */
import type { Decision } from '../../domain/kernel/decider';
import { type AgentEvent, type AgentState, isRegistered } from '../../domain/market/agent';
import { isAlive, type TaskEvent, type TaskState } from '../../domain/market/task';
import type { OneMore } from '../tenants/module';
import type { Market } from './market';

/** An agent that is not registered becomes one by `decide`. */
export function oneMoreAgent(
  { agentCensus: census }: Pick<Market, 'agentCensus'>,
  stream: string,
  decide: Decision<AgentState, AgentEvent>,
): OneMore<AgentState, AgentEvent> {
  return { of: 'agents', stream, census, isNew: (state) => !isRegistered(state), decide };
}

/** A task that is over, or was never posted, is not over after `decide`. */
export function oneMoreTask(
  { taskCensus: census }: Pick<Market, 'taskCensus'>,
  stream: string,
  decide: Decision<TaskState, TaskEvent>,
): OneMore<TaskState, TaskEvent> {
  return { of: 'tasks', stream, census, isNew: (state) => !isAlive(state), decide };
}
