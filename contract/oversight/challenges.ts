/** `/v1/challenges`: doubts that agents judge. */
import { z } from 'zod';
import { MAX_ROUND_REASON } from '../../domain/oversight/round';
import { Text } from '../common';
import { contract } from '../route';
import { Reference } from './common';
import { RoundCommand, rounds } from './rounds';

export const challenges = contract({
  make: {
    name: 'challenge',
    method: 'POST',
    path: '/v1/challenges',
    tag: rounds.open.tag,
    conditional: false,
    needs: 'read_write',
    summary: 'Doubt an award, an action, or what a round or an approval came to',
    description:
      'Agents without a part in it decide in a round; what is doubted waits for them, where it has not happened yet.',
    body: z.strictObject({
      target: Reference.meta({ description: 'The receipt: stream@index', example: 'default/action/refund-4711@0' }),
      reason: Text(MAX_ROUND_REASON),
    }),
    status: 201,
    answer: RoundCommand,
    answers: 'The round that decides',
    example: {
      as: 'recon-8',
      body: { target: 'default/action/refund-4711@0', reason: 'the invoice was paid back in March already' },
    },
  },
});
