/**
 * `/v1/me`, `/v1/tokens`, `/v1/revocations` and `/v1/dpop`: who calls, who is given a token, whose are taken back, and
 * which have to be bound to a key.
 */
import { z } from 'zod';
import { BINDING_LEVELS, MAX_REVOCATION_REASON } from '../../domain/identity/access';
import { LEVELS, PRINCIPAL_KINDS } from '../../domain/kernel/principal';
import { At, CommandOf, Count, Id, Text } from '../common';
import { contract } from '../route';
import { IDENTITY_REFUSALS } from './problems';

const tag = {
  name: 'Identity',
  description:
    'Who calls, and what that lets them do. Every request shows a token (`Authorization: Bearer …`, or `DPoP …` where it is bound to a key) that holds for a quarter of an hour and is renewed for a day; `POST /oauth/token` gives and renews them.',
  refusals: IDENTITY_REFUSALS,
};

const TokenLevel = z.enum(LEVELS).meta({ description: 'What it lets its holder do' });

const Thumbprint = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'must be the thumbprint of a key (RFC 7638, SHA-256, base64url)')
  .meta({
    description: 'Thumbprint of the key to which the token is bound (RFC 7638); it holds with a proof alone (RFC 9449)',
  });

export const Me = z
  .object({
    tenant: z.string(),
    id: z.string(),
    kind: z.enum(PRINCIPAL_KINDS),
    level: z.enum(LEVELS),
    groups: z.array(z.string()),
    via: z.string().optional().meta({ description: 'Who acts in this name, when that is somebody else' }),
    token: z
      .object({
        session: z.string(),
        expires: At,
        jkt: Thumbprint.optional(),
        level_if_bound: z
          .enum(LEVELS)
          .optional()
          .meta({ description: 'What the caller could do if the token were bound to a key, which the tenant demands' }),
      })
      .optional()
      .meta({ description: 'What was shown; `session` names it where it is to be revoked' }),
  })
  .meta({ id: 'Me' });

export const IssuedToken = z
  .object({
    access_token: z.string().meta({ description: 'Shown once: it is kept nowhere' }),
    token_type: z.enum(['Bearer', 'DPoP']).meta({ description: 'How it is to be shown' }),
    expires_in: Count.meta({ description: 'Seconds' }),
    level: z.enum(LEVELS),
    session: z
      .string()
      .meta({ description: 'Names this token, and those that it is renewed to, where it is to be revoked' }),
  })
  .meta({ id: 'IssuedToken' });

export const Revocations = z
  .object({
    epoch: Count.meta({ description: 'How often all tokens of the tenant were revoked' }),
    principals: z.array(z.string()).meta({ description: 'Whose tokens were revoked since' }),
    tokens: z
      .array(z.object({ session: z.string(), until: At }))
      .meta({ description: 'Single ones that could still be renewed' }),
  })
  .meta({ id: 'Revocations' });

export const DpopRule = z
  .object({
    required_from: z
      .enum([...BINDING_LEVELS, 'nothing'])
      .meta({ description: 'What takes this level, or a higher one, takes a token that is bound to a key' }),
  })
  .meta({ id: 'DpopRule' });

export const identity = contract({
  me: {
    name: 'getMe',
    method: 'GET',
    path: '/v1/me',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Who calls',
    description: 'Who the caller is by what it has shown, and what that lets it do.',
    answer: Me,
    answers: 'The caller',
    example: {},
  },
  issue: {
    name: 'issueToken',
    method: 'POST',
    path: '/v1/tokens',
    afterClose: true,
    tag,
    needs: 'execute',
    refuses: ['token-above-you', 'token-for-a-person', 'token-not-yours-to-give', 'token-over'],
    summary: 'Give an agent or a service a token',
    description:
      'Its rights are no greater than those of whoever gives it. It holds for a quarter of an hour, and its holder renews it at `POST /oauth/token` for a day. The same again, with the same Idempotency-Key, is another token of the same session, as long as that was not revoked.',
    conditional: false,
    body: z.strictObject({
      subject: Id.meta({ description: 'An agent, or `service:NAME`' }),
      level: TokenLevel.optional(),
      agent_type: Id.optional().meta({ description: 'Of an agent: its type in the repository' }),
      dpop_jkt: Thumbprint.optional(),
    }),
    status: 201,
    answer: IssuedToken,
    answers: 'The token',
    example: { body: { subject: 'reconciler-7', level: 'execute' } },
  },
  revocations: {
    name: 'getRevocations',
    method: 'GET',
    path: '/v1/revocations',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Whose tokens hold no more',
    answer: Revocations,
    answers: 'What is revoked in the tenant',
    example: {},
  },
  revoke: {
    name: 'revokeTokens',
    method: 'POST',
    path: '/v1/revocations',
    afterClose: true,
    tag,
    needs: 'critical',
    refuses: ['revocations-full', 'name-invalid', 'token-id-invalid'],
    summary: 'Take tokens back',
    description:
      'One by its session, all of a principal, or all of the tenant; from now on and for good, in every process within a second. Whoever is to call again is given a new one.',
    conditional: false,
    body: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('token'), id: Text(64), reason: Text(MAX_REVOCATION_REASON) }),
      z.strictObject({ kind: z.literal('principal'), id: Id, reason: Text(MAX_REVOCATION_REASON) }),
      z.strictObject({ kind: z.literal('tenant'), reason: Text(MAX_REVOCATION_REASON) }),
    ]),
    answer: CommandOf({ revocations: Revocations }),
    answers: 'Revoked',
    example: { body: { kind: 'principal', id: 'reconciler-7', reason: 'its key may have leaked' } },
  },
  dpop: {
    name: 'getDpop',
    method: 'GET',
    path: '/v1/dpop',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Which tokens have to be bound to a key',
    answer: DpopRule,
    answers: 'What the tenant demands',
    example: {},
  },
  setDpop: {
    name: 'setDpop',
    method: 'PUT',
    path: '/v1/dpop',
    tag,
    needs: 'critical',
    refuses: ['token-not-bound'],
    summary: 'Demand that tokens are bound to a key',
    description:
      'From then on, in every process within a second: whoever shows another token for what takes such a level is answered 401, with `WWW-Authenticate: DPoP`. Whoever demands it shows such a token.',
    conditional: false,
    body: DpopRule.extend({ reason: Text(MAX_REVOCATION_REASON) }),
    answer: CommandOf({ dpop: DpopRule }),
    answers: 'What the tenant demands from now on',
    example: { as: 'human:ada', body: { required_from: 'critical', reason: 'tokens were found in a log' } },
  },
});
