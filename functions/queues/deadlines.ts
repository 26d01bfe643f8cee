/**
 * The deadlines, where processes share a store: scheduled messages of one queue, each handed to one instance when it is
 * due. It also wakes the app when nobody is there. One that fails is handed over again; what the trigger has given up
 * on, the colony takes up again by itself.
 */
import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { z } from 'zod';
import { FIRE_PATIENCE_MS } from '../../app/engine/running';
import { persistently } from '../opening';
import { connectOrchestrations } from '../orchestrations/client';
import { runtime } from '../runtime';

const Message = z.object({
  stream: z.string().regex(/^[^/]+\/[^/]+\/[^/]+$/),
  reason: z.string().min(1).max(64),
  due: z.iso.datetime(),
});

if (process.env.FORMICARY_PROFILE === 'azure') {
  app.serviceBusQueue('deadlines', {
    connection: 'FORMICARY_SERVICEBUS',
    queueName: 'deadlines',
    cardinality: 'one',
    // What falls due may have others wait, or wake them.
    extraInputs: [df.input.durableClient()],
    async handler(message: unknown, context: InvocationContext) {
      const deadline = Message.safeParse(message);
      if (!deadline.success) {
        // Nothing of ours: to try it again would change nothing.
        context.warn('a message in the queue of deadlines is none: it was dropped');
        return;
      }
      const until = performance.now() + FIRE_PATIENCE_MS;
      const { colony } = await persistently(runtime, until);
      connectOrchestrations(colony, df.getClient(context));
      await colony.fire(deadline.data, until);
    },
  });
}
