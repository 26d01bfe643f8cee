/** `/v1/corrections`: what people say should have been otherwise. */
import { z } from 'zod';
import { MAX_CORRECTION } from '../../domain/oversight/correction';
import { At, CommandOf, Id, List, OwnId, Paged, Text } from '../common';
import { contract } from '../route';
import { Reference } from './common';
import { OVERSIGHT_REFUSALS } from './problems';

const tag = {
  name: 'Corrections',
  description:
    'What a person says should have been otherwise, in words. A correction changes nothing of what it corrects; learning reads it.',
  refusals: OVERSIGHT_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

const Words = Text(MAX_CORRECTION);

const CorrectionInput = z
  .strictObject({
    id: OwnId,
    target: Reference.meta({
      description: 'The receipt that is corrected: stream@index',
      example: 'default/task/invoice-4711@3',
    }),
    what: Words.meta({ description: 'What it should have been' }),
    instead_of: Words,
    why: Words,
  })
  .meta({ id: 'CorrectionInput' });

// --------------------------------------------------------------------------------------------- what is answered

export const Correction = z
  .object({
    id: Id,
    target: z.string().meta({ description: 'The receipt that is corrected: stream@index' }),
    what: z.string().meta({ description: 'What it should have been' }),
    instead_of: z.string(),
    why: z.string(),
    by: z.string(),
  })
  .meta({ id: 'Correction' });

export const CorrectionSummary = Correction.extend({
  stream: z.string().meta({ description: 'Of the receipt that is corrected' }),
  at: At,
}).meta({ id: 'CorrectionSummary', description: 'A correction as lists show it' });

const CorrectionFilter = z.object({
  stream: Reference.optional().meta({ description: 'tenant/category/id of what was corrected' }),
  by: Id.optional(),
  ...Paged,
});

// ----------------------------------------------------------------------------------------------------- the routes

export const corrections = contract({
  give: {
    name: 'giveCorrection',
    method: 'POST',
    path: '/v1/corrections',
    tag,
    needs: 'read_write',
    work: 'new',
    summary: 'Say what should have been otherwise, as a person',
    description: 'A correction changes nothing of what it corrects; learning reads it. Agents challenge instead.',
    body: CorrectionInput,
    status: 201,
    answer: CommandOf({ correction: Correction }),
    answers: 'Given',
    example: {
      as: 'human:ada',
      body: {
        id: 'correction-4711',
        target: 'default/task/invoice-4711@0',
        what: 'priority 0.3',
        instead_of: 'priority 0.8',
        why: 'the invoice is not due before the end of the quarter',
      },
    },
  },
  list: {
    name: 'listCorrections',
    method: 'GET',
    path: '/v1/corrections',
    tag,
    needs: 'read_only',
    summary: 'List corrections',
    query: CorrectionFilter,
    answer: List(CorrectionSummary),
    answers: 'A page, in order of id; eventually consistent',
    example: { query: { stream: 'default/task/invoice-4711' } },
  },
});
