/** *Agents*: up to 12,000 at a glance, in groups; each cell is one. */
import { useState } from 'preact/hooks';
import { type AgentSummary, allAgents } from '../lib/all-agents';
import { useLoad } from '../lib/load';
import { go, linkTo, place } from '../lib/route';
import { SameCommand } from '../parts/command';
import { Empty } from '../parts/empty';
import { AsOf, Shown } from '../parts/outcome';
import { FindById } from '../parts/pages';
import { Code, Said } from '../parts/said';
import { texts } from '../texts';
import { AgentsGrid } from './agents-grid';
import { CELL_KINDS } from './cells';

const GROUPS = ['pool', 'agent_type', 'location'] as const;
type Grouping = (typeof GROUPS)[number];

export interface Group {
  readonly name: string;
  readonly agents: readonly AgentSummary[];
}

/** A thousand are a tenth of a megabyte: large colonies are asked for less often. */
const EVERY_MS = 10_000;
const { agents: words } = texts;

/** Agents name their pool, type and place themselves: of more groups the largest are shown, and the rest as one. */
const MOST_GROUPS = 60;

/** Groups by name, agents in them by id: a cell stays where it is. */
function grouped(found: readonly AgentSummary[], by: Grouping): Group[] {
  const groups = [...Map.groupBy(found, (agent) => agent[by] ?? words.noPlace)]
    .map(([name, agents]) => ({ name, agents }))
    .sort((a, b) => b.agents.length - a.agents.length || (a.name < b.name ? -1 : 1));
  const shown = groups.slice(0, MOST_GROUPS).sort((a, b) => (a.name < b.name ? -1 : 1));
  const rest = groups.slice(MOST_GROUPS);
  return rest.length === 0
    ? shown
    : [...shown, { name: words.otherGroups(rest.length), agents: rest.flatMap(({ agents }) => agents) }];
}

export function Agents() {
  const by = GROUPS.find((name) => name === place.value.query.get('by')) ?? 'pool';
  const loaded = useLoad('agents', allAgents, { everyMs: EVERY_MS });
  return (
    <>
      <header class="pane-head">
        <h1 tabIndex={-1}>{words.title}</h1>
        <FindById label={words.find} onFind={(id) => go(linkTo('agents', [id]))} />
      </header>
      <nav class="tabs" aria-label={words.group}>
        {GROUPS.map((name) => (
          <a
            key={name}
            href={linkTo('agents', [], { by: name === 'pool' ? undefined : name })}
            aria-current={name === by ? 'true' : undefined}
          >
            {words.groups[name]}
          </a>
        ))}
      </nav>
      <Shown of={loaded}>
        {({ agents: found, cut }) =>
          found.length === 0 ? (
            <Empty title={words.empty} text={words.emptyText} commands={['npx formicary init typescript my-agent']} />
          ) : (
            <Colony groups={grouped(found, by)} count={found.length} cut={cut} />
          )
        }
      </Shown>
      <p>
        <AsOf of={loaded} />
      </p>
      <SameCommand lines={['npx formicary agents', 'npx formicary pools']} />
    </>
  );
}

interface ColonyProps {
  readonly groups: readonly Group[];
  readonly count: number;
  readonly cut: boolean;
}

function Colony({ groups, count, cut }: ColonyProps) {
  const [selected, setSelected] = useState<AgentSummary | undefined>(undefined);
  return (
    <>
      <div class="legend" role="group" aria-label={words.legendTitle}>
        <strong>{words.count(count)}</strong>
        {CELL_KINDS.map((kind) => (
          <span key={kind}>
            <i class="cell" data-kind={kind} /> {words.legend[kind]}
          </span>
        ))}
        <span class="soft">{words.flash}</span>
      </div>
      <AgentsGrid groups={groups} onSelect={setSelected} onOpen={({ id }) => go(linkTo('agents', [id]))} />
      <p class="selected" role="status">
        {selected === undefined ? (
          <span class="soft">{words.grid}</span>
        ) : (
          <>
            <a href={linkTo('agents', [selected.id])}>
              <Code text={selected.id} />
            </a>{' '}
            <Said text={`${selected.agent_type}, ${selected.status}, ${selected.slots} of ${selected.capacity}`} />
          </>
        )}
      </p>
      {cut && <p class="soft">{words.cut(count)}</p>}
      <details class="same-table">
        <summary>{words.table}</summary>
        <ul class="rows">
          {groups.map(({ name, agents: of }) => {
            const active = of.filter(({ status }) => status === 'active').length;
            const lost = of.filter(({ status }) => status === 'lost').length;
            return (
              <li key={name} class="row">
                <span class="grow">
                  <Code text={name} />
                </span>
                <span>{words.inGroup(active, lost)}</span>
              </li>
            );
          })}
        </ul>
      </details>
    </>
  );
}
