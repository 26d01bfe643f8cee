/** Who could do a task, and what is in the way of each. */
import type { tasks } from '../../contract/market/tasks';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { linkTo } from '../lib/route';
import { Badge } from '../parts/badge';
import { Section } from '../parts/facts';
import { Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { texts } from '../texts';

const LIMIT = 20;

export function Candidates({ id, version }: { readonly id: string; readonly version: number }) {
  const params = { id };
  const loaded = useLoad(
    id,
    (signal) =>
      call<typeof tasks.candidates>('GET /v1/tasks/{id}/candidates', { params, query: { limit: LIMIT } }, { signal }),
    { version },
  );
  return (
    <Section title={texts.tasks.candidates} aside={loaded.data && texts.tasks.able(loaded.data.able)}>
      <Shown of={loaded}>
        {({ value }) => (
          <>
            {value.length === 0 && <p class="soft">{texts.tasks.candidatesNone}</p>}
            <ul class="rows">
              {value.map(({ agent, fits, code, text, slots, capacity }) => (
                <li key={agent}>
                  <a class="row" href={linkTo('agents', [agent])}>
                    <Badge tone={fits ? 'good' : 'look'} text={code ?? 'fits'} />
                    <span class="grow">
                      <Code text={agent} /> {text !== undefined && <Said text={text} most={200} />}
                    </span>
                    <span class="when">
                      {slots}/{capacity}
                    </span>
                  </a>
                </li>
              ))}
            </ul>
          </>
        )}
      </Shown>
    </Section>
  );
}
