/** Identity: who calls, who is given a token, whose are taken back, and which have to be bound to a key. */
import type {
  DpopRule as DpopRuleSchema,
  identity,
  IssuedToken as IssuedTokenSchema,
  Me as MeSchema,
  Revocations as RevocationsSchema,
} from '../contract/identity/tokens';
import type { AnswerOf, BodyOf, Shown } from '../contract/route';
import type { CommandOptions, ReadOptions, Session } from './session';

export type Me = Shown<typeof MeSchema>;
export type IssuedToken = Shown<typeof IssuedTokenSchema>;
export type Revocations = Shown<typeof RevocationsSchema>;
export type DpopRule = Shown<typeof DpopRuleSchema>;

/** `/v1/me`, `/v1/tokens`, `/v1/revocations`, `/v1/dpop` */
export class IdentityApi {
  constructor(private readonly session: Session) {}

  /** Who this client is to the host, and what that lets it do. */
  me(options?: ReadOptions): Promise<Me> {
    return this.session.call<typeof identity.me>('GET /v1/me', {}, options);
  }

  /** Gives an agent or a service a token; it is shown this once. */
  issue(wanted: BodyOf<typeof identity.issue>, options?: CommandOptions): Promise<IssuedToken> {
    return this.session.call<typeof identity.issue>('POST /v1/tokens', { body: wanted }, options);
  }

  /** Whose tokens hold no more. */
  revocations(options?: ReadOptions): Promise<Revocations> {
    return this.session.call<typeof identity.revocations>('GET /v1/revocations', {}, options);
  }

  /** Takes tokens back: one, a principal's, or all of the tenant's. */
  revoke(revoked: BodyOf<typeof identity.revoke>, options?: CommandOptions): Promise<AnswerOf<typeof identity.revoke>> {
    return this.session.call<typeof identity.revoke>('POST /v1/revocations', { body: revoked }, options);
  }

  /** From which level on tokens have to be bound to a key (DPoP). */
  dpop(options?: ReadOptions): Promise<DpopRule> {
    return this.session.call<typeof identity.dpop>('GET /v1/dpop', {}, options);
  }

  /** Demands that they are. */
  setDpop(rule: BodyOf<typeof identity.setDpop>, options?: CommandOptions): Promise<AnswerOf<typeof identity.setDpop>> {
    return this.session.call<typeof identity.setDpop>('PUT /v1/dpop', { body: rule }, options);
  }
}
