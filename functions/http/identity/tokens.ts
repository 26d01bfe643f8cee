/** `/v1/me`, `/v1/tokens`, `/v1/revocations`, `/v1/dpop`. */
import type { DpopRule, Revocations } from '../../../contract/identity/tokens';
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
  const shownBy = token && {
    ...{ session: token.session, expires: token.expires, jkt: token.jkt },
    level_if_bound: token.levelIfBound,
  };
  return await Promise.resolve({ body: { tenant, id, kind, level, groups, via, token: shownBy } });
});

bind(identity.issue, async (colony, call) => {
  const { subject, level, agent_type: agentType, dpop_jkt: jkt } = call.body;
  const given = await colony.identity.issue(contextOf(call), { subject, level, agentType, jkt });
  if (given instanceof Rejection) throw rejected(given);
  const { token, expiresIn, session } = given;
  const type = given.jkt === undefined ? ('Bearer' as const) : ('DPoP' as const);
  return { body: { access_token: token, token_type: type, expires_in: expiresIn, level: given.level, session } };
});

bind(identity.revocations, async (colony, { principal }) => {
  const { state, version } = await colony.identity.accessTo(principal.tenant);
  return { body: shown(state), etag: version < 0 ? undefined : version };
});

bind(identity.revoke, async (colony, call) => {
  const { reason, ...revoked } = call.body;
  const outcome = accepted(await colony.identity.revoke(contextOf(call), revoked, reason));
  return commanded(outcome, { revocations: shown(outcome.state) });
});

function demanded({ binding }: AccessState): Shown<typeof DpopRule> {
  return { required_from: binding ?? 'nothing' };
}

bind(identity.dpop, async (colony, { principal }) => {
  const { state } = await colony.identity.accessTo(principal.tenant);
  return { body: demanded(state) };
});

bind(identity.setDpop, async (colony, call) => {
  const { required_from: from, reason } = call.body;
  const level = from === 'nothing' ? undefined : from;
  const outcome = accepted(await colony.identity.requireBinding(contextOf(call), level, reason));
  return commanded(outcome, { dpop: demanded(outcome.state) });
});
