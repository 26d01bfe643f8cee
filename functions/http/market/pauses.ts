/** `/v1/pauses`: what gets no new work, until somebody says so. */
import { z } from 'zod';
import { MAX_PAUSE_REASON, PAUSABLE } from '../../../app/market/pauses';
import { contextOf } from '../../edge/context';
import { route } from '../../edge/route';
import { commandAnswer, Id, Receipt, Text } from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Pauses'];
const Params = z.object({ kind: z.enum(PAUSABLE), name: Id });
const Answer = z.object({ receipt: Receipt });

route({
  name: 'listPauses',
  method: 'GET',
  path: '/v1/pauses',
  summary: 'What is paused, by whom and why',
  tags: TAGS,
  needs: 'read_only',
  responses: {
    200: {
      description: 'Those that last longest first',
      schema: z.object({
        value: z.array(
          z
            .object({ kind: z.enum(PAUSABLE), name: Id, by: z.string(), reason: z.string(), since: z.string() })
            .meta({ id: 'Pause' }),
        ),
      }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { state, version } = await colony.pauses.load(call.principal.tenant);
    const value = Object.values(state.pauses).sort((a, b) => (a.since < b.since ? -1 : 1));
    return { status: 200, body: { value }, etag: version < 0 ? undefined : version };
  },
});

route({
  name: 'pause',
  method: 'PUT',
  path: '/v1/pauses/{kind}/{name}',
  summary: 'Pause a type of task, a pool or an agent',
  description:
    'A type of task that is paused is given to nobody; a pool or an agent gets nothing new and drains: what is under way goes on.',
  tags: TAGS,
  needs: 'critical',
  params: Params,
  body: z.strictObject({ reason: Text(MAX_PAUSE_REASON) }),
  responses: { 200: { description: 'Paused', schema: Answer } },
  async handler(call) {
    const { colony } = await runtime();
    return commandAnswer(accepted(await colony.pauses.pause(contextOf(call), call.params, call.body.reason)), {});
  },
});

route({
  name: 'resume',
  method: 'DELETE',
  path: '/v1/pauses/{kind}/{name}',
  summary: 'End a pause',
  tags: TAGS,
  needs: 'critical',
  params: Params,
  responses: { 200: { description: 'What waited for it is given out again', schema: Answer } },
  async handler(call) {
    const { colony } = await runtime();
    return commandAnswer(accepted(await colony.pauses.resume(contextOf(call), call.params)), {});
  },
});
