/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const AUDIT_REFUSALS = refusals('Audit', [
  [404, 'nothing-known', "nothing is known of …: give a task's id, a receipt (stream@index) or a correlation id"],
  [422, 'retention-invalid', 'a category that has no end, or a number of days that is none'],
]);
