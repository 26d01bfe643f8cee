/** `/v1/retention`: which streams that have ended may be archived, and when. */
import { z } from 'zod';
import { ENDING, MAX_DAYS, MIN_DAYS } from '../../../app/audit/retention';
import { contextOf } from '../../edge/context';
import { route } from '../../edge/route';
import { commandAnswer, Receipt } from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Retention'];

const Days = z.partialRecord(z.enum(ENDING), z.int().min(MIN_DAYS).max(MAX_DAYS)).meta({
  id: 'RetentionDays',
  description: 'Days from the last receipt of a stream that has ended, by category; what is left out is not archived',
});
const Policy = z.object({ days: Days }).meta({ id: 'RetentionPolicy' });

route({
  name: 'getRetention',
  method: 'GET',
  path: '/v1/retention',
  summary: 'Which streams that have ended may be archived, and when',
  tags: TAGS,
  needs: 'read_only',
  responses: { 200: { description: 'The policy of the tenant; empty where nobody set one', schema: Policy } },
  async handler(call) {
    const { colony } = await runtime();
    const { state, version } = await colony.retention.load(call.principal.tenant);
    return { status: 200, body: { days: state.days }, etag: version < 0 ? undefined : version };
  },
});

route({
  name: 'setRetention',
  method: 'PUT',
  path: '/v1/retention',
  summary: 'Set which streams that have ended may be archived, and when',
  description:
    '`npx formicary archive` does it, in the profile embedded, while the host is stopped. Nothing is deleted: what is archived is read as before.',
  tags: TAGS,
  needs: 'critical',
  body: z.strictObject({ days: Days }),
  responses: { 200: { description: 'Set', schema: Policy.extend({ receipt: Receipt }) } },
  async handler(call) {
    const { colony } = await runtime();
    const { days } = call.body;
    return commandAnswer(accepted(await colony.retention.set(contextOf(call), days)), { days });
  },
});
