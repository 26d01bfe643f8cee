/** *Decisions*, what agents decide together: the rounds, and one of them beside the list. */
import type { rounds } from '../../contract/oversight/rounds';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { go, linkTo, place } from '../lib/route';
import { Badge } from '../parts/badge';
import { SameCommand, word } from '../parts/command';
import { Empty } from '../parts/empty';
import { AsOf, Shown } from '../parts/outcome';
import { Pages } from '../parts/pages';
import { Said } from '../parts/said';
import { Away, When } from '../parts/when';
import { texts } from '../texts';
import { DecisionTabs } from './decisions';
import { RoundPage, type RoundSummary, verdictOf } from './round';

const LIMIT = 50;
const EVERY_MS = 10_000;
const { rounds: words, decisions } = texts;

export function Rounds({ id }: { readonly id: string | undefined }) {
  const page = place.value.query.get('page') ?? undefined;
  const loaded = useLoad(
    `${page}`,
    (signal) => call<typeof rounds.list>('GET /v1/rounds', { query: { limit: LIMIT, continuation: page } }, { signal }),
    { changedBy: ['round'], everyMs: EVERY_MS },
  );
  return (
    <div class="split" data-open={id !== undefined}>
      <h1 tabIndex={-1}>{decisions.title}</h1>
      <div class="split-list">
        <DecisionTabs at="rounds" />
        <Shown of={loaded}>
          {({ value, nextLink }) => (
            <>
              {value.length === 0 && (
                <Empty
                  title={words.empty}
                  text={words.emptyText}
                  commands={['npx formicary poll "Move the backup?" --voter ada-1 --voter bo-2 --voter cy-3']}
                />
              )}
              <ul class="rows queue" aria-label={words.list}>
                {value.map((row) => (
                  <RoundRow key={row.id} row={row} shown={row.id === id} page={page} />
                ))}
              </ul>
              <Pages
                page={page}
                nextLink={nextLink}
                onPage={(to) => go(linkTo('decisions', ['rounds'], { page: to }))}
              />
            </>
          )}
        </Shown>
        <p>
          <AsOf of={loaded} />
        </p>
        <SameCommand
          lines={['npx formicary rounds', `npx formicary rounds ${id === undefined ? 'ROUND' : word(id)}`]}
        />
      </div>
      <div class="split-one">
        {id === undefined ? (
          (loaded.data?.value.length ?? 0) > 0 && <p class="soft choose">{decisions.choose}</p>
        ) : (
          <RoundPage key={id} id={id} />
        )}
      </div>
    </div>
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
