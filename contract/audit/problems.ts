/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const AUDIT_REFUSALS = refusals('Audit', [
  [404, 'nothing-known', "nothing is known of …: give a task's id, a receipt (stream@index) or a correlation id"],
  [404, 'log-empty', 'nothing is in the signed log yet'],
  [404, 'not-logged', 'the receipt is in no checkpoint yet: it is within the hour, or after POST /v1/checkpoints'],
  [409, 'log-moved', 'another checkpoint was signed meanwhile: the log has … leaves'],
  [
    409,
    'log-unsigned',
    'this host has no key to sign the log with: FORMICARY_LOG_KEY or FORMICARY_VAULT__logKey gives it one',
  ],
  [422, 'retention-invalid', 'a category that has no end, or a number of days that is none'],
]);
