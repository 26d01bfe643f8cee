/**
 * Hands the durable client to the colony: a binding gives it to functions that are invoked, and to nobody else. So this
 * one runs at the start of each process; later it starts orchestrations that were lost, and removes those that ended.
 */
import * as df from 'durable-functions';
import type { Colony } from '../../app/colony';
import { DurableOrchestrations } from '../orchestrations/client';
import { runtime } from '../runtime';

const KEPT_MS = 30 * 86_400_000;
const PAGE = 1_000;
/** The views with what waits, and the status that says so. */
const WAITING = { rounds: 'open', approvals: 'waiting', actions: 'veto_window' } as const;

df.app.client.timer('orchestrations', {
  schedule: '0 */5 * * * *',
  runOnStartup: true,
  async handler(_, client) {
    const { colony } = await runtime();
    const orchestrations = new DurableOrchestrations(client, (stream) => colony.decisions.dueOf(stream));
    colony.decisions.connect(orchestrations);
    await orchestrations.heal(waiting(colony));
    await orchestrations.purge(new Date(Date.now() - KEPT_MS));
  },
});

/** Streams that wait, of all tenants, as far as the views have come. */
async function* waiting({ ports, views }: Colony): AsyncGenerator<string> {
  for (const [name, status] of Object.entries(WAITING)) {
    const view = views.serving(name);
    for (const tenant of await ports.views.tenants(view)) {
      let continuation: string | undefined;
      do {
        const page = await ports.views.query(view, { tenant, where: { status }, limit: PAGE, continuation });
        for (const { source } of page.rows) yield source;
        continuation = page.continuation;
      } while (continuation !== undefined);
    }
  }
}
