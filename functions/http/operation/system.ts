/** Health, metrics, the documentation, and what an operator looks at. */
import { redriveSignal, SIGNALS } from '../../../app/signals/signals-in';
import { type Health, type Parked, system } from '../../../contract/operation/system';
import type { Shown } from '../../../contract/route';
import { Rejection } from '../../../domain/kernel/decider';
import { bind } from '../../bind';
import { pageOf } from '../../edge/answers';
import { registerDocs } from '../../edge/docs-routes';
import { VERSION } from '../../edge/openapi';
import { Problem, rejected } from '../../edge/problem';
import { knownRoute, openRoute } from '../../edge/route';
import { runtime } from '../../runtime';

registerDocs({
  title: 'Formicary',
  version: VERSION,
  description:
    'Coordination backend for swarms of AI agents. Every command answers with its receipt; every error is a problem document (RFC 9457) that says what to do.',
});

openRoute('live', '/health/live', () => ({ jsonBody: { status: 'live' } }));

openRoute('ready', '/health/ready', async () => {
  const jsonBody = await health();
  return { status: jsonBody.status === 'ready' ? 200 : 503, jsonBody };
});

async function health(): Promise<Shown<typeof Health>> {
  try {
    const { colony } = await runtime();
    const checks = await colony.readiness.look();
    const failed = checks.filter(({ ok }) => !ok);
    const reasons = failed.map(({ check, reason }) => `${check}: ${reason}`);
    if (failed.some(({ delays }) => delays === undefined)) return { status: 'not ready', reasons, checks };
    // What is served is served; what waits for the queues comes later.
    const altered_receipts = colony.transactor.altered.length;
    if (failed.length > 0) return { status: 'ready', degraded: reasons, checks, altered_receipts };
    return { status: 'ready', checks, feed: await colony.feed.status(), altered_receipts };
  } catch (error) {
    return { status: 'not ready', reasons: [error instanceof Error ? error.message : String(error)] };
  }
}

knownRoute('metrics', '/metrics', async ({ tenant }) => {
  const { body, contentType } = await (await runtime()).metrics.text(tenant);
  return { body, headers: { 'content-type': contentType } };
});

bind(system.status, async (colony, { principal }) => {
  const feed = await colony.feed.status();
  const lag = feed.find(({ consumer }) => consumer === 'views')?.lag ?? null;
  return {
    body: {
      feed,
      views: colony.views.status().map((view) => ({ ...view, lag })),
      open_tasks: colony.market.tasks.count(principal.tenant),
      stopped: (await colony.stops.concerning(principal.tenant)).length,
      waiting: await colony.whyNots.groups(principal.tenant),
      clock: colony.clockCheck.status(),
    },
  };
});

bind(system.rebuildView, async (colony, { params: { view } }) => {
  const all = colony.views.status();
  const known = all.find((status) => status.view === view);
  if (known === undefined)
    throw Problem.of('not-found', `There is no view ${view}: ${all.map((status) => status.view).join(', ')}.`);
  if (known.building === null) colony.views.rebuildInBackground(view);
  return { body: { view, serving: known.serving } };
});

bind(system.parked, async (colony, call) => {
  const { limit, continuation } = call.query;
  // An id is `stream@index`: what belongs to a tenant stands together.
  const own = `${call.principal.tenant}/`;
  if (continuation?.startsWith(own) === false)
    throw Problem.invalid('The continuation is not one of ours.', [
      { parameter: 'continuation', message: 'must be taken from nextLink as it is' },
    ]);
  const dead = await colony.feed.parked(call.params.consumer, limit + 1, continuation ?? own);
  // Whoever parks something says in its body what it was.
  const found = dead.filter(({ id }) => id.startsWith(own)) as readonly Shown<typeof Parked>[];
  const value = found.slice(0, limit);
  return pageOf(call, value, found.length > limit ? value.at(-1)?.id : undefined);
});

bind(system.redrive, async (colony, { principal, params: { consumer }, body: { id } }) => {
  const own = id.startsWith(`${principal.tenant}/`);
  const moved =
    own && (consumer === SIGNALS ? await redriveSignal(id, colony.signalsIn) : await colony.feed.redrive(consumer, id));
  if (moved instanceof Rejection) throw rejected(moved);
  if (!moved) throw Problem.of('not-found', `${consumer} has parked nothing of the name ${id}.`);
  return { body: { id } };
});
