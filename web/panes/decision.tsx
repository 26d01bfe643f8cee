/** One decision: all that a person needs for it on one screen, and the buttons within a thumb's reach. */
import { useState } from 'preact/hooks';
import type { actions } from '../../contract/oversight/actions';
import type { Approval as ApprovalSchema, approvals } from '../../contract/oversight/approvals';
import type { Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { asOf, linkTo, linkToStream } from '../lib/route';
import { categoryOf, idOf, placeOf } from '../lib/streams';
import { Badge, impactTone } from '../parts/badge';
import { Facts, Section } from '../parts/facts';
import { History } from '../parts/history';
import { Json } from '../parts/json';
import { AsOf, Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { summaryOf } from '../parts/summary';
import { Away, When } from '../parts/when';
import { texts } from '../texts';
import { Decide } from './decide';
import { type Round, roundOf, Verdict, Votes } from './round';

export type Approval = ShownOf<typeof ApprovalSchema>;

/** What is asked, and what of it can be corrected. */
export interface Asked {
  readonly approval: Approval;
  /** Undefined where it is about a round. */
  readonly action: unknown;
}

interface Found extends Asked {
  /** In which agents voted on it before people were asked, if they did. */
  readonly round: Round | undefined;
}

const { decisions: words } = texts;

async function asked(id: string, at: string | undefined, signal: AbortSignal): Promise<Found> {
  const params = { approval_id: id };
  const query = { asOf: at };
  const approval = await call<typeof approvals.get>('GET /v1/approvals/{approval_id}', { params, query }, { signal });
  if (categoryOf(approval.action) !== 'action') {
    const round =
      categoryOf(approval.action) === 'round' ? await roundOf(idOf(approval.action), at, signal) : undefined;
    return { approval, action: undefined, round };
  }
  const of = { action_id: idOf(approval.action) };
  const { action, refs } = await call<typeof actions.get>(
    'GET /v1/actions/{action_id}',
    { params: of, query },
    { signal },
  );
  const voted = refs.map(placeOf).findLast((ref) => ref !== undefined && categoryOf(ref.stream) === 'round');
  return {
    approval,
    action: approval.edit?.hash === approval.hash ? approval.edit.action : action,
    round: voted && (await roundOf(idOf(voted.stream), at, signal)),
  };
}

interface Props {
  readonly id: string;
  /** The one after it in the queue. */
  readonly next: string | undefined;
  readonly onDone: () => void;
}

export function DecisionPage({ id, next, onDone }: Props) {
  const at = asOf.value;
  const loaded = useLoad(id, (signal) => asked(id, at, signal), { changedBy: ['approval', 'round'], asOf: at });
  const [said, setSaid] = useState('');
  return (
    <article class="decision">
      <p class="crumbs">
        <a href={linkTo('decisions')}>{words.title}</a>
      </p>
      <Shown of={loaded}>
        {({ approval, action, round }) => (
          <>
            <Question approval={approval} />
            <Voices approval={approval} />
            {action !== undefined && (
              <Section title={words.action}>
                <Json value={action} label={words.action} />
              </Section>
            )}
            <Changes approval={approval} />
            {round !== undefined && <Voted round={round} />}
            <p class="soft hash">
              {words.hash} <Code text={approval.hash.slice(0, 12)} /> · <AsOf of={loaded} />
            </p>
            <p role="status" class="said-done">
              {said} {said !== '' && next !== undefined && <a href={linkTo('decisions', [next])}>{words.next}</a>}
            </p>
            {approval.status !== 'waiting' ? (
              <Outcome approval={approval} />
            ) : (
              at === undefined && (
                <Decide
                  approval={approval}
                  action={action}
                  onDone={(text) => {
                    setSaid(text);
                    loaded.reload();
                    onDone();
                  }}
                />
              )
            )}
            <Section title={texts.tasks.timeline}>
              <History category="approval" id={id} version={approval.version} />
            </Section>
          </>
        )}
      </Shown>
    </article>
  );
}

function Question({ approval }: { readonly approval: Approval }) {
  const {
    kind,
    severity,
    summary,
    requester,
    why,
    impact,
    risk,
    ends,
    safe_default: otherwise,
    ladder,
    level,
  } = approval;
  const { given, approvals_needed: needed, status } = approval;
  const until = ends.at(-1);
  const { matter, rest } = summaryOf(kind, summary);
  return (
    <>
      <p class="lead">
        <Badge tone={impactTone(severity)} text={severity} /> <Said text={kind} />
      </p>
      <h2 class="asked" tabIndex={-1}>
        <Said text={matter} />
      </h2>
      {rest !== '' && (
        <p class="soft">
          <Said text={rest} />
        </p>
      )}
      <Facts
        of={[
          [words.by, <Code text={requester} />],
          [words.why, <Said text={why} />],
          [words.impact, `${impact}, ${words.risk.toLowerCase()} ${risk}`],
          [words.left, status === 'waiting' && until !== undefined && <Away at={until} />],
          [words.otherwise, status === 'waiting' && words.otherwiseOf[otherwise]],
          [
            words.group,
            ladder
              .slice(0, level + 1)
              .map(({ group }) => group)
              .join(', then '),
          ],
          [
            words.needs(given.length, needed),
            given.length > 0 && given.map(({ by, reason }) => <Said key={by} text={`${by}: ${reason}`} />),
          ],
          [
            'stream',
            <a href={linkToStream(approval.action)}>
              <Code text={approval.action} />
            </a>,
          ],
        ]}
      />
    </>
  );
}

/** What agents and other people have said. */
function Voices({ approval: { inputs, questions, claim } }: { readonly approval: Approval }) {
  return (
    <>
      {inputs.length > 0 && (
        <Section title={words.says}>
          <ul class="voices">
            {inputs.map(({ by, says, confidence }, i) => (
              <li key={i}>
                <Code text={by} /> <Said text={says} />
                {confidence !== undefined && <span class="soft"> {Math.round(confidence * 100)} %</span>}
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title={words.seen}>
        {claim === undefined && questions.length === 0 && <p class="soft">{words.seenNone}</p>}
        {claim !== undefined && (
          <p>
            <Said text={words.claimed(claim.by)} /> <Away at={claim.until} />
          </p>
        )}
        <ul class="voices">
          {questions.map(({ by, question, answer }, i) => (
            <li key={i}>
              <Code text={by} /> <Said text={question} />
              <br />
              {answer === undefined ? <span class="soft">{words.unanswered}</span> : <Said text={answer} />}
            </li>
          ))}
        </ul>
      </Section>
    </>
  );
}

/** What agents made of it in a round, before people were asked. */
function Voted({ round }: { readonly round: Round }) {
  return (
    <>
      <Section
        title={words.voted}
        aside={
          <a href={linkTo('decisions', ['rounds', round.id])}>
            <Code text={round.id} />
          </a>
        }
      >
        <p>
          <Verdict of={round} />
        </p>
      </Section>
      <Votes round={round} />
    </>
  );
}

/** What a person has changed, place by place. */
function Changes({ approval: { edit, hash } }: { readonly approval: Approval }) {
  if (edit === undefined || edit.hash !== hash) return null;
  return (
    <Section title={words.edited} aside={<Said text={`${edit.by}: ${edit.reason}`} />}>
      <ul class="changes">
        {edit.changes.map(({ path, before, after }) => (
          <li key={path}>
            <Code text={path === '' ? '/' : path} />
            <del>
              <Said text={before === undefined ? '—' : JSON.stringify(before)} most={500} />
            </del>
            <ins>
              <Said text={after === undefined ? '—' : JSON.stringify(after)} most={500} />
            </ins>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Outcome({
  approval: { outcome, given, rejected, override, closed_at: closedAt },
}: {
  readonly approval: Approval;
}) {
  const last = given.at(-1);
  return (
    <div class="note" data-tone={outcome === 'approved' ? 'good' : 'quiet'}>
      <strong>
        {words.outcome}: <Said text={outcome ?? ''} />
      </strong>
      {last !== undefined && (
        <p>
          <Said text={`${last.by}: ${last.reason}`} />
        </p>
      )}
      {rejected !== undefined && (
        <p>
          <Said text={`${rejected.by}: ${rejected.reason}`} />
        </p>
      )}
      {override !== undefined && (
        <p>
          <Said text={`${override.by}, ${override.instead}: ${override.reason}`} />
        </p>
      )}
      {closedAt !== undefined && (
        <p class="soft">
          <When at={closedAt} />
        </p>
      )}
    </div>
  );
}
