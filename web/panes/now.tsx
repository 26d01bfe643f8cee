/** *Now*: is the colony well, what needs a person, what does not move, what happens. */
import { useEffect, useState } from 'preact/hooks';
import type { pools } from '../../contract/market/pools';
import type { system } from '../../contract/operation/system';
import type { approvals } from '../../contract/oversight/approvals';
import type { AnswerOf } from '../../contract/route';
import type { stops } from '../../contract/stops/stops';
import { call } from '../lib/api';
import { type Commit, onCommits, rates } from '../lib/live';
import { useLoad } from '../lib/load';
import { linkTo } from '../lib/route';
import { span } from '../lib/time';
import { Badge, impactTone, Shape } from '../parts/badge';
import { SameCommand } from '../parts/command';
import { Empty } from '../parts/empty';
import { Section } from '../parts/facts';
import { AsOf, Shown } from '../parts/outcome';
import { ReceiptList } from '../parts/receipt-list';
import { Code, Said } from '../parts/said';
import { Spark } from '../parts/spark';
import { summaryOf } from '../parts/summary';
import { Away } from '../parts/when';
import { texts } from '../texts';
import { type Health, judge, type Seen } from './health';

interface All extends Seen {
  readonly pools: AnswerOf<typeof pools.list>;
}

const CHANGED_BY = ['task', 'agent', 'approval', 'stop', 'pool'];
const EVERY_MS = 5_000;
const MOST_APPROVALS = 20;
const MOST_RECEIPTS = 8;
const BEGIN = ['npx formicary init typescript my-agent', 'npx formicary post finance.reconciliation'];

async function all(signal: AbortSignal): Promise<All> {
  const options = { signal };
  const [health, status, waiting, stopped, loads] = await Promise.all([
    healthOf(signal),
    call<typeof system.status>('GET /v1/status', {}, options),
    call<typeof approvals.list>('GET /v1/approvals', { query: { limit: MOST_APPROVALS } }, options),
    call<typeof stops.list>('GET /v1/stops', {}, options),
    call<typeof pools.list>('GET /v1/pools', {}, options),
  ]);
  return { health, status, approvals: waiting, stops: stopped, pools: loads };
}

/** It answers 503 when the host is not ready, and says why. */
async function healthOf(signal: AbortSignal): Promise<Health> {
  const response = await fetch('/health/ready', { signal, cache: 'no-store' });
  return (await response.json()) as Health;
}

export function Now() {
  const loaded = useLoad('now', all, { changedBy: CHANGED_BY, everyMs: EVERY_MS });
  return (
    <>
      <h1 tabIndex={-1}>{texts.now.title}</h1>
      <Shown of={loaded}>
        {(seen) => (
          <>
            <VerdictView seen={seen} />
            {isNew(seen) && <Empty title={texts.now.begin} text={texts.now.beginText} commands={BEGIN} />}
            <Numbers seen={seen} />
            <div class="columns">
              <Needs seen={seen} />
              <Stuck seen={seen} />
            </div>
          </>
        )}
      </Shown>
      <Happens />
      <p>
        <AsOf of={loaded} />
      </p>
      <SameCommand lines={['npx formicary doctor', 'npx formicary status', 'npx formicary tail']} />
    </>
  );
}

/** Nobody works here, and nothing waits. */
function isNew({ status, pools: loads, approvals: waiting }: All): boolean {
  return loads.value.length === 0 && status.open_tasks === 0 && waiting.value.length === 0;
}

