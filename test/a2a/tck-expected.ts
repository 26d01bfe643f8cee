/** Requirements of the kit that fail, each with the reason. */
export const EXPECTED: Readonly<Record<string, string>> = {
  'DM-MSG-001': 'The kit wants an answer without a task; here every message is one.',
  'CORE-SEND-003': 'The kit takes the refusal that it asks for, a media type that is not taken, for a failure.',
  'HTTP_JSON-SVC-001': 'The kit wants application/json; 1.0.1 says application/a2a+json.',
  'HTTP_JSON-ERR-001': 'The same, of errors.',
  'HTTP_JSON-STATUS-001': 'The kit wants 415 for a media type that is not taken; 1.0.1 says 400.',
};
