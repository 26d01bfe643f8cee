/** The aggregates of identity. */
import { accessDecider } from './access';
import { credentialDecider } from './credential';

export const identityAggregates = [accessDecider, credentialDecider] as const;
