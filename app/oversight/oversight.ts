/** Use cases of oversight: the rules of a tenant, by kind of action. */
import type { KindRules, oversight } from '../../contract/oversight/oversight';
import type { AnswerOf, Shown } from '../../contract/route';
import type { Time } from '../../domain/kernel/time';
import {
  configure,
  DEFAULT_RULES,
  type OversightEvent,
  type OversightRules,
  type OversightState,
  RULES_ID,
  rulesFor,
  rulesHash,
} from '../../domain/oversight/oversight';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Loaded } from '../engine/streams';
import { TenantStates } from '../engine/tenant-states';
import type { Transactor } from '../engine/transact';

/** The rules of a kind as the API shows them. */
export function rulesAnswer(kind: string, rules: OversightRules): Shown<typeof KindRules> {
  return { kind, rules, rules_hash: rulesHash(rules) };
}

/** The rules of every kind that has any, by name, and those of all others. */
export function allRulesAnswer({ kinds }: OversightState): AnswerOf<typeof oversight.list> {
  const named = Object.entries(kinds).sort(([a], [b]) => (a < b ? -1 : 1));
  return { value: named.map(([kind, rules]) => rulesAnswer(kind, rules)), default: DEFAULT_RULES };
}

export class Oversight {
  /** Asked at every action; most tenants set none, of which no stream could be kept in mind. */
  private readonly states: TenantStates<OversightState, OversightEvent>;

  /** @param oversight whose changes in other processes are followed */
  constructor(
    private readonly oversight: Aggregate<OversightState, OversightEvent>,
    transactor: Pick<Transactor, 'onCommitted'>,
  ) {
    this.states = new TenantStates(oversight, RULES_ID, transactor);
  }

  /** Sets the rules of a kind, whole. What is refused here leaves a receipt. */
  configure(
    context: RequestContext,
    kind: string,
    rules: OversightRules,
  ): Promise<Outcome<OversightState, OversightEvent>> {
    const asked = { ...context, receiptOfRefusal: true, attributes: { kind } };
    return this.oversight.decide(asked, RULES_ID, 'oversight.configure', configure(kind, rules));
  }

  /** The rules that hold for a kind; the defaults where nobody set any. */
  async rules(tenant: string, kind: string): Promise<OversightRules> {
    return rulesFor(await this.states.of(tenant), kind);
  }

  load(tenant: string, asOf?: Time): Promise<Loaded<OversightState>> {
    return this.oversight.load(tenant, RULES_ID, asOf);
  }
}
