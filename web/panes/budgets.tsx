/** What work may cost, what is reserved for it and what was spent. */
import { usd } from '../../cli/words';
import type { budgets } from '../../contract/budgets/budgets';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { Badge } from '../parts/badge';
import { Empty } from '../parts/empty';
import { Section } from '../parts/facts';
import { AsOf, Shown } from '../parts/outcome';
import { Said } from '../parts/said';
import { texts } from '../texts';

const EVERY_MS = 15_000;
const { governance: words } = texts;

export function Budgets() {
  const loaded = useLoad('budgets', (signal) => call<typeof budgets.list>('GET /v1/budgets', {}, { signal }), {
    changedBy: ['budget'],
    everyMs: EVERY_MS,
  });
  return (
    <Section title={words.budgets} aside={<AsOf of={loaded} />}>
      <Shown of={loaded}>
        {({ value }) =>
          value.length === 0 ? (
            <Empty
              title={words.budgetsNone}
              text={words.budgetsText}
              commands={['npx formicary budget pool finance 25 --period day --reason "the pilot"']}
            />
          ) : (
            <ul class="rows">
              {value.map(({ kind, name, period, limit_micro_usd: limit, ...of }) => {
                const { spent_micro_usd: spent, reserved_micro_usd: reserved, left_micro_usd: left } = of;
                return (
                  <li key={`${kind} ${name}`} class="row">
                    <span class="grow">
                      <strong>
                        <Said text={`${kind} ${name}`} most={200} />
                      </strong>{' '}
                      <span class="soft">{words.per[period]}</span>
                    </span>
                    <meter min={0} max={Math.max(1, limit)} value={spent + reserved} aria-label={words.spent} />
                    <span>{words.spentOf(usd(spent), usd(reserved), usd(limit))}</span>
                    {left <= 0 && <Badge tone="bad" text={words.over} />}
                  </li>
                );
              })}
            </ul>
          )
        }
      </Shown>
    </Section>
  );
}
