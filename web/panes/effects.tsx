/** The tree of causes and effects around a task, drawn as a tree. */
import { useState } from 'preact/hooks';
import { factsOf } from '../../cli/facts';
import type { CausalNode as NodeSchema, receipts } from '../../contract/audit/receipts';
import type { Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { linkToStream } from '../lib/route';
import { placeOf } from '../lib/streams';
import { clockTime } from '../lib/time';
import { Section } from '../parts/facts';
import { Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { texts } from '../texts';

type Node = ShownOf<typeof NodeSchema>;

/** As many nodes are drawn; the rest is a command away. */
const MOST = 300;
const { tasks: words } = texts;

export function Effects({ id }: { readonly id: string }) {
  const [open, setOpen] = useState(false);
  return (
    <Section title={words.effects}>
      {open ? (
        <Tree id={id} />
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          {words.effects}
        </button>
      )}
    </Section>
  );
}

function Tree({ id }: { readonly id: string }) {
  const loaded = useLoad(id, (signal) => call<typeof receipts.why>('GET /v1/why', { query: { id } }, { signal }));
  return (
    <Shown of={loaded}>
      {({ roots, complete, commits }) => (
        <>
          <Branches nodes={roots} left={{ n: MOST }} />
          {(!complete || commits > MOST) && <p class="soft">{words.effectsCut}</p>}
        </>
      )}
    </Shown>
  );
}

function Branches({ nodes, left }: { readonly nodes: readonly Node[]; readonly left: { n: number } }) {
  const shown = nodes.filter(() => left.n-- > 0);
  if (shown.length === 0) return null;
  return (
    <ul class="tree">
      {shown.map((node) => (
        <li key={node.receipt}>
          <Line node={node} />
          <Branches nodes={node.effects} left={left} />
        </li>
      ))}
    </ul>
  );
}

function Line({ node: { receipt, at, actor, events } }: { readonly node: Node }) {
  const place = placeOf(receipt);
  return (
    <div class="tree-line">
      <span class="when">{clockTime(at)}</span>{' '}
      {events.map((event, i) => (
        <span key={i}>
          <strong>
            <Said text={event.type} most={80} />
          </strong>{' '}
          <Said text={factsOf({ type: event.type, data: event.data })} most={160} />{' '}
        </span>
      ))}
      {place !== undefined && (
        <a href={linkToStream(place.stream)}>
          <Code text={receipt} />
        </a>
      )}{' '}
      <span class="soft">
        <Said text={actor} most={120} />
      </span>
    </div>
  );
}
