/**
 * Repository: what agents share, so that nobody has to make it twice.
 * Owns a tenant's own agent types, its tools and their calls; in memory what an hour of a type costs.
 * Calls nobody: only the engine, and what is outside.
 */
import { agentTypeDecider } from '../../domain/repository/agent-template';
import { toolDecider } from '../../domain/repository/tool';
import { toolCallDecider } from '../../domain/repository/tool-call';
import { agentTypes as agentTypesView } from '../../projections/repository/agent-types';
import { tools as toolsView } from '../../projections/repository/tools';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { Prices } from './prices';
import { Repository, Tools } from './registry';
import { ToolCalls } from './tool-calls';

export type { Prices };

export function repositoryModule(engine: Engine) {
  const { deadlines, standstill, clock, report, ports } = engine;
  const toolsOf = engine.aggregate(toolDecider, { view: toolsView });
  const tools = new Tools(toolsOf);
  const toolCalls = new ToolCalls({
    ...{ deadlines, standstill, clock, report },
    calls: engine.aggregate(toolCallDecider),
    tools: toolsOf,
    servers: ports.outbound.tools,
  });
  const types = engine.aggregate(agentTypeDecider, { view: agentTypesView, followed: true });
  const prices = new Prices(types, engine.transactor);
  return {
    services: { repository: new Repository(types), tools, toolCalls, prices },
    finish: () => toolCalls.stop(),
  } satisfies Module;
}
