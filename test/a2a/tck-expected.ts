/** The kit begins with a task that asks its requester for more, which none here does; `test/a2a` tries it otherwise. */
const ASKS_FOR_MORE = 'Not tried: it is set up with a task that asks its requester for more.';

/** Requirements of the kit that fail, each with the reason. */
export const EXPECTED: Readonly<Record<string, string>> = {
  'CORE-CANCEL-001': ASKS_FOR_MORE,
  'CORE-HIST-002': ASKS_FOR_MORE,
  'CORE-MULTI-005': ASKS_FOR_MORE,
  'STREAM-ORDER-002': ASKS_FOR_MORE,
  'STREAM-ORDER-003': ASKS_FOR_MORE,
  'STREAM-ORDER-004': ASKS_FOR_MORE,
  'STREAM-SUB-001': ASKS_FOR_MORE,
  'STREAM-SUB-002': ASKS_FOR_MORE,
  'DM-MSG-001': 'The kit wants an answer without a task; here every message is one.',
  'CORE-SEND-003': 'The kit takes the refusal that it asks for, a media type that is not taken, for a failure.',
  'HTTP_JSON-SVC-001': 'The kit wants application/json; 1.0.1 says application/a2a+json.',
  'HTTP_JSON-ERR-001': 'The same, of errors.',
  'HTTP_JSON-STATUS-001': 'The kit wants 415 for a media type that is not taken; 1.0.1 says 400.',
};
