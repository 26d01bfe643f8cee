/** `/v1/retention`: which streams that have ended may be archived, and when. */
import { z } from 'zod';
import { ENDING, MAX_DAYS, MIN_DAYS } from '../../domain/audit/retention';
import { Receipt } from '../common';
import { contract } from '../route';
import { AUDIT_REFUSALS } from './problems';

const tag = {
  name: 'Retention',
  description:
    'When streams that have ended may leave the database for the archive. Nothing is deleted: what is archived is read as before.',
  refusals: AUDIT_REFUSALS,
};

export const RetentionDays = z.partialRecord(z.enum(ENDING), z.int().min(MIN_DAYS).max(MAX_DAYS)).meta({
  id: 'RetentionDays',
  description: 'Days from the last receipt of a stream that has ended, by category; what is left out is not archived',
});
export const RetentionPolicy = z.object({ days: RetentionDays }).meta({ id: 'RetentionPolicy' });

export const retention = contract({
  get: {
    name: 'getRetention',
    method: 'GET',
    path: '/v1/retention',
    tag,
    needs: 'read_only',
    summary: 'Which streams that have ended may be archived, and when',
    answer: RetentionPolicy,
    answers: 'The policy of the tenant; empty where nobody set one',
    example: {},
  },
  set: {
    name: 'setRetention',
    method: 'PUT',
    path: '/v1/retention',
    tag,
    needs: 'critical',
    summary: 'Set which streams that have ended may be archived, and when',
    description:
      '`npx formicary archive` does it, in the profile embedded, while the host is stopped. Nothing is deleted: what is archived is read as before.',
    body: z.strictObject({ days: RetentionDays }),
    answer: RetentionPolicy.extend({ receipt: Receipt }),
    answers: 'Set',
    example: { body: { days: { task: 90, trail: 7 } } },
  },
});
