/** One stream: its receipts, one of them whole, and its chain verified in this browser. */
import { useEffect, useState } from 'preact/hooks';
import type { receipts } from '../../contract/audit/receipts';
import { call } from '../lib/api';
import type { Failure } from '../lib/failure';
import type { Commit } from '../lib/live';
import { useLoad } from '../lib/load';
import { type Fault, faultsIn } from '../lib/receipt-check';
import { linkTo, linkToStream, place } from '../lib/route';
import { placeOf } from '../lib/streams';
import { Badge } from '../parts/badge';
import { SameCommand } from '../parts/command';
import { Facts, Section } from '../parts/facts';
import { range } from '../parts/history';
import { Json } from '../parts/json';
import { Problem, Shown } from '../parts/outcome';
import { ReceiptList } from '../parts/receipt-list';
import { Code, Said } from '../parts/said';
import { When } from '../parts/when';
import { texts } from '../texts';

const AROUND = 25;
const PAGE = 200;
const MOST_FAULTS = 50;
const { receipts: words } = texts;

interface Props {
  readonly category: string;
  readonly id: string;
}

export function StreamPage({ category, id }: Props) {
  const given = place.value.query.get('at') ?? '';
  const index = /^\d{1,15}$/.test(given) ? Number(given) : 0;
  const from = Math.max(0, index - AROUND);
  const loaded = useLoad(`${category}/${id} ${from}`, (signal) =>
    range(category, id, { from, to: index + AROUND }, signal),
  );
  return (
    <>
      <p class="crumbs">
        <a href={linkTo('receipts')}>{words.title}</a>
      </p>
      <h1 tabIndex={-1}>
        <Code text={`${category}/${id}`} />
      </h1>
      <Verify category={category} id={id} />
      <Shown of={loaded}>
        {(commits) => {
          const chosen = commits.find((commit) => commit.index === index);
          return (
            <>
              {chosen !== undefined && <Whole commit={chosen} />}
              <Section title={words.newest}>
                <ReceiptList commits={commits.toReversed()} ofOne />
              </Section>
            </>
          );
        }}
      </Shown>
      <SameCommand lines={['npx formicary why RECEIPT', 'npx formicary proof RECEIPT', 'npx formicary verify']} />
    </>
  );
}

function Whole({ commit }: { readonly commit: Commit }) {
  const { stream, index, at, meta, hash } = commit;
  const cause = meta.causationId === undefined ? undefined : placeOf(meta.causationId);
  return (
    <Section title={`${words.details}: ${index}`}>
      <Facts
        of={[
          ['at', <When at={at} />],
          [
            'actor',
            <Said
              text={`${meta.actor.id} (${meta.actor.kind})${meta.actor.via === undefined ? '' : `, via ${meta.actor.via}`}`}
            />,
          ],
          ['action', <Code text={meta.action} />],
          ['policy', <Said text={meta.policy.decision} />],
          [
            words.cause,
            cause && (
              <a href={linkTo('receipts', cause.stream.split('/').slice(1), { at: String(cause.index) })}>
                <Code text={meta.causationId ?? ''} />
              </a>
            ),
          ],
          ['hash', <Code text={hash} />],
          [
            'page',
            <a href={linkToStream(stream)}>
              <Code text={stream} />
            </a>,
          ],
        ]}
      />
      <Json value={commit} label={words.details} />
    </Section>
  );
}

interface Checked {
  readonly count: number;
  readonly faults: readonly Fault[];
  readonly done: boolean;
}

function Verify({ category, id }: Props) {
  const [state, setState] = useState<Checked | undefined>(undefined);
  const [failure, setFailure] = useState<Failure | undefined>(undefined);
  const [over, setOver] = useState<AbortController | undefined>(undefined);
  useEffect(() => () => over?.abort(), [over]);
  const begin = () => {
    const stop = new AbortController();
    setOver(stop);
    setFailure(undefined);
    verify(category, id, stop.signal, setState)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setFailure(error as Failure);
      })
      .finally(() => setOver(undefined));
  };
  return (
    <div class="note" data-tone={state?.faults.length ? 'bad' : state?.done === true ? 'good' : 'quiet'}>
      <p class="soft">{words.verifyText}</p>
      {over === undefined ? (
        <button type="button" onClick={begin}>
          {words.verify}
        </button>
      ) : (
        <button type="button" onClick={() => over.abort()}>
          {words.stop}
        </button>
      )}
      <div role="status">
        {state !== undefined && !state.done && <p>{words.verifying(state.count)}</p>}
        {state?.done === true && state.faults.length === 0 && (
          <p>
            <Badge tone="good" text={words.holds(state.count)} />
          </p>
        )}
        {state !== undefined && state.faults.length > 0 && (
          <>
            <p>
              <Badge tone="bad" text={words.broken(state.faults.length)} />
            </p>
            <ul>
              {state.faults.slice(0, MOST_FAULTS).map(({ index, kind }, i) => (
                <li key={i}>
                  {index}: {words.faults[kind]}
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
      {failure !== undefined && <Problem failure={failure} />}
    </div>
  );
}

/** Page by page from the first receipt, so that a long stream shows how far it is and can be given up. */
async function verify(
  category: string,
  id: string,
  signal: AbortSignal,
  onState: (state: Checked) => void,
): Promise<void> {
  let before: Commit | undefined;
  let count = 0;
  const faults: Fault[] = [];
  for (;;) {
    signal.throwIfAborted();
    const query = { limit: PAGE, ...(count > 0 && { continuation: String(count) }) };
    const { value, nextLink } = await call<typeof receipts.stream>(
      'GET /v1/streams/{category}/{id}',
      { params: { category, id }, query },
      { signal },
    );
    faults.push(...(await faultsIn(value, before)));
    before = value.at(-1) ?? before;
    count += value.length;
    const done = nextLink === undefined || value.length === 0;
    onState({ count, faults, done });
    if (done) return;
  }
}
