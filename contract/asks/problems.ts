/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const ASKS_REFUSALS = refusals('Asks', [
  [409, 'ask-exists', 'something else was asked with this id: use another id'],
  [422, 'ask-invalid', 'words, or a command of the plan, are too long, or there are too many of them'],
]);
