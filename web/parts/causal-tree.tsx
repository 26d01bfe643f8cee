/** Causes and effects, drawn as a tree. */
import { factsOf } from '../../cli/facts';
import type { CausalNode as NodeSchema, receipts } from '../../contract/audit/receipts';
import type { AnswerOf, Shown } from '../../contract/route';
import { linkToStream } from '../lib/route';
import { placeOf } from '../lib/streams';
import { clockTime } from '../lib/time';
import { texts } from '../texts';
import { Code, Said } from './said';

type Node = Shown<typeof NodeSchema>;

/** As many nodes are drawn; the rest is a command away. */
const MOST = 300;

/** What the host answers to why something is so. */
export type CausalChain = AnswerOf<typeof receipts.why>;

export function CausalTree({ chain: { roots, complete, commits } }: { readonly chain: CausalChain }) {
  return (
    <>
      <Branches nodes={roots} left={{ n: MOST }} />
      {(!complete || commits > MOST) && <p class="soft">{texts.tasks.effectsCut}</p>}
    </>
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
