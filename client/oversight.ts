/** Oversight: who decides on which kind of action. */
import type {
  KindRules as KindRulesSchema,
  oversight,
  OversightRules as OversightRulesSchema,
} from '../contract/oversight/oversight';
import type { AnswerOf, Sent, Shown } from '../contract/route';
import type { CommandOptions, ReadOptions, Session } from './session';

export type OversightRules = Sent<typeof OversightRulesSchema>;
/** The rules of a kind of action. */
export type KindRules = Shown<typeof KindRulesSchema>;

/** `/v1/oversight` */
export class OversightApi {
  constructor(private readonly session: Session) {}

  /** The kinds that have rules of their own, by name; and in `default` the rules of all others. */
  list(options?: ReadOptions): Promise<AnswerOf<typeof oversight.list>> {
    return this.session.call<typeof oversight.list>('GET /v1/oversight', {}, options);
  }

  /** The rules that hold for a kind: its own, or the default. */
  get(kind: string, options?: ReadOptions): Promise<KindRules> {
    return this.session.call<typeof oversight.get>('GET /v1/oversight/{kind}', { params: { kind } }, options);
  }

  /** Sets the rules of a kind, whole. */
  set(kind: string, rules: OversightRules, options?: CommandOptions): Promise<AnswerOf<typeof oversight.set>> {
    const request = { params: { kind }, body: { rules } };
    return this.session.call<typeof oversight.set>('PUT /v1/oversight/{kind}', request, options);
  }
}
