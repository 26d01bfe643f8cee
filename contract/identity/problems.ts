/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const IDENTITY_REFUSALS = refusals('Identity', [
  [403, 'token-above-you', 'you hold …: a token of … is not yours to give'],
  [403, 'token-for-a-person', 'people get their tokens from whoever vouches for them: name an agent or a service'],
  [403, 'token-not-yours-to-give', 'an agent gives no tokens; one for a service takes the level `critical`'],
  [409, 'revocations-full', 'too many are revoked already: revoke all tokens of the tenant, which begins anew'],
  [
    409,
    'token-not-bound',
    'show a token yourself that is bound to a key: by the one that you have shown you could not undo this',
  ],
  [
    409,
    'token-over',
    'the token that this request was given was revoked since, or can be renewed no more: ask for another one, under another Idempotency-Key',
  ],
  [422, 'name-invalid', 'name must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -'],
  [422, 'token-id-invalid', 'token must be the session of a token, as `GET /v1/me` says it'],
]);
