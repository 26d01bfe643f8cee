/** How the triggers on the store's feed read it, where processes share a store. */
import type { ConsumerGroup } from '../app/colony';
import { VIEW_SECONDS } from '../app/engine/views';

/** For how many seconds what has happened may wait until views show it. */
export function viewSeconds(): number {
  return Number(process.env.FORMICARY_VIEW_SECONDS || VIEW_SECONDS);
}

/** How long a trigger waits that has found nothing new, in milliseconds. */
function pollDelayMs(group: ConsumerGroup): number {
  switch (group) {
    case 'reactions':
      return 200; // They award tasks: somebody waits for them.
    case 'projections':
      return Math.round(1_000 * viewSeconds());
    case 'publications':
      return 1_000;
  }
}

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
    feedPollDelay: pollDelayMs(group),
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
