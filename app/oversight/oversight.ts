/** Use cases of oversight: the rules of a tenant, by kind of action. */
import type { Time } from '../../domain/kernel/time';
import {
  configure,
  type OversightEvent,
  type OversightRules,
  type OversightState,
  RULES,
  rulesFor,
} from '../../domain/oversight/oversight';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Loaded } from '../engine/streams';

export { DEFAULT_RULES, IMPACTS, MODES, SAFE_DEFAULTS, rulesHash } from '../../domain/oversight/oversight';

export class Oversight {
  constructor(private readonly oversight: Aggregate<OversightState, OversightEvent>) {}

  /** Sets the rules of a kind, whole. What is refused here leaves a receipt. */
  configure(
    context: RequestContext,
    kind: string,
    rules: OversightRules,
  ): Promise<Outcome<OversightState, OversightEvent>> {
    const asked = { ...context, receiptOfRefusal: true, attributes: { kind } };
    return this.oversight.decide(asked, RULES, 'oversight.configure', configure(kind, rules));
  }

  /** The rules that hold for a kind; the defaults where nobody set any. */
  async rules(tenant: string, kind: string): Promise<OversightRules> {
    return rulesFor((await this.load(tenant)).state, kind);
  }

  load(tenant: string, asOf?: Time): Promise<Loaded<OversightState>> {
    return this.oversight.load(tenant, RULES, asOf);
  }
}
