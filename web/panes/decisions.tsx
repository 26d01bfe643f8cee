/** *Decisions*: what waits for a person, the most severe first, and what was decided. */
import type { approvals, ApprovalSummary as Summary } from '../../contract/oversight/approvals';
import type { Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { asOf, linkTo, place } from '../lib/route';
import { Badge, impactTone } from '../parts/badge';
import { word } from '../parts/command';
import { Said } from '../parts/said';
import { summaryOf } from '../parts/summary';
import { Away, When } from '../parts/when';
import { texts } from '../texts';
import { DecisionPage } from './decision';
import { DecisionFrame } from './decision-frame';
import { isTogether, Together, type TogetherChosen, useTogether } from './together';

export type ApprovalSummary = ShownOf<typeof Summary>;

const LIMIT = 50;
const EVERY_MS = 10_000;
const { decisions: words } = texts;

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
    <DecisionFrame
      at={status}
      id={id}
      of={loaded}
      rest={[]}
      query={kept}
      empty={{ title: words.empty, text: words.emptyText, commands: ['npx formicary oversight'] }}
      isOfNow
      row={(row) => (
        <QueueRow key={row.id} row={row} shown={row.id === id} query={kept} together={isPast ? undefined : together} />
      )}
      behind={(of) => status === 'waiting' && !isPast && <Together of={together} rows={of} onDone={loaded.reload} />}
      commands={['npx formicary approvals', `npx formicary approval ${id === undefined ? 'APPROVAL' : word(id)}`]}
    >
      {id !== undefined && <DecisionPage key={id} id={id} next={next} onDone={loaded.reload} />}
    </DecisionFrame>
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
