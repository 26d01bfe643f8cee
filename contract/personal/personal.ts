/** `/v1/subjects`, `/v1/erasures`: people that data is about, who has read it, and who was erased. */
import { z } from 'zod';
import { MAX_PERSONAL_REASON, MAX_READS } from '../../domain/personal/subject';
import { At, CommandOf, Count, Id, List, Paged, Text } from '../common';
import { contract } from '../route';
import { PERSONAL_REFUSALS } from './problems';

const tag = {
  name: 'Personal data',
  description:
    'Values in payloads, results and actions that are marked as about a person: `{"$personal": {"subject": "customer-17", "value": …}}`. They are stored sealed with a key of that person alone, and shown as `{"$personal": {"subject": "customer-17", "sealed": true}}`; `personal=open` opens them for whoever may read them, and leaves a receipt. Erasing a person destroys the key.',
  refusals: PERSONAL_REFUSALS,
};

const Subject = Id.meta({
  description: 'A pseudonym of yours: it stays on receipts, so no name and no address',
  example: 'customer-17',
});

export const Erasure = z
  .object({
    subject: Subject,
    stream: z.string().meta({ description: 'Where its receipt is', example: 'default/subject/customer-17' }),
    by: z.string(),
    via: z.string().optional().meta({ description: 'Who spoke for them' }),
    reason: z.string(),
    at: At,
  })
  .meta({ id: 'Erasure' });

export const PersonalRead = z
  .object({
    by: z.string(),
    via: z.string().optional().meta({ description: 'Who spoke for them' }),
    of: z.string().meta({ description: 'The stream whose data it is', example: 'default/task/invoice-4711' }),
    values: Count.meta({ description: 'How many values' }),
    award: Count.optional().meta({ description: 'The award under which the reader works on the task' }),
    purpose: z.string().optional(),
    at: At,
  })
  .meta({ id: 'PersonalRead' });

export const SubjectRecord = z
  .object({
    subject: Subject,
    erased: Erasure.omit({ subject: true, stream: true }).optional().meta({ description: 'Absent while it is not' }),
    reads: Count.meta({ description: 'How often data about them was read' }),
    last: z.array(PersonalRead).meta({ description: `The last ${MAX_READS} reads, the latest last` }),
  })
  .meta({ id: 'Subject' });

const params = { subject: 'customer-17' } as const;

export const personal = contract({
  subject: {
    name: 'getSubject',
    method: 'GET',
    path: '/v1/subjects/{subject}',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Who has read the data of a person, and whether it was erased',
    description: 'The answer for a person of whom nothing is known is like that for one whose data nobody has read.',
    params: z.object({ subject: Subject }),
    answer: SubjectRecord,
    answers: 'The reads, of which receipts have all',
    example: { params },
  },
  erase: {
    name: 'eraseSubject',
    method: 'POST',
    path: '/v1/subjects/{subject}/erase',
    afterClose: true,
    tag,
    needs: 'critical',
    refuses: [],
    summary: 'Erase a person, for good',
    description:
      'Destroys the key of all that was ever marked as about this person: nobody can open it any more, here and in every copy of the log. The receipts stay, and their chains hold. What comes later under this name is refused.',
    params: z.object({ subject: Subject }),
    body: z.strictObject({
      reason: Text(MAX_PERSONAL_REASON).meta({ description: 'It stands on the receipt, which stays' }),
    }),
    answer: CommandOf({ subject: SubjectRecord }),
    answers: 'The key is destroyed, durably',
    example: { params, body: { reason: 'asked for on 2026-11-20, ticket 812' } },
  },
  erasures: {
    name: 'listErasures',
    method: 'GET',
    path: '/v1/erasures',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Who was erased',
    description: 'Keep this list apart from backups: a backup from before an erasure does not know of it.',
    query: z.object(Paged),
    answer: List(Erasure),
    answers: 'A page, in order of their names',
    example: { query: { limit: 50 } },
  },
});
