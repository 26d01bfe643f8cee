/**
 * Repository: what agents share, so that nobody has to make it twice.
 * Owns the tenants' own agent types, beside the built-in ones, and the tools; in memory what an hour of a type costs.
 * Calls nobody: only the engine.
 */
import { agentTypeDecider } from '../../domain/repository/agent-template';
import { toolDecider } from '../../domain/repository/tool';
import { agentTypes as agentTypesView } from '../../projections/repository/agent-types';
import { tools as toolsView } from '../../projections/repository/tools';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { Prices } from './prices';
import { Repository, Tools } from './registry';

export type { Prices };

export function repositoryModule(engine: Engine) {
  const tools = new Tools(engine.aggregate(toolDecider, { view: toolsView }));
  const types = engine.aggregate(agentTypeDecider, { view: agentTypesView, followed: true });
  const prices = new Prices(types, engine.transactor);
  return { services: { repository: new Repository(types), tools, prices } } satisfies Module;
}
