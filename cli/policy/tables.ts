/** What two bundles say otherwise, as tables. */
import type { PolicyDiff } from '../../client/policy';
import { bad, bold, count, dim, good, print, printTable, said, shortRef } from '../terminal';

export type Compared = Pick<PolicyDiff, 'asked' | 'differing' | 'actions'>;

/** By action, how much differs; and the first differences of each. */
export function printCompared({ asked, differing, actions }: Compared): void {
  if (differing === 0) return print(good(`Of ${count(asked, 'decision')} none would be another.`));
  const differ = actions.filter((action) => action.differing > 0);
  print(bad(`Of ${count(asked, 'decision')} ${count(differing, 'would be another', 'would be others')}:`));
  printTable(
    ['ACTION', 'ASKED', 'DIFFER', 'HOW'],
    differ.map(({ action, asked: times, differing: others, changes }) => [
      bold(said(action)),
      times,
      others,
      Object.entries(changes)
        .map(([change, n]) => `${n} × ${change}`)
        .join(', '),
    ]),
    ['ASKED', 'DIFFER'],
  );
  print('');
  printTable(
    ['EXAMPLE', 'OF', 'BY', 'IN FORCE', 'NEW', 'WHY'],
    differ.flatMap(({ action, examples }) =>
      examples.map(({ receipt, resource, principal, in_force, compared }) => [
        said(shortRef(receipt ?? resource)),
        said(action),
        said(principal),
        in_force.decision,
        compared.decision,
        dim(said([...compared.reasons, ...in_force.reasons].join('; '))),
      ]),
    ),
  );
}
