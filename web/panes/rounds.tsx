/** *Decisions*, what agents decide together: the rounds, and one of them beside the list. */
import type { rounds } from '../../contract/oversight/rounds';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { linkTo, place } from '../lib/route';
import { Badge } from '../parts/badge';
import { word } from '../parts/command';
import { Said } from '../parts/said';
import { Away, When } from '../parts/when';
import { texts } from '../texts';
import { DecisionFrame } from './decision-frame';
import { RoundPage, type RoundSummary, verdictOf } from './round';

const LIMIT = 50;
const EVERY_MS = 10_000;
const { rounds: words } = texts;

export function Rounds({ id }: { readonly id: string | undefined }) {
  const page = place.value.query.get('page') ?? undefined;
  const loaded = useLoad(
    `${page}`,
    (signal) => call<typeof rounds.list>('GET /v1/rounds', { query: { limit: LIMIT, continuation: page } }, { signal }),
    { changedBy: ['round'], everyMs: EVERY_MS },
  );
  return (
    <DecisionFrame
      at="rounds"
      id={id}
      of={loaded}
      rest={['rounds']}
      query={{ page }}
      empty={{
        title: words.empty,
        text: words.emptyText,
        commands: ['npx formicary poll "Move the backup?" --voter ada-1 --voter bo-2 --voter cy-3'],
      }}
      label={words.list}
      row={(row) => <RoundRow key={row.id} row={row} shown={row.id === id} page={page} />}
      commands={['npx formicary rounds', `npx formicary rounds ${id === undefined ? 'ROUND' : word(id)}`]}
    >
      {id !== undefined && <RoundPage key={id} id={id} />}
    </DecisionFrame>
  );
}

interface RowProps {
  readonly row: RoundSummary;
  readonly shown: boolean;
  readonly page: string | undefined;
}

function RoundRow({ row, shown, page }: RowProps) {
  const { id, kind, question, status, deadline, votes, voter, finished_at: finishedAt } = row;
  const { tone, text } = verdictOf(row);
  return (
    <li>
      <a
        class="row"
        data-row
        href={linkTo('decisions', ['rounds', id], { page })}
        aria-current={shown ? 'true' : undefined}
      >
        <span class="grow">
          <Badge tone={tone} text={text} />
          <span class="two-lines">
            <Said text={question} most={200} />
          </span>
          <span class="soft">
            <Said text={kind} most={80} /> · {words.votes(votes, voter.length)} ·{' '}
            {status === 'open' ? <Away at={deadline} /> : finishedAt !== null && <When at={finishedAt} />}
          </span>
        </span>
      </a>
    </li>
  );
}
