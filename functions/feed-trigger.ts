/** How the triggers on the store's feed read it, where processes share a store. */
import type { ConsumerGroup } from '../app/colony';

/**
 * How long a trigger waits that has found nothing new, in milliseconds. Reactions award tasks: somebody waits for them.
 * What is only shown waits longer, so that a row that changes several times meanwhile is written once.
 */
const POLL_DELAY_MS: Readonly<Record<ConsumerGroup, number>> = {
  reactions: 200,
  projections: 1_000,
  publications: 1_000,
};

/** Of one group of consumers, which has leases of its own. Milliseconds. */
export function feedTrigger(group: ConsumerGroup) {
  return {
    connection: 'FORMICARY_COSMOS',
    databaseName: '%FORMICARY_COSMOS_DATABASE%',
    containerName: 'events',
    leaseContainerName: 'leases',
    leaseContainerPrefix: group,
    startFromBeginning: true,
    maxItemsPerInvocation: 500,
    feedPollDelay: POLL_DELAY_MS[group],
    // What an instance held when it died is another one's after so long; the defaults would take more than a minute.
    // Each look at the leases, and each renewal, costs request units in each instance.
    leaseRenewInterval: 10_000,
    leaseExpirationInterval: 30_000,
    leaseAcquireInterval: 10_000,
    retry: {
      strategy: 'exponentialBackoff',
      maxRetryCount: -1,
      minimumInterval: { seconds: 1 },
      maximumInterval: { seconds: 60 },
    },
  } as const;
}
