/**
 * Starts orchestrations that were lost. Those that ended the scheduler removes, and the local host, each after its
 * days. A process that is alone on its stores gets the durable client here, at its start; elsewhere the functions have
 * it from which orchestrations are started and woken.
 */
import * as df from 'durable-functions';
import { connectOrchestrations } from '../orchestrations/client';
import { runtime } from '../runtime';

df.app.client.timer('orchestrations', {
  schedule: '0 */5 * * * *',
  runOnStartup: process.env.FORMICARY_PROFILE !== 'azure',
  async handler(_, client) {
    const { colony } = await runtime();
    await connectOrchestrations(colony, client).heal(colony.decisions.waiting());
  },
});
