/**
 * Starts orchestrations that were lost. Those that ended the scheduler removes, and the local host, each after its
 * days. A process that is alone on its stores gets the durable client here, at its start; elsewhere the functions have
 * it from which orchestrations are started and woken.
 */
import * as df from 'durable-functions';
import { connectOrchestrations } from '../orchestrations/client';
import { openedColony, runtime } from '../runtime';

const SHARED = process.env.FORMICARY_PROFILE === 'azure';

df.app.client.timer('orchestrations', {
  schedule: '0 */5 * * * *',
  runOnStartup: !SHARED,
  async handler(_, client) {
    // On Azure this runs on instances of its own, which nothing else keeps awake: it needs no books, so it reads none.
    const colony = SHARED ? await openedColony() : (await runtime()).colony;
    await connectOrchestrations(colony, client).heal(colony.decisions.waiting());
  },
});