function VerdictView({ seen }: { readonly seen: All }) {
  const { tone, sentence, reasons } = judge(seen);
  return (
    <div class="verdict" data-tone={tone} role="status">
      <p class="sentence">
        <Shape tone={tone} />
        {sentence}
      </p>
      {reasons.length > 0 && (
        <ul class="reasons">
          {reasons.map(({ tone: of, text, detail, to }) => (
            <li key={text}>
              <Shape tone={of} />
              <span>
                {to === undefined ? <Said text={text} /> : <a href={to}>{text}</a>}
                {detail !== undefined && (
                  <span class="soft">
                    {' '}
                    <Said text={detail} most={300} />
                  </span>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Numbers({ seen: { status, approvals: waiting, pools: loads } }: { readonly seen: All }) {
  const { now } = texts;
  const sum = (of: 'agents' | 'slots' | 'capacity') => loads.value.reduce((total, { sample }) => total + sample[of], 0);
  const [slots, capacity] = [sum('slots'), sum('capacity')];
  const behind = status.feed.find(({ consumer }) => consumer === 'views')?.lag;
  return (
    <dl class="numbers" aria-label={now.numbers}>
      <Rate />
      <Figure name={now.agents} value={sum('agents')} hint={now.agentsHint(loads.value.length)} to={linkTo('agents')} />
      <Figure
        name={now.load}
        value={capacity === 0 ? '—' : `${Math.round((100 * slots) / capacity)} %`}
        hint={now.loadHint(slots.toLocaleString('en'), capacity.toLocaleString('en'))}
      />
      <Figure name={now.open} value={status.open_tasks} hint={now.openHint} to={linkTo('tasks')} />
      <Figure
        name={now.decisions}
        value={`${waiting.value.length}${waiting.nextLink === undefined ? '' : '+'}`}
        hint={now.decisionsHint}
        to={linkTo('decisions')}
      />
      <Figure name={now.behind} value={behind ?? '—'} hint={now.behindHint} />
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: number | string;
  readonly hint: string;
  readonly to?: string;
}

function Figure({ name, value, hint, to }: FigureProps) {
  return (
    <div class="figure">
      <dt>{to === undefined ? name : <a href={to}>{name}</a>}</dt>
      <dd>
        <span class="value">{typeof value === 'number' ? value.toLocaleString('en') : value}</span>
        <span class="soft">{hint}</span>
      </dd>
    </div>
  );
}

function Rate() {
  const values = rates.value;
  return (
    <div class="figure">
      <dt>{texts.now.rate}</dt>
      <dd>
        <span class="value">{(values.at(-1) ?? 0).toLocaleString('en')}</span>
        <Spark values={values} />
        <span class="soft">{texts.now.rateHint}</span>
      </dd>
    </div>
  );
}

function Needs({ seen: { approvals: waiting, stops: stopped } }: { readonly seen: All }) {
  return (
    <Section title={texts.now.needs}>
      {waiting.value.length + stopped.value.length === 0 && <p class="soft">{texts.now.needsNone}</p>}
      <ul class="rows">
        {waiting.value.slice(0, MOST_RECEIPTS).map(({ id, severity, summary, kind, deadline }) => (
          <li key={id}>
            <a class="row" href={linkTo('decisions', [id])}>
              <Badge tone={impactTone(severity)} text={severity} />
              <span class="grow">
                <strong>
                  <Said text={kind} most={80} />
                </strong>{' '}
                <Said text={summaryOf(kind, summary).matter} most={160} />
              </span>
              <Away at={deadline} />
            </a>
          </li>
        ))}
        {stopped.value.slice(0, MOST_RECEIPTS).map(({ kind, name, effect, by, reason }) => (
          <li key={`${kind} ${name}`} class="row">
            <Badge tone="look" text={effect} />
            <span class="grow">
              <strong>
                <Said text={`${kind} ${name}`} most={160} />
              </strong>{' '}
              <Said text={`${by}: ${reason}`} most={160} />
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Stuck({ seen: { status } }: { readonly seen: All }) {
  const { groups, looked_at: looked, open } = status.waiting;
  return (
    <Section title={texts.now.stuck} aside={groups.length === 0 ? undefined : texts.now.stuckOf(looked, open)}>
      {groups.length === 0 && <p class="soft">{texts.now.stuckNone}</p>}
      <ul class="rows">
        {groups.map(({ code, count, example, text, waited_seconds: waited }) => (
          <li key={code}>
            <a class="row" href={linkTo('tasks', [example])}>
              <span class="count">{count.toLocaleString('en')}</span>
              <span class="grow">
                <Code text={code} /> <Said text={text} most={200} />
              </span>
              <span class="when" title={texts.now.oldest}>
                {span(waited)}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** The newest receipts; before the first one, how to begin. */
function Happens() {
  const [commits, setCommits] = useState<readonly Commit[]>([]);
  useEffect(
    () => onCommits((come) => setCommits((before) => [...come.toReversed(), ...before].slice(0, MOST_RECEIPTS))),
    [],
  );
  return (
    <Section title={texts.now.happens}>
      {commits.length === 0 ? (
        <Empty title={texts.now.happensNone} commands={['npx formicary post finance.reconciliation']} />
      ) : (
        <ReceiptList commits={commits} />
      )}
    </Section>
  );
}
