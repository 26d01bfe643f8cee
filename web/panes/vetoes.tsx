/** *Decisions*, what happens unless somebody vetoes it: actions that can be vetoed, and one action at the gate. */
import { useState } from 'preact/hooks';
import type { Action as ActionSchema, actions, ActionSummary as Summary } from '../../contract/oversight/actions';
import type { Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { asOf, linkTo, linkToStream, place } from '../lib/route';
import { me } from '../lib/session';
import { placeOf } from '../lib/streams';
import { actionTone, Badge, impactTone } from '../parts/badge';
import { word } from '../parts/command';
import { CommandForm } from '../parts/command-form';
import { Facts, Section } from '../parts/facts';
import { History } from '../parts/history';
import { Json } from '../parts/json';
import { AsOf, Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { Away, When } from '../parts/when';
import { texts } from '../texts';
import { DecisionFrame } from './decision-frame';

type Action = ShownOf<typeof ActionSchema>;
type ActionSummary = ShownOf<typeof Summary>;

const LIMIT = 50;
const EVERY_MS = 10_000;
const { vetoes: words, decisions } = texts;

export function Vetoes({ id }: { readonly id: string | undefined }) {
  const page = place.value.query.get('page') ?? undefined;
  const loaded = useLoad(
    `${page}`,
    (signal) =>
      call<typeof actions.list>(
        'GET /v1/actions',
        { query: { status: 'veto_window', limit: LIMIT, continuation: page } },
        { signal },
      ),
    { changedBy: ['action'], everyMs: EVERY_MS },
  );
  const named = id === undefined ? 'ACTION' : word(id);
  return (
    <DecisionFrame
      at="vetoes"
      id={id}
      of={loaded}
      rest={['actions']}
      query={{ page }}
      empty={{ title: words.empty, text: words.emptyText, commands: ['npx formicary oversight'] }}
      label={words.list}
      isOfNow
      row={(row) => <VetoRow key={row.id} row={row} shown={row.id === id} page={page} />}
      commands={[
        'npx formicary actions --status veto_window',
        `npx formicary actions ${named}`,
        `npx formicary veto ${named} --reason WHY`,
      ]}
    >
      {id !== undefined && <ActionPage key={id} id={id} />}
    </DecisionFrame>
  );
}

interface RowProps {
  readonly row: ActionSummary;
  readonly shown: boolean;
  readonly page: string | undefined;
}

function VetoRow({ row: { id, kind, impact, proposed_by, proposed_at, veto_until: until }, shown, page }: RowProps) {
  return (
    <li>
      <a
        class="row"
        data-row
        href={linkTo('decisions', ['actions', id], { page })}
        aria-current={shown ? 'true' : undefined}
      >
        <Badge tone={impactTone(impact)} text={impact} />
        <span class="grow">
          <strong>
            <Said text={kind} most={80} />
          </strong>{' '}
          <Code text={id} />
          <span class="soft">
            <Said text={proposed_by} most={120} /> · <Away at={proposed_at} />
          </span>
        </span>
        {until !== null && <Away at={until} />}
      </a>
    </li>
  );
}

function ActionPage({ id }: { readonly id: string }) {
  const at = asOf.value;
  const loaded = useLoad(
    id,
    (signal) =>
      call<typeof actions.get>(
        'GET /v1/actions/{action_id}',
        { params: { action_id: id }, query: { asOf: at } },
        { signal },
      ),
    { changedBy: ['action'], asOf: at },
  );
  const [said, setSaid] = useState('');
  return (
    <article class="decision">
      <p class="crumbs">
        <a href={linkTo('decisions', ['actions'])}>{words.title}</a>
      </p>
      <Shown of={loaded}>
        {(action) => (
          <>
            <p class="lead">
              <Badge tone={actionTone(action.status)} text={action.status} /> <Said text={action.kind} />
            </p>
            <h2 class="asked" tabIndex={-1}>
              <Said text={action.why} />
            </h2>
            <ActionFacts action={action} />
            <Section title={decisions.action}>
              <Json value={action.action} label={decisions.action} />
            </Section>
            <p class="soft hash">
              {decisions.hash} <Code text={action.hash.slice(0, 12)} /> · <AsOf of={loaded} />
            </p>
            <p role="status" class="said-done">
              {said}
            </p>
            {at === undefined && mayVeto(action) && (
              <CommandForm
                title={words.veto}
                tone="bad"
                onSend={async (reason) => {
                  const { receipt } = await call<typeof actions.veto>('POST /v1/actions/{action_id}/veto', {
                    params: { action_id: id },
                    body: { reason },
                  });
                  setSaid(`${words.done}: ${decisions.receipt(`${receipt.stream}@${receipt.version}`)}`);
                  loaded.reload();
                }}
              />
            )}
            <Section title={texts.tasks.timeline}>
              <History category="action" id={id} version={action.version} />
            </Section>
          </>
        )}
      </Shown>
    </article>
  );
}

function ActionFacts({ action }: { readonly action: Action }) {
  const { status, proposed_by, proposed_at, confidence, impact, risk, veto_until: until, held, target } = action;
  const { cleared, stopped, challenge, executed } = action;
  const waits = status === 'veto_window';
  const asking = held && placeOf(held.ref)?.stream;
  const said = (by: string, reason: string) => <Said text={`${by}: ${reason}`} />;
  return (
    <Facts
      of={[
        [words.by, <Code text={proposed_by} />],
        [words.at, <When at={proposed_at} />],
        [decisions.impact, `${impact}, ${decisions.risk.toLowerCase()} ${risk}`],
        [words.confidence, `${Math.round(confidence * 100)} %`],
        [decisions.left, waits && until !== undefined && <Away at={until} />],
        [words.otherwise, waits && words.otherwiseOf],
        [words.doubted, challenge && said(challenge.by, challenge.reason)],
        [
          words.held,
          asking && (
            <a href={linkToStream(asking)}>
              <Code text={asking} />
            </a>
          ),
        ],
        [words.cleared, cleared && <Said text={cleared.by} />],
        [words.stopped, stopped && said(stopped.by, stopped.reason)],
        [
          words.executed,
          executed && (
            <>
              <Code text={executed.by} /> <When at={executed.at} />
            </>
          ),
        ],
        [
          'stream',
          target && (
            <a href={linkToStream(target)}>
              <Code text={target} />
            </a>
          ),
        ],
      ]}
    />
  );
}

/** Until it is taken; by a person. The host has the last word. */
function mayVeto({ status, cleared }: Action): boolean {
  const isOpen = status === 'veto_window' || (status === 'cleared' && cleared?.by === 'veto-window-passed');
  return isOpen && me.value?.kind === 'human';
}
