/** *Tasks*: what there is to do, and why it does not move. */
import type { tasks, TaskSummary as Summary } from '../../contract/market/tasks';
import type { QueryOf, Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { go, linkTo, place } from '../lib/route';
import { now, span } from '../lib/time';
import { Badge, taskTone } from '../parts/badge';
import { SameCommand } from '../parts/command';
import { Empty } from '../parts/empty';
import { AsOf, Shown } from '../parts/outcome';
import { FindById, Pages } from '../parts/pages';
import { Code, Said } from '../parts/said';
import { When } from '../parts/when';
import { texts } from '../texts';

type TaskSummary = ShownOf<typeof Summary>;

const STATUSES = ['held', 'open', 'awarded', 'running', 'completed', 'dead', 'expired', 'cancelled'] as const;
const LIMIT = 50;
const EVERY_MS = 15_000;
const { tasks: words } = texts;

/** What the address asks for. By itself: what waits. */
function asked() {
  const { query } = place.value;
  const status = query.get('status') ?? 'waiting';
  const of = (name: string) => query.get(name) ?? undefined;
  return { status, type: of('type'), agent: of('agent'), page: of('page') };
}

export function Tasks() {
  const { status, type, agent, page } = asked();
  const query = {
    ...(status === 'waiting' && { sort: 'waiting' }),
    ...(status !== 'waiting' && status !== 'all' && { status }),
    ...{ task_type: type, agent, continuation: page, limit: LIMIT },
  } as QueryOf<typeof tasks.list>;
  const loaded = useLoad(
    JSON.stringify(query),
    (signal) => call<typeof tasks.list>('GET /v1/tasks', { query }, { signal }),
    { changedBy: ['task'], everyMs: EVERY_MS },
  );
  const to = (changes: Readonly<Record<string, string | undefined>>) =>
    linkTo('tasks', [], { status: status === 'waiting' ? undefined : status, type, agent, ...changes });
  return (
    <>
      <header class="pane-head">
        <h1 tabIndex={-1}>{words.title}</h1>
        <FindById label={words.find} onFind={(id) => go(linkTo('tasks', [id]))} />
      </header>
      <nav class="tabs" aria-label={words.view}>
        <Tab to={to({ status: undefined })} chosen={status === 'waiting'} text={words.waiting} />
        <Tab to={to({ status: 'all' })} chosen={status === 'all'} text={words.all} />
        {STATUSES.map((of) => (
          <Tab key={of} to={to({ status: of })} chosen={status === of} text={of} />
        ))}
      </nav>
      <div class="filters">
        <Filter label={words.type} value={type} onValue={(value) => go(to({ type: value }), 'replace')} />
        {status !== 'waiting' && (
          <Filter label={words.agent} value={agent} onValue={(value) => go(to({ agent: value }), 'replace')} />
        )}
      </div>
      <Shown of={loaded}>
        {({ value, nextLink }) => (
          <>
            {value.length === 0 ? <None waiting={status === 'waiting'} /> : <Table rows={value} />}
            <Pages page={page} nextLink={nextLink} onPage={(next) => go(to({ page: next }))} />
          </>
        )}
      </Shown>
      <p>
        <AsOf of={loaded} />
      </p>
      <SameCommand
        lines={[`npx formicary tasks${status === 'waiting' ? ' --stuck 0' : ''}`, 'npx formicary why TASK']}
      />
    </>
  );
}

function Tab({ to, chosen, text }: { readonly to: string; readonly chosen: boolean; readonly text: string }) {
  return (
    <a href={to} aria-current={chosen ? 'true' : undefined}>
      {text}
    </a>
  );
}

interface FilterProps {
  readonly label: string;
  readonly value: string | undefined;
  readonly onValue: (value: string | undefined) => void;
}

function Filter({ label, value, onValue }: FilterProps) {
  return (
    <label class="filter">
      <span>{label}</span>
      <input
        type="search"
        value={value ?? ''}
        maxLength={128}
        spellcheck={false}
        autocapitalize="off"
        onChange={(event) => onValue(event.currentTarget.value.trim() || undefined)}
      />
    </label>
  );
}

function None({ waiting }: { readonly waiting: boolean }) {
  return (
    <Empty
      title={waiting ? words.emptyWaiting : words.empty}
      text={words.emptyText}
      commands={['npx formicary post finance.reconciliation']}
    />
  );
}

function Table({ rows }: { readonly rows: readonly TaskSummary[] }) {
  const { columns } = words;
  return (
    <table class="table tasks">
      <thead>
        <tr>
          <th scope="col">{columns.task}</th>
          <th scope="col">{columns.status}</th>
          <th scope="col">{columns.why}</th>
          <th scope="col">{columns.waited}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((task) => (
          <Row key={task.id} task={task} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ task }: { readonly task: TaskSummary }) {
  const { id, task_type: type, status, why, agent, award, posted_at: posted, waited_seconds: waited } = task;
  return (
    <tr>
      <th scope="row">
        <a href={linkTo('tasks', [id])} data-row>
          <Code text={id} />
        </a>
        <span class="soft">
          <Said text={type} most={120} />
        </span>
      </th>
      <td>
        <Badge tone={taskTone(status)} text={status} />
      </td>
      <td class="grow">
        {why !== undefined ? (
          <>
            <Code text={why.code} /> <Said text={why.text} most={240} />
          </>
        ) : agent === null ? (
          <span class="soft">—</span>
        ) : (
          <a href={linkTo('agents', [agent])}>
            <Said text={words.heldBy(agent, award)} most={160} />
          </a>
        )}
      </td>
      <td class="when">{waitedFor(waited, status, posted) ?? (posted !== null && <When at={posted} />)}</td>
    </tr>
  );
}

/** How long a task that has not ended waits, or was waiting since it was posted. */
function waitedFor(waited: number | undefined, status: string, posted: string | null): string | undefined {
  if (waited !== undefined) return span(waited);
  const isOver = !['held', 'open', 'awarded', 'running'].includes(status);
  return isOver || posted === null ? undefined : span((now.value - Date.parse(posted)) / 1_000);
}
