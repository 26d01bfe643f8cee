/** Health, metrics, the documentation, and what an operator looks at. */
import { z } from 'zod';
import { redriveSignal, SIGNALS } from '../../../app/signals/signals-in';
import { Rejection } from '../../../domain/kernel/decider';
import { registerDocs } from '../../edge/docs-routes';
import { LOCAL_IDENTITY } from '../../edge/openapi';
import { Problem, rejected } from '../../edge/problem';
import { openRoute, route } from '../../edge/route';
import { Continuation, List, OpenObject, page, Text, whole } from '../../edge/schemas';
import { runtime } from '../../runtime';

const TAGS = ['Operation'];
/** Who parks what it can't handle: the consumers of the feed, and the intake of signals. */
const Consumer = z.enum(['views', 'reactions', 'balance', 'decisions', 'publisher', SIGNALS]);

registerDocs({
  title: 'Formicary',
  version: '0.1.0',
  description:
    'Coordination backend for swarms of AI agents. Every command answers with its receipt; every error is a problem document (RFC 9457) that says what to do.',
  identity: LOCAL_IDENTITY,
});

openRoute('live', '/health/live', () => ({ jsonBody: { status: 'live' } }));

openRoute('ready', '/health/ready', async () => {
  try {
    const { colony } = await runtime();
    const checks = await colony.readiness.look();
    const failed = checks.filter(({ ok }) => !ok);
    const reasons = failed.map(({ check, reason }) => `${check}: ${reason}`);
    if (failed.some(({ delays }) => delays === undefined))
      return { status: 503, jsonBody: { status: 'not ready', reasons, checks } };
    // What is served is served; what waits for the queues comes later.
    const altered_receipts = colony.transactor.altered.length;
    if (failed.length > 0) return { jsonBody: { status: 'ready', degraded: reasons, checks, altered_receipts } };
    return { jsonBody: { status: 'ready', checks, feed: await colony.feed.status(), altered_receipts } };
  } catch (error) {
    return {
      status: 503,
      jsonBody: { status: 'not ready', reasons: [error instanceof Error ? error.message : String(error)] },
    };
  }
});

openRoute('metrics', '/metrics', async () => {
  const { body, contentType } = await (await runtime()).metrics.text();
  return { body, headers: { 'content-type': contentType } };
});

route({
  name: 'readStatus',
  method: 'GET',
  path: '/v1/status',
  summary: 'Feed lag, parked commits, views, and what open and held tasks wait for',
  tags: TAGS,
  needs: 'read_only',
  responses: { 200: { description: 'Status', schema: OpenObject } },
  async handler(call) {
    const { colony } = await runtime();
    const feed = await colony.feed.status();
    const lag = feed.find(({ consumer }) => consumer === 'views')?.lag ?? null;
    return {
      status: 200,
      body: {
        feed,
        views: colony.views.status().map((view) => ({ ...view, lag })),
        open_tasks: colony.market.tasks.size(),
        waiting: await colony.whyNots.groups(call.principal.tenant),
        clock: colony.clockCheck.status(),
      },
    };
  },
});

route({
  name: 'rebuildView',
  method: 'POST',
  conditional: false,
  path: '/v1/views/{view}/rebuild',
  summary: 'Build a view anew beside the one that serves',
  tags: TAGS,
  needs: 'critical',
  params: z.object({ view: Text(64) }),
  body: z.strictObject({}),
  responses: { 202: { description: 'Begun; /v1/status shows how far it is', schema: OpenObject } },
  async handler(call) {
    const { colony } = await runtime();
    const { view } = call.params;
    const known = colony.views.status().find((status) => status.view === view);
    if (known === undefined)
      throw Problem.of(
        'not-found',
        `There is no view ${view}: ${colony.views
          .status()
          .map((status) => status.view)
          .join(', ')}.`,
      );
    if (known.building === null) colony.views.rebuildInBackground(view);
    return { status: 202, body: { view, serving: known.serving } };
  },
});

route({
  name: 'listParked',
  method: 'GET',
  path: '/v1/feed/{consumer}/parked',
  summary: 'Commits that a consumer has given up on; messages that the intake of signals could not take in',
  tags: TAGS,
  needs: 'critical',
  params: z.object({ consumer: Consumer }),
  query: z.object({ limit: whole(1, 1_000, 100), continuation: Continuation }),
  responses: {
    200: { description: 'Parked commits of the tenant with the reason, in order of id', schema: List(OpenObject) },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { consumer } = call.params;
    const { limit, continuation } = call.query;
    // An id is `stream@index`: what belongs to a tenant stands together.
    const own = `${call.principal.tenant}/`;
    if (continuation?.startsWith(own) === false)
      throw Problem.invalid('The continuation is not one of ours.', [
        { parameter: 'continuation', message: 'must be taken from nextLink as it is' },
      ]);
    const found = (await colony.feed.parked(consumer, limit + 1, continuation ?? own)).filter(({ id }) =>
      id.startsWith(own),
    );
    const value = found.slice(0, limit);
    return page(call, `/v1/feed/${consumer}/parked`, value, found.length > limit ? value.at(-1)?.id : undefined);
  },
});

route({
  name: 'redriveParked',
  method: 'POST',
  conditional: false,
  path: '/v1/feed/{consumer}/redrive',
  summary: 'Have a consumer try a parked commit again, or the intake of signals a message',
  tags: TAGS,
  needs: 'critical',
  params: z.object({ consumer: Consumer }),
  body: z.strictObject({ id: z.string().min(1).max(400) }),
  responses: { 200: { description: 'Queued again', schema: OpenObject } },
  async handler(call) {
    const { colony } = await runtime();
    const { consumer } = call.params;
    const { id } = call.body;
    const own = id.startsWith(`${call.principal.tenant}/`);
    const moved =
      own &&
      (consumer === SIGNALS ? await redriveSignal(id, colony.signalsIn) : await colony.feed.redrive(consumer, id));
    if (moved instanceof Rejection) throw rejected(moved);
    if (!moved) throw Problem.of('not-found', `${consumer} has parked nothing of the name ${id}.`);
    return { status: 200, body: { id } };
  },
});
