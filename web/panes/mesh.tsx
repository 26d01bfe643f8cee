/** *Mesh*: who gives work to whom, as it happens. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { allAgents } from '../lib/all-agents';
import { type Commit, onCommits } from '../lib/live';
import { useLoad } from '../lib/load';
import { categoryOf, idOf } from '../lib/streams';
import { SameCommand } from '../parts/command';
import { Empty } from '../parts/empty';
import { Section } from '../parts/facts';
import { AsOf, Shown } from '../parts/outcome';
import { Said } from '../parts/said';
import { texts } from '../texts';
import { MeshPainter } from './mesh-painter';

const EVERY_MS = 30_000;
/** Tasks whose requester is remembered until they are awarded. */
const REMEMBERED = 20_000;
const MOST_PAIRS = 12;
/** Pairs that are counted: who asks chooses the name. Of more, those with the fewest awards are forgotten. */
const COUNTED = 1_000;
const { mesh: words } = texts;

export function Mesh() {
  const loaded = useLoad('mesh', allAgents, { everyMs: EVERY_MS });
  return (
    <>
      <h1 tabIndex={-1}>{words.title}</h1>
      <p class="soft">{words.intro}</p>
      <Shown of={loaded}>
        {({ agents }) =>
          agents.length === 0 ? (
            <Empty
              title={texts.agents.empty}
              text={texts.agents.emptyText}
              commands={['npx formicary init typescript my-agent']}
            />
          ) : (
            <Picture pools={new Map(agents.map(({ id, pool }) => [id, pool]))} />
          )
        }
      </Shown>
      <p>
        <AsOf of={loaded} />
      </p>
      <SameCommand lines={['npx formicary tail --category task', 'npx formicary pools']} />
    </>
  );
}

export interface Award {
  readonly requester: string;
  readonly agent: string;
}

function Picture({ pools }: { readonly pools: ReadonlyMap<string, string> }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<MeshPainter | undefined>(undefined);
  const [pairs, setPairs] = useState<ReadonlyMap<string, number>>(new Map());
  const requesters = useMemo(() => new Map<string, string>(), []);
  const known = useRef(pools);
  known.current = pools;

  useEffect(() => {
    const drawn = new MeshPainter(canvas.current as HTMLCanvasElement);
    painter.current = drawn;
    const sizes = new ResizeObserver(() => drawn.layOut());
    sizes.observe((canvas.current as HTMLCanvasElement).parentElement as HTMLElement);
    const leave = onCommits((commits) => {
      const awards = commits.flatMap((commit) => awardsIn(commit, requesters));
      if (awards.length === 0) return;
      for (const award of awards) drawn.pulse(award);
      setPairs((before) => counted(before, awards, known.current));
    });
    return () => {
      leave();
      sizes.disconnect();
      drawn.end();
    };
  }, []);
  const count = pools.size;
  useEffect(() => painter.current?.show(pools), [count]);

  const rows = [...pairs].sort(([, a], [, b]) => b - a).slice(0, MOST_PAIRS);
  return (
    <>
      <div class="grid-holder">
        <canvas ref={canvas} class="mesh" role="img" aria-label={words.picture} />
      </div>
      <Section title={words.awards}>
        {rows.length === 0 && <p class="soft">{words.awardsNone}</p>}
        <ul class="rows">
          {rows.map(([pair, times]) => (
            <li key={pair} class="row">
              <span class="grow">
                <Said text={pair} most={280} />
              </span>
              <span class="when">{words.times(times)}</span>
            </li>
          ))}
        </ul>
      </Section>
    </>
  );
}

/** Awards in a receipt; who has asked is noted when a task is posted. */
function awardsIn({ stream, events }: Commit, requesters: Map<string, string>): Award[] {
  if (categoryOf(stream) !== 'task') return [];
  const task = idOf(stream);
  const awards: Award[] = [];
  for (const { type, data } of events) {
    const { spec, agent } = data as { readonly spec?: { readonly requester?: string }; readonly agent?: string };
    if (type === 'TaskPosted' && spec?.requester !== undefined) note(requesters, task, spec.requester);
    if ((type === 'TaskAwarded' || type === 'TaskHandedOff') && agent !== undefined)
      awards.push({ requester: requesters.get(task) ?? words.unknown, agent });
  }
  return awards;
}

function note(requesters: Map<string, string>, task: string, requester: string): void {
  const oldest = requesters.size < REMEMBERED ? undefined : requesters.keys().next().value;
  if (oldest !== undefined) requesters.delete(oldest);
  requesters.set(task, requester);
}

function counted(
  before: ReadonlyMap<string, number>,
  awards: readonly Award[],
  pools: ReadonlyMap<string, string>,
): ReadonlyMap<string, number> {
  const pairs = new Map(before);
  for (const { requester, agent } of awards) {
    const pair = `${requester} → ${pools.get(agent) ?? agent}`;
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  }
  if (pairs.size <= COUNTED) return pairs;
  return new Map([...pairs].sort(([, a], [, b]) => b - a).slice(0, COUNTED / 2));
}
