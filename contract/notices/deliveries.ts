/** `/v1/deliveries`: notices on their way to people. */
import { z } from 'zod';
import { DELIVERY_STATUSES } from '../../domain/notices/delivery';
import { At, CommandOf, Count, Id, List, Paged } from '../common';
import { contract } from '../route';
import { channels } from './channels';

const { tag } = channels.put;

export const Delivery = z
  .object({
    delivery_id: Id,
    notice_id: z.string(),
    title: z.string(),
    channel_id: z.string(),
    status: z.enum(DELIVERY_STATUSES),
    attempts: Count.meta({ description: 'How many were made, those before a redrive included' }),
    since: At.meta({ description: 'When it was requested, or redriven last' }),
    due: At.nullable().meta({ description: 'When the next attempt is due' }),
    failure: z
      .object({ status: z.int().optional().meta({ description: 'Of HTTP' }), reason: z.string() })
      .nullable()
      .meta({ description: 'What the last attempt failed with' }),
  })
  .meta({ id: 'Delivery', description: 'A notice on its way through one channel' });

export const deliveries = contract({
  dead: {
    name: 'listDeliveries',
    method: 'GET',
    path: '/v1/deliveries',
    tag,
    needs: 'read_only',
    summary: 'Notices that were given up',
    query: z.object({ status: z.literal('dead'), ...Paged }),
    answer: List(Delivery),
    answers: 'A page, in order of id; eventually consistent',
    example: { query: { status: 'dead' } },
  },
  redrive: {
    name: 'redriveDelivery',
    method: 'POST',
    path: '/v1/deliveries/{delivery_id}/redrive',
    tag,
    needs: 'critical',
    summary: 'Try again to deliver a notice that was given up',
    params: z.object({ delivery_id: Id }),
    body: z.strictObject({}),
    answer: CommandOf({ delivery: Delivery.pick({ delivery_id: true, status: true, attempts: true }) }),
    answers: 'It is tried again',
    example: { params: { delivery_id: 'delivery-4711' } },
  },
});
