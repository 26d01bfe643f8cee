/** Conditions under which policy allows a command, and what becomes of them. */
import type { Obligation } from './ports-policy';

/**
 * Which of the conditions do not hold, in words; none: the command may be done.
 *
 * - `limit` is checked here, on the attributes that the rules were asked.
 * - `audit` is met by whoever decides: see `audits`.
 * - Nothing encrypts or redacts single fields, so what demands it is refused.
 */
export function unmet(
  obligations: readonly Obligation[],
  attributes: Readonly<Record<string, unknown>> = {},
): readonly string[] {
  return obligations.flatMap((obligation) => {
    switch (obligation.must) {
      case 'audit':
        return [];
      case 'limit': {
        const value = attributes[obligation.attribute];
        const holds = typeof value === 'number' && value >= 0 && value <= obligation.most;
        return holds ? [] : [`${obligation.attribute} must be a number of at most ${obligation.most}`];
      }
      case 'encrypt':
      case 'redact':
        return [`nothing here can ${obligation.must} ${obligation.fields.join(', ')}, which policy demands`];
    }
  });
}

/** Whether a refusal has to leave a receipt. */
export function audits(obligations: readonly Obligation[] | undefined): boolean {
  return obligations?.some(({ must }) => must === 'audit') ?? false;
}
