/** The aggregates of repository. */
import { agentTypeDecider } from './agent-template';
import { toolDecider } from './tool';
import { toolCallDecider } from './tool-call';

export const repositoryAggregates = [toolDecider, toolCallDecider, agentTypeDecider] as const;
