/** The aggregates of repository. */
import { agentTypeDecider } from './agent-template';
import { toolDecider } from './tool';

export const repositoryAggregates = [toolDecider, agentTypeDecider] as const;
