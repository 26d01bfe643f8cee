/** `/v1/me`, `/v1/tokens`, `/v1/revocations`. */
import type { Revocations } from '../../../contract/identity/tokens';
import { identity } from '../../../contract/identity/tokens';
import type { Shown } from '../../../contract/route';
import type { AccessState } from '../../../domain/identity/access';
import { Rejection } from '../../../domain/kernel/decider';
import { bind } from '../../bind';
import { commanded } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import { accepted } from '../../runtime';

function shown({ epoch, principals, tokens }: AccessState): Shown<typeof Revocations> {
  return {
    epoch,
    principals: Object.keys(principals),
    tokens: Object.entries(tokens).map(([session, until]) => ({ session, until })),
  };
}

bind(identity.me, async (_, { principal }) => {
  const { tenant, id, kind, level, groups = [], via, token } = principal;
  return await Promise.resolve({ body: { tenant, id, kind, level, groups, via, token } });
});

bind(identity.issue, async (colony, call) => {
  const { subject, level, agent_type: agentType } = call.body;
  const given = await colony.identity.issue(contextOf(call), { subject, level, agentType });
  if (given instanceof Rejection) throw rejected(given);
  const { token, expiresIn, session } = given;
  return {
    body: { access_token: token, token_type: 'Bearer' as const, expires_in: expiresIn, level: given.level, session },
  };
});

bind(identity.revocations, async (colony, { principal }) => {
  const { state, version } = await colony.identity.revoked(principal.tenant);
  return { body: shown(state), etag: version < 0 ? undefined : version };
});

bind(identity.revoke, async (colony, call) => {
  const { reason, ...revoked } = call.body;
  const outcome = accepted(await colony.identity.revoke(contextOf(call), revoked, reason));
  return commanded(outcome, { revocations: shown(outcome.state) });
});
