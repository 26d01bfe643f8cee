/** An award, computed again from its receipt: every candidate with its score. */
import { useState } from 'preact/hooks';
import type { tasks } from '../../contract/market/tasks';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { linkTo } from '../lib/route';
import { Badge } from '../parts/badge';
import { Section } from '../parts/facts';
import { Shown } from '../parts/outcome';
import { Code } from '../parts/said';
import { texts } from '../texts';

const MOST = 50;
const { tasks: words } = texts;

export function Recompute({ id, award }: { readonly id: string; readonly award: number }) {
  const [open, setOpen] = useState(false);
  return (
    <Section title={words.recompute}>
      {open ? (
        <Ranking id={id} award={award} />
      ) : (
        <p>
          <span class="soft">{words.recomputeText}</span>{' '}
          <button type="button" onClick={() => setOpen(true)}>
            {words.recompute}
          </button>
        </p>
      )}
    </Section>
  );
}

function Ranking({ id, award }: { readonly id: string; readonly award: number }) {
  const loaded = useLoad(`${id} ${award}`, (signal) =>
    call<typeof tasks.recompute>('GET /v1/tasks/{id}/recompute', { params: { id }, query: { award } }, { signal }),
  );
  return (
    <Shown of={loaded}>
      {({ agrees, hashHolds, recordedWinner, ranking }) => (
        <>
          <p>
            <Badge
              tone={agrees && hashHolds ? 'good' : 'bad'}
              text={agrees && hashHolds ? words.agrees(recordedWinner) : words.disagrees}
            />
          </p>
          <ol class="rows ranking">
            {ranking.slice(0, MOST).map(({ agent, source, score, match, load }) => (
              <li key={agent} class="row">
                <a class="grow" href={linkTo('agents', [agent])}>
                  <Code text={agent} />
                </a>
                <span class="soft">
                  {source}, match {match}, load {load}
                </span>
                <span class="when">
                  {words.score} {score}
                </span>
              </li>
            ))}
          </ol>
        </>
      )}
    </Shown>
  );
}
