/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const OPERATION_REFUSALS = refusals('Operation', [
  [422, 'signal-invalid', 'what is wrong with the signal'],
  [422, 'signal-malformed', 'what is wrong with the message'],
]);
