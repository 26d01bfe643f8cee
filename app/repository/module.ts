/**
 * Repository: what agents share, so that nobody has to make it twice.
 * Owns the tenants' own agent types, beside the built-in ones, and the tools.
 * Calls nobody: only the engine.
 */
import { agentTypeDecider } from '../../domain/repository/agent-template';
import { toolDecider } from '../../domain/repository/tool';
import { agentTypes as agentTypesView } from '../../projections/repository/agent-types';
import { tools as toolsView } from '../../projections/repository/tools';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { Repository, Tools } from './registry';

export function repositoryModule(engine: Engine) {
  const tools = new Tools(engine.aggregate(toolDecider, { view: toolsView }));
  const repository = new Repository(engine.aggregate(agentTypeDecider, { view: agentTypesView }));
  return { services: { repository, tools } } satisfies Module;
}
