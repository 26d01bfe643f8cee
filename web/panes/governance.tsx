/** *Governance*: what is stopped, which rules judge every command, what work may cost. */
import type { policy } from '../../contract/policy/policy';
import { call } from '../lib/api';
import { Failure } from '../lib/failure';
import { useLoad } from '../lib/load';
import { linkTo } from '../lib/route';
import { SameCommand } from '../parts/command';
import { Facts, Section } from '../parts/facts';
import { Problem, Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { When } from '../parts/when';
import { texts } from '../texts';
import { Budgets } from './budgets';
import { Stops } from './stops';

const EVERY_MS = 15_000;
const { governance: words } = texts;

export function Governance() {
  return (
    <>
      <h1 tabIndex={-1}>{words.title}</h1>
      <Stops />
      <Policy />
      <Budgets />
      <SameCommand lines={['npx formicary stops', 'npx formicary policy', 'npx formicary budgets']} />
    </>
  );
}

function Policy() {
  const loaded = useLoad('policy', (signal) => call<typeof policy.get>('GET /v1/policy', {}, { signal }), {
    everyMs: EVERY_MS,
  });
  return (
    <Section title={words.policy}>
      <Shown of={loaded}>
        {({ in_force: rules, revision, shadow, entrypoints, trouble }) => (
          <>
            {trouble !== undefined && <Problem failure={new Failure(0, words.trouble, trouble, 'policy')} />}
            <Facts
              of={[
                [words.bundle, <Code text={rules.bundle.slice(0, 12)} />],
                [words.revision, revision && <Said text={revision} />],
                [words.by, rules.by && <Said text={`${rules.by}: ${rules.reason ?? ''}`} />],
                [words.since, rules.since && <When at={rules.since} />],
                [words.shadow, shadow && <Code text={shadow.slice(0, 12)} />],
                [words.actions, Object.values(entrypoints).flat().length],
                [words.denials, <a href={linkTo('receipts', [], { category: 'denial' })}>{words.denialsLink}</a>],
              ]}
            />
          </>
        )}
      </Shown>
    </Section>
  );
}
