/** What two bundles say of the same questions, counted by action, with the first differences as examples. */
import type { PolicyReceipt } from '../kernel/commit';
import { type Time, toTime } from '../kernel/time';
import type { Obligation, PolicyAnswer, PolicyRequest } from './asking';

/** How many differences of an action are shown. */
export const MAX_EXAMPLES = 5;
/** How many actions are told apart: there are fewer, unless somebody makes them up. */
const MAX_ACTIONS = 500;

/** What a bundle said. */
export interface Verdict {
  readonly decision: PolicyReceipt['decision'];
  readonly reasons: readonly string[];
  readonly entrypoint?: string;
  readonly obligations?: readonly Obligation[];
}

/** A question to which the bundles have different answers. */
export interface Difference {
  /** When it was asked. */
  readonly at: Time;
  readonly tenant: string;
  readonly principal: string;
  /** The stream that was, or would be, written. */
  readonly resource: string;
  /** `stream@index`, where the question is one behind a receipt. */
  readonly receipt?: string;
  readonly in_force: Verdict;
  readonly compared: Verdict;
}

export interface ActionCompared {
  readonly action: string;
  readonly asked: number;
  readonly differing: number;
  /** How many differ in which way: `allow → deny`; `allow → allow` where only the obligations do. */
  readonly changes: Readonly<Record<string, number>>;
  readonly examples: readonly Difference[];
}

interface Counted {
  asked: number;
  differing: number;
  readonly changes: Map<string, number>;
  readonly examples: Difference[];
}

/** Bounded, however many are added. Two answers differ when their decisions or their obligations do. */
export class Comparison {
  private readonly actions = new Map<string, Counted>();

  add(request: PolicyRequest, inForce: PolicyAnswer, compared: PolicyAnswer, receipt?: string): void {
    const counted = this.of(request.action);
    if (counted === undefined) return;
    counted.asked += 1;
    if (isSame(inForce, compared)) return;
    counted.differing += 1;
    const change = `${inForce.decision} → ${compared.decision}`;
    counted.changes.set(change, (counted.changes.get(change) ?? 0) + 1);
    if (counted.examples.length >= MAX_EXAMPLES) return;
    counted.examples.push({
      at: toTime(request.now),
      tenant: request.principal.tenant,
      principal: request.principal.id,
      resource: request.resource,
      receipt,
      in_force: verdictOf(inForce),
      compared: verdictOf(compared),
    });
  }

  /** By action, those with most differences first. */
  result(): readonly ActionCompared[] {
    return [...this.actions]
      .map(([action, { changes, ...counted }]) => ({ action, ...counted, changes: Object.fromEntries(changes) }))
      .sort((a, b) => b.differing - a.differing || b.asked - a.asked || (a.action < b.action ? -1 : 1));
  }

  private of(action: string): Counted | undefined {
    let counted = this.actions.get(action);
    if (counted === undefined && this.actions.size < MAX_ACTIONS)
      this.actions.set(action, (counted = { asked: 0, differing: 0, changes: new Map(), examples: [] }));
    return counted;
  }
}

function isSame(one: PolicyAnswer, other: PolicyAnswer): boolean {
  return (
    one.decision === other.decision &&
    (one.obligations === other.obligations ||
      JSON.stringify(one.obligations ?? []) === JSON.stringify(other.obligations ?? []))
  );
}

export function verdictOf({ decision, reasons, entrypoint, obligations }: PolicyAnswer): Verdict {
  return { decision, reasons, entrypoint, obligations };
}
