/** `/v1/asks`: what somebody asked for in words, and the commands that it was read as. */
import { z } from 'zod';
import { ASK_OUTCOMES, MAX_COMMAND, MAX_MODEL } from '../../domain/asks/ask';
import { MAX_STEPS, MAX_WORDS } from '../../domain/asks/plan';
import { CommandOf, Id, OwnId, Text, Unit } from '../common';
import { contract } from '../route';
import { ASKS_REFUSALS } from './problems';

const tag = {
  name: 'Asks',
  description:
    'What somebody asked for in words, and the commands that it was read as: a receipt of the exchange, written before any of them runs. It does nothing by itself.',
  refusals: ASKS_REFUSALS,
};

const Step = z
  .strictObject({
    operation: Id.meta({ description: 'As this document calls it', example: 'cancelTask' }),
    command: Text(MAX_COMMAND).meta({ description: 'As it could be typed', example: 'cancel invoice-4711' }),
    risk: Unit,
  })
  .meta({ id: 'AskedStep' });

export const AskInput = z
  .strictObject({
    id: OwnId,
    words: Text(MAX_WORDS),
    model: Text(MAX_MODEL).optional().meta({ description: 'The model that has read them; the grammar without' }),
    outcome: z.enum(ASK_OUTCOMES).meta({
      description: 'What becomes of them: commands that run, or were `declined`, a `question` back, or a refusal',
    }),
    steps: z.array(Step).max(MAX_STEPS).default([]),
  })
  .meta({ id: 'AskInput' });

export const Ask = AskInput.extend({
  id: Id,
  steps: z.array(Step),
  by: z.string(),
  via: z.string().optional().meta({ description: 'Who spoke for them' }),
}).meta({ id: 'Ask' });

export const asks = contract({
  note: {
    name: 'noteAsk',
    method: 'POST',
    path: '/v1/asks',
    tag,
    needs: 'read_only',
    summary: 'Leave a receipt of what was asked in words',
    description:
      'Whoever reads words as commands says so before the first runs. The receipt holds nothing but what is sent here; what the commands do stands on their own receipts.',
    conditional: false,
    body: AskInput,
    status: 201,
    answer: CommandOf({ ask: Ask }),
    answers: 'Noted',
    example: {
      as: 'human:ada',
      body: {
        id: 'ask-4711',
        words: 'cancel task invoice-4711 because it was paid twice',
        outcome: 'run',
        steps: [{ operation: 'cancelTask', command: "cancel invoice-4711 --reason 'it was paid twice'", risk: 0.5 }],
      },
    },
  },
});
