/**
 * The feed, where processes share a store: the change feed of the container `events`, read by triggers with leases of
 * their own: one for projections, one for reactions, and one for what is published, when a hub is named for that. Each
 * range of the store is one instance's at a time, and is handed over in order; a batch that fails is handed over again,
 * and nothing after it in its range before that. What a batch lacks is read from its stream.
 */
import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type { ConsumerGroup } from '../../app/colony';
import { connectOrchestrations } from '../orchestrations/client';
import { openedColony, runtime } from '../runtime';

const SHARED = process.env.FORMICARY_PROFILE === 'azure';

function trigger(group: ConsumerGroup) {
  return {
    connection: 'FORMICARY_COSMOS',
    databaseName: '%FORMICARY_COSMOS_DATABASE%',
    containerName: 'events',
    leaseContainerName: 'leases',
    leaseContainerPrefix: group,
    startFromBeginning: true,
    maxItemsPerInvocation: 500,
    feedPollDelay: 200,
    // What an instance held when it died is another one's after so long; the defaults would take more than a minute.
    leaseRenewInterval: 5_000,
    leaseExpirationInterval: 20_000,
    leaseAcquireInterval: 5_000,
    retry: {
      strategy: 'exponentialBackoff',
      maxRetryCount: -1,
      minimumInterval: { seconds: 1 },
      maximumInterval: { seconds: 60 },
    },
  } as const;
}

if (SHARED) {
  app.cosmosDB('projections', {
    ...trigger('projections'),
    async handler(documents: unknown) {
      const colony = await openedColony();
      await colony.deliver('projections', documents as readonly unknown[]);
    },
  });

  if ((process.env.FORMICARY_EVENT_HUB ?? '') !== '') {
    app.cosmosDB('publications', {
      ...trigger('publications'),
      async handler(documents: unknown) {
        const colony = await openedColony();
        await colony.deliver('publications', documents as readonly unknown[]);
      },
    });
  }

  app.cosmosDB('reactions', {
    ...trigger('reactions'),
    extraInputs: [df.input.durableClient()],
    async handler(documents: unknown, context: InvocationContext) {
      const { colony } = await runtime();
      connectOrchestrations(colony, df.getClient(context));
      await colony.deliver('reactions', documents as readonly unknown[]);
    },
  });
}
