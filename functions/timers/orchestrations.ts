/**
 * Hands the durable client to the colony: a binding gives it to functions that are invoked, and to nobody else. So this
 * one runs at the start of each process; later it starts orchestrations that were lost, and removes those that ended.
 */
import * as df from 'durable-functions';
import { systemClock } from '../../app/engine/clock';
import { DurableOrchestrations } from '../orchestrations/client';
import { runtime } from '../runtime';

/**
 * How long those that ended are kept: `FORMICARY_DURABLE_DAYS`, which the local host checks, or 30 days. Milliseconds.
 */
export function keptMs(days = process.env.FORMICARY_DURABLE_DAYS): number {
  const kept = Number(days ?? 30);
  if (!(kept > 0)) throw new Error(`FORMICARY_DURABLE_DAYS must be a number of days above 0, not "${days}"`);
  return kept * 86_400_000;
}

df.app.client.timer('orchestrations', {
  schedule: '0 */5 * * * *',
  runOnStartup: true,
  async handler(_, client) {
    const { decisions, orchestrated } = (await runtime()).colony;
    const orchestrations = new DurableOrchestrations(client, (stream) => decisions.dueOf(stream));
    orchestrated.connect(orchestrations);
    await orchestrations.heal(decisions.waiting());
    await orchestrations.purge(new Date(systemClock.now() - keptMs()));
  },
});
