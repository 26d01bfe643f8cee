/** *Decisions*: what waits for a person, the most severe first, and what was decided. */
import type { approvals, ApprovalSummary as Summary } from '../../contract/oversight/approvals';
import type { Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { asOf, go, linkTo, place } from '../lib/route';
import { Badge, impactTone } from '../parts/badge';
import { SameCommand, word } from '../parts/command';
import { Empty } from '../parts/empty';
import { AsOf, Shown } from '../parts/outcome';
import { Pages } from '../parts/pages';
import { Said } from '../parts/said';
import { summaryOf } from '../parts/summary';
import { Away, When } from '../parts/when';
import { texts } from '../texts';
import { DecisionPage } from './decision';
import { isTogether, Together, type TogetherChosen, useTogether } from './together';

export type ApprovalSummary = ShownOf<typeof Summary>;

const LIMIT = 50;
const EVERY_MS = 10_000;
const { decisions: words } = texts;

/** On a wide screen the queue stays beside the one that is looked at; on a phone each is a page. */
export function Decisions({ id }: { readonly id: string | undefined }) {
  const { query } = place.value;
  const status = query.get('status') === 'closed' ? 'closed' : 'waiting';
  const page = query.get('page') ?? undefined;
  const loaded = useLoad(
    `${status} ${page}`,
    (signal) =>
      call<typeof approvals.list>(
        'GET /v1/approvals',
        { query: { status, limit: LIMIT, continuation: page } },
        { signal },
      ),
    { changedBy: ['approval'], everyMs: EVERY_MS },
  );
  const kept = { status: status === 'waiting' ? undefined : status, page };
  const rows = loaded.data?.value ?? [];
  const together = useTogether();
  // Nothing is done to what was: beside it the list is of now, to be read.
  const isPast = asOf.value !== undefined;
  const next = rows[rows.findIndex((row) => row.id === id) + 1]?.id;
  return (
    <div class="split" data-open={id !== undefined}>
      <h1 tabIndex={-1}>{words.title}</h1>
      <div class="split-list">
        <DecisionTabs at={status} />
        {isPast && <p>{texts.timeBar.list}</p>}
        <Shown of={loaded}>
          {({ value, nextLink }) => (
            <>
              {value.length === 0 && (
                <Empty title={words.empty} text={words.emptyText} commands={['npx formicary oversight']} />
              )}
              <ul class="rows queue">
                {value.map((row) => (
                  <QueueRow
                    key={row.id}
                    row={row}
                    shown={row.id === id}
                    query={kept}
                    together={isPast ? undefined : together}
                  />
                ))}
              </ul>
              {status === 'waiting' && !isPast && <Together of={together} rows={value} onDone={loaded.reload} />}
              <Pages
                page={page}
                nextLink={nextLink}
                onPage={(to) => go(linkTo('decisions', [], { ...kept, page: to }))}
              />
            </>
          )}
        </Shown>
        <p>
          <AsOf of={loaded} />
        </p>
        <SameCommand
          lines={['npx formicary approvals', `npx formicary approval ${id === undefined ? 'APPROVAL' : word(id)}`]}
        />
      </div>
      <div class="split-one">
        {id === undefined ? (
          rows.length > 0 && <p class="soft choose">{words.choose}</p>
        ) : (
          <DecisionPage key={id} id={id} next={next} onDone={loaded.reload} />
        )}
      </div>
    </div>
  );
}

interface TabsProps {
  readonly at: 'waiting' | 'closed' | 'vetoes' | 'rounds';
}

/** What waits for people, what they decided, what they may veto, and what agents decide together. */
export function DecisionTabs({ at }: TabsProps) {
  const tabs = [
    ['waiting', words.waiting, linkTo('decisions')],
    ['closed', words.closed, linkTo('decisions', [], { status: 'closed' })],
    ['vetoes', texts.vetoes.title, linkTo('decisions', ['actions'])],
    ['rounds', words.rounds, linkTo('decisions', ['rounds'])],
  ] as const;
  return (
    <nav class="tabs" aria-label={words.queue}>
      {tabs.map(([name, text, link]) => (
        <a key={name} href={link} aria-current={name === at ? 'true' : undefined}>
          {text}
        </a>
      ))}
    </nav>
  );
}

interface RowProps {
  readonly row: ApprovalSummary;
  readonly shown: boolean;
  /** Absent where nothing can be decided. */
  readonly together: TogetherChosen | undefined;
  readonly query: Readonly<Record<string, string | undefined>>;
}

function QueueRow({ row, shown, query, together }: RowProps) {
  const { id, severity, kind, summary, requester, status, deadline, outcome, closed_at: closedAt } = row;
  const mayTogether = together !== undefined && isTogether(row);
  return (
    <li class="queue-row">
      {mayTogether && (
        <input
          type="checkbox"
          aria-label={words.together.pick(summaryOf(kind, summary).matter.slice(0, 80))}
          checked={together.has(id)}
          onChange={() => together.toggle(row)}
        />
      )}
      <a
        class="row"
        data-row
        data-together={mayTogether ? id : undefined}
        href={linkTo('decisions', [id], query)}
        aria-current={shown ? 'true' : undefined}
      >
        <Badge tone={impactTone(severity)} text={severity} />
        <span class="grow">
          <strong>
            <Said text={kind} most={80} />
          </strong>
          <span class="two-lines">
            <Said text={summaryOf(kind, summary).matter} most={200} />
          </span>
          <span class="soft">
            <Said text={requester} most={120} /> ·{' '}
            {status === 'waiting' ? (
              <Away at={deadline} />
            ) : (
              <>
                <Said text={outcome ?? ''} /> {closedAt !== null && <When at={closedAt} />}
              </>
            )}
            {row.claimed_by !== null && <Said text={` · ${words.claimed(row.claimed_by)}`} />}
          </span>
        </span>
      </a>
    </li>
  );
}
