/** Receipts in words: what happened, where, by whom. */
import { useMemo } from 'preact/hooks';
import { factsOf } from '../../cli/facts';
import type { Commit } from '../lib/live';
import { linkTo, linkToStream } from '../lib/route';
import { categoryOf, idOf } from '../lib/streams';
import { clockTime, dayTime, wholeTime } from '../lib/time';
import { Code, Said } from './said';

interface Props {
  readonly commits: readonly Commit[];
  /** Leaves out what stands in the heading: all are of one stream. */
  readonly ofOne?: boolean;
}

/** Words of one event in a list; all of them are in the receipt. */
const MOST = 240;

export function ReceiptList({ commits, ofOne = false }: Props) {
  return (
    <ol class="receipts" data-of-one={ofOne}>
      {commits.map((commit) => (
        <ReceiptRow key={commit.hash} commit={commit} ofOne={ofOne} />
      ))}
    </ol>
  );
}

/** A list that grows at its beginning draws the rows that it has no second time. */
function ReceiptRow({ commit, ofOne }: { readonly commit: Commit; readonly ofOne: boolean }) {
  return useMemo(() => <Receipt commit={commit} ofOne={ofOne} />, [commit, ofOne]);
}

function Receipt({ commit, ofOne }: { readonly commit: Commit; readonly ofOne: boolean }) {
  const { stream, index, at, events, meta } = commit;
  return (
    <li class="receipt">
      <a
        class="receipt-at"
        href={linkTo('receipts', [categoryOf(stream), idOf(stream)], { at: String(index) })}
        title={wholeTime(at)}
      >
        {ofOne ? dayTime(at) : clockTime(at)}
      </a>
      <span class="receipt-what">
        {events.map((event, i) => (
          <span key={i} class="event">
            <strong>
              <Said text={event.type} most={80} />
            </strong>{' '}
            <Said text={factsOf(event)} most={MOST} />
          </span>
        ))}
      </span>
      {!ofOne && (
        <a class="receipt-stream" href={linkToStream(stream)}>
          <Code text={`${categoryOf(stream)}/${idOf(stream)}`} />
        </a>
      )}
      <span class="receipt-who">
        <Said text={meta.actor.id} most={120} />
        {meta.policy.decision !== 'allow' && <em> {meta.policy.decision}</em>}
      </span>
    </li>
  );
}
