/**
 * Hands the durable client to the colony: a binding gives it to functions that are invoked, and to nobody else. So this
 * one runs at the start of each process; later it starts orchestrations that were lost. Those that ended the scheduler
 * removes, and the local host, each after its days.
 */
import * as df from 'durable-functions';
import { DurableOrchestrations } from '../orchestrations/client';
import { runtime } from '../runtime';

df.app.client.timer('orchestrations', {
  schedule: '0 */5 * * * *',
  runOnStartup: true,
  async handler(_, client) {
    const { decisions, orchestrated } = (await runtime()).colony;
    const orchestrations = new DurableOrchestrations(client, (stream) => decisions.dueOf(stream));
    orchestrated.connect(orchestrations);
    await orchestrations.heal(decisions.waiting());
  },
});
