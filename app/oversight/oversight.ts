/** Use cases of oversight: the rules of a tenant, by kind of action. */
import type { Time } from '../../domain/kernel/time';
import {
  configure,
  oversightDecider,
  type OversightEvent,
  type OversightRules,
  type OversightState,
  oversightStream,
  rulesFor,
} from '../../domain/oversight/oversight';
import type { Outcome, RequestContext } from '../engine/command';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';

export { DEFAULT_RULES, IMPACTS, MODES, SAFE_DEFAULTS, rulesHash } from '../../domain/oversight/oversight';

export class Oversight {
  constructor(private readonly transactor: Transactor) {}

  /** Sets the rules of a kind, whole. What is refused here leaves a receipt. */
  configure(
    context: RequestContext,
    kind: string,
    rules: OversightRules,
  ): Promise<Outcome<OversightState, OversightEvent>> {
    return this.transactor.transact(
      oversightDecider,
      oversightStream(context.principal.tenant),
      configure(kind, rules),
      { ...context, action: 'oversight.configure', receiptOfRefusal: true, attributes: { kind } },
    );
  }

  /** The rules that hold for a kind; the defaults where nobody set any. */
  async rules(tenant: string, kind: string): Promise<OversightRules> {
    return rulesFor((await this.load(tenant)).state, kind);
  }

  load(tenant: string, asOf?: Time): Promise<Loaded<OversightState>> {
    const stream = oversightStream(tenant);
    return asOf === undefined
      ? this.transactor.load(oversightDecider, stream)
      : this.transactor.loadAt(oversightDecider, stream, { asOf });
  }
}
