/** `/v1/checkpoints`, `/v1/log`, proofs: the signed log of the tenant. */
import { z } from 'zod';
import { CATEGORY_PATTERN } from '../../domain/kernel/ids';
import { At, Count, Hash, Id, List, whole } from '../common';
import { contract } from '../route';
import { AUDIT_REFUSALS } from './problems';

const tag = {
  name: 'Signed log',
  description:
    'A log of all receipts of the tenant in which nothing can be changed unseen: a Merkle tree (RFC 9162) whose root is signed every hour (a checkpoint). Whoever has the key, and one checkpoint, needs to trust nobody.',
  refusals: AUDIT_REFUSALS,
};

export const LogCheckpoint = z
  .object({
    origin: z.string().meta({ description: 'Which log it is: the name of its key' }),
    size: Count.meta({ description: 'How many leaves the log has' }),
    root: Hash.meta({ description: 'Of the tree over these leaves' }),
    heads: z
      .object({ count: Count, hash: Hash.meta({ description: 'Over the last receipt of each stream' }) })
      .meta({ description: 'The streams that there are: the last leaf' }),
    note: z.string().meta({ description: 'The checkpoint as a signed note (c2sp.org/tlog-checkpoint)' }),
    receipt: z.string().meta({ description: 'stream@index of its receipt' }),
    at: At,
  })
  .meta({ id: 'LogCheckpoint', description: 'What the log of the tenant was at a time, signed' });

const VerifierKeys = z
  .array(z.string())
  .meta({ description: 'Keys that verify the checkpoints (c2sp.org/signed-note): keep one where this host is not' });

export const LogEntries = z
  .object({
    log: z.string().meta({ description: 'What the log is called' }),
    first: Count.meta({ description: 'The leaf of the first' }),
    entries: z.array(z.string().meta({ example: `commit default/task/invoice-4711@0 ${'0'.repeat(64)}` })),
  })
  .meta({ id: 'LogEntries', description: 'What stands in the log, a line of text a leaf' });

const Place = z.string().regex(/^(0|[1-9]\d{0,14})$/, 'must be a place in the log, from an earlier answer');

export const checkpoints = contract({
  make: {
    name: 'makeCheckpoint',
    method: 'POST',
    path: '/v1/checkpoints',
    afterClose: true,
    tag,
    needs: 'execute',
    refuses: ['log-unsigned', 'log-empty'],
    summary: 'Sign what is in the log now',
    description:
      'Every hour it happens by itself. What is new since the last checkpoint is added to the log; where nothing is, the answer is the checkpoint that there is.',
    conditional: false,
    answer: z.object({ checkpoint: LogCheckpoint }),
    answers: 'The newest checkpoint',
    example: {},
  },
  list: {
    name: 'listCheckpoints',
    method: 'GET',
    path: '/v1/checkpoints',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'List checkpoints, newest first',
    query: z.object({ limit: whole(1, 200, 50), continuation: Place.optional() }),
    answer: List(LogCheckpoint).extend({ keys: VerifierKeys }),
    answers: 'Checkpoints, and the keys that verify them',
    example: { query: { limit: 10 } },
  },
  entries: {
    name: 'listLogEntries',
    method: 'GET',
    path: '/v1/log',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Read what stands in the signed log',
    description:
      'Up to the newest checkpoint, 256 leaves a page. `npx formicary export` writes them beside the receipts.',
    query: z.object({ continuation: Place.optional() }),
    answer: List(LogEntries),
    answers: 'A page of leaves; none before the first checkpoint',
    example: {},
  },
  prove: {
    name: 'proveReceipt',
    method: 'GET',
    path: '/v1/streams/{category}/{id}/{index}/proof',
    tag,
    needs: 'read_only',
    refuses: ['not-logged'],
    summary: 'Prove that a receipt is in the signed log',
    description:
      'A `.tlog-proof` (c2sp.org/tlog-proof): the way from the receipt to the root of the newest checkpoint, and that checkpoint. The leaf is the text `commit STREAM@INDEX HASH`.',
    params: z.object({ category: z.string().regex(CATEGORY_PATTERN), id: Id, index: Place }),
    answer: z.string(),
    answers: 'The proof',
    contentType: 'text/plain',
    example: { params: { category: 'task', id: 'invoice-4711', index: '0' } },
  },
});
