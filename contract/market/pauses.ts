/** `/v1/pauses`: what gets no new work, until somebody says so. */
import { z } from 'zod';
import { MAX_PAUSE_REASON, PAUSABLE } from '../../domain/market/pause';
import { At, CommandOf, Id, Text } from '../common';
import { contract } from '../route';
import { MARKET_REFUSALS } from './problems';

const tag = {
  name: 'Pauses',
  description:
    'What a person has taken out of the market: a type of task, a pool or an agent that gets nothing new until it is resumed. What is under way goes on.',
  refusals: MARKET_REFUSALS,
};

const Pausable = z.enum(PAUSABLE).meta({ description: 'Whether `name` is a type of task, a pool or an agent' });
const Thing = z.object({ kind: Pausable, name: Id });

export const Pause = Thing.extend({
  by: z.string().meta({ description: 'Who said so' }),
  reason: z.string(),
  since: At,
}).meta({ id: 'Pause' });

const params = { kind: 'pool', name: 'finance' };

export const pauses = contract({
  list: {
    name: 'listPauses',
    method: 'GET',
    path: '/v1/pauses',
    tag,
    needs: 'read_only',
    summary: 'What is paused, by whom and why',
    answer: z.object({ value: z.array(Pause) }),
    answers: 'Those that last longest first',
    example: {},
  },
  pause: {
    name: 'pause',
    method: 'PUT',
    path: '/v1/pauses/{kind}/{name}',
    tag,
    needs: 'critical',
    summary: 'Pause a type of task, a pool or an agent',
    description:
      'A type of task that is paused is given to nobody; a pool or an agent gets nothing new and drains: what is under way goes on.',
    params: Thing,
    body: z.strictObject({ reason: Text(MAX_PAUSE_REASON) }),
    answer: CommandOf({}),
    answers: 'Paused',
    example: { params, body: { reason: 'the bank is closed' } },
  },
  resume: {
    name: 'resume',
    method: 'DELETE',
    path: '/v1/pauses/{kind}/{name}',
    tag,
    needs: 'critical',
    summary: 'End a pause',
    params: Thing,
    answer: CommandOf({}),
    answers: 'What waited for it is given out again',
    example: { params },
  },
});
