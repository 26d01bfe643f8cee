/** `/v1/corrections`: what people say should have been otherwise. */
import { z } from 'zod';
import { contextOf } from '../../edge/context';
import { route } from '../../edge/route';
import {
  commandAnswer,
  Continuation,
  createdId,
  given,
  Id,
  List,
  OpenObject,
  page,
  queried,
  Receipt,
  Text,
  whole,
} from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Corrections'];
const Words = Text(8_000);

const CorrectionInput = z
  .strictObject({
    id: Id.optional().meta({
      description: 'Your own id; without one a new id is made (from the Idempotency-Key, when there is one)',
    }),
    target: Text(512).meta({
      description: 'The receipt that is corrected: stream@index',
      example: 'default/task/42@3',
    }),
    what: Words.meta({ description: 'What it should have been' }),
    instead_of: Words,
    why: Words,
  })
  .meta({ id: 'CorrectionInput' });

const CorrectionOut = OpenObject.meta({ id: 'Correction', description: 'id, target, what, instead_of, why, by' });

route({
  name: 'giveCorrection',
  method: 'POST',
  path: '/v1/corrections',
  summary: 'Say what should have been otherwise, as a person',
  description: 'A correction changes nothing of what it corrects; learning reads it. Agents challenge instead.',
  tags: TAGS,
  needs: 'read_write',
  body: CorrectionInput,
  responses: { 201: { description: 'Given', schema: z.object({ receipt: Receipt, correction: CorrectionOut }) } },
  async handler(call) {
    const { colony } = await runtime();
    const { id: wanted, ...correction } = call.body;
    const id = createdId('/v1/corrections/{id}', call, wanted);
    const done = accepted(await colony.corrections.give(contextOf(call), id, correction));
    return commandAnswer(done, { correction: { id, ...done.state.correction } }, 201);
  },
});

route({
  name: 'listCorrections',
  method: 'GET',
  path: '/v1/corrections',
  summary: 'List corrections',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({
    stream: Text(512).optional().meta({ description: 'tenant/category/id of what was corrected' }),
    by: Id.optional(),
    limit: whole(1, 1_000, 100),
    continuation: Continuation,
  }),
  responses: { 200: { description: 'A page, in order of id; eventually consistent', schema: List(CorrectionOut) } },
  async handler(call) {
    const { colony } = await runtime();
    const { limit, continuation, ...filters } = call.query;
    const found = await queried(() =>
      colony.corrections.list(call.principal.tenant, given(filters), limit, continuation),
    );
    return page(call, '/v1/corrections', found.corrections, found.continuation);
  },
});
