/**
 * The feed, where processes share a store: the change feed of the container `events`, read by triggers with leases of
 * their own: one for projections, one for reactions, and one for what is published, when a hub is named for that. Each
 * range of the store is one instance's at a time, and is handed over in order; a batch that fails is handed over again,
 * and nothing after it in its range before that. What a batch lacks is read from its stream.
 */
import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { feedTrigger } from '../feed-trigger';
import { connectOrchestrations } from '../orchestrations/client';
import { openedColony, runtime } from '../runtime';

const SHARED = process.env.FORMICARY_PROFILE === 'azure';

if (SHARED) {
  app.cosmosDB('projections', {
    ...feedTrigger('projections'),
    async handler(documents: unknown) {
      const colony = await openedColony();
      await colony.deliver('projections', documents as readonly unknown[]);
    },
  });

  if ((process.env.FORMICARY_EVENT_HUB ?? '') !== '') {
    app.cosmosDB('publications', {
      ...feedTrigger('publications'),
      async handler(documents: unknown) {
        // What is stopped is held back, and what was closed is not published: that is heard of others.
        const { colony } = await runtime();
        await colony.deliver('publications', documents as readonly unknown[]);
      },
    });
  }

  app.cosmosDB('reactions', {
    ...feedTrigger('reactions'),
    extraInputs: [df.input.durableClient()],
    async handler(documents: unknown, context: InvocationContext) {
      const { colony } = await runtime();
      connectOrchestrations(colony, df.getClient(context));
      await colony.deliver('reactions', documents as readonly unknown[]);
    },
  });
}
