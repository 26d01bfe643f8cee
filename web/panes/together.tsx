/**
 * Several decisions of low impact in one go. Each is bound to the hash that the person has seen when choosing it, and
 * each is decided or refused by itself.
 */
import { useEffect, useState } from 'preact/hooks';
import type { approvals } from '../../contract/oversight/approvals';
import { call } from '../lib/api';
import { type Failure, failureIn } from '../lib/failure';
import { onKey } from '../lib/keys';
import { Problem } from '../parts/outcome';
import { Said } from '../parts/said';
import { texts } from '../texts';
import type { ApprovalSummary } from './decisions';

const MAX_TEXT = 2_000;
const { decisions: words } = texts;
const { together: said } = words;

/** What may be decided together with others: the host takes no more impact, and a choice is each one's own. */
export function isTogether({ impact, status, choices }: ApprovalSummary): boolean {
  return impact === 'low' && status === 'waiting' && choices === null;
}

/** Which are chosen, each with the hash of what was seen then. */
export interface TogetherChosen {
  readonly hashes: ReadonlyMap<string, string>;
  readonly has: (id: string) => boolean;
  readonly toggle: (row: ApprovalSummary) => void;
  readonly set: (rows: readonly ApprovalSummary[]) => void;
}

export function useTogether(): TogetherChosen {
  const [hashes, setHashes] = useState<ReadonlyMap<string, string>>(new Map());
  return {
    hashes,
    has: (id) => hashes.has(id),
    toggle: ({ id, hash }) => {
      const next = new Map(hashes);
      if (!next.delete(id)) next.set(id, hash);
      setHashes(next);
    },
    set: (rows) => setHashes(new Map(rows.map(({ id, hash }) => [id, hash]))),
  };
}

interface Props {
  readonly of: TogetherChosen;
  readonly rows: readonly ApprovalSummary[];
  readonly onDone: () => void;
}

export function Together({ of: chosen, rows, onDone }: Props) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | undefined>(undefined);
  const [done, setDone] = useState<Done | undefined>(undefined);
  const possible = rows.filter(isTogether);
  // What somebody else has decided meanwhile is gone from the queue.
  const items = possible.flatMap(({ id }) => {
    const hash = chosen.hashes.get(id);
    return hash === undefined ? [] : [{ id, hash }];
  });
  useEffect(() =>
    onKey('b', () => {
      const id = document.activeElement?.getAttribute('data-together');
      const row = possible.find((one) => one.id === id);
      if (row !== undefined) chosen.toggle(row);
    }),
  );
  const send = async (decision: 'approve' | 'reject') => {
    setBusy(true);
    setFailure(undefined);
    try {
      const { value } = await call<typeof approvals.bulk>('POST /v1/approvals/bulk', {
        body: { decision, items, reason },
      });
      const refused = value.filter(({ ok }) => !ok);
      const count = value.length - refused.length;
      setDone({
        text: decision === 'approve' ? said.approved(count) : said.rejected(count),
        refused: refused.map(({ problem }) => problem?.detail ?? ''),
      });
      chosen.set([]);
      setReason('');
      onDone();
    } catch (error) {
      setFailure(failureIn(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <div role="status">
        {done !== undefined && (
          <>
            <p class="said-done">{done.text}</p>
            {done.refused.length > 0 && <p>{said.partly(done.refused.length)}</p>}
            <ul>
              {done.refused.map((why, i) => (
                <li key={i}>
                  <Said text={why} />
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
      {possible.length > 1 && items.length < possible.length && (
        <p>
          <button type="button" class="plain" onClick={() => chosen.set(possible)}>
            {said.all(possible.length)}
          </button>
        </p>
      )}
      {items.length > 0 && (
        <form
          class="decide"
          aria-label={said.title}
          onSubmit={(event) => {
            event.preventDefault();
            void send(event.submitter?.getAttribute('value') === 'reject' ? 'reject' : 'approve');
          }}
        >
          <strong>{said.chosen(items.length)}</strong>
          <label>
            {words.reason}
            {/* Of several lines: Enter must not send it, as what it would send is an approval. */}
            <textarea
              required
              rows={2}
              maxLength={MAX_TEXT}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
          {failure !== undefined && <Problem failure={failure} />}
          <div class="decide-ways">
            <button type="submit" class="strong" data-tone="good" value="approve" disabled={busy}>
              {words.approve}
            </button>
            <button type="submit" class="strong" data-tone="bad" value="reject" disabled={busy}>
              {words.reject}
            </button>
            <button type="button" onClick={() => chosen.set([])}>
              {said.none}
            </button>
          </div>
        </form>
      )}
    </>
  );
}

interface Done {
  readonly text: string;
  /** Why the others were not. */
  readonly refused: readonly string[];
}
