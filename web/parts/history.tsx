/** The receipts of one stream, the newest first, page by page: however long it is, no more is read than is shown. */
import { useEffect, useState } from 'preact/hooks';
import type { receipts } from '../../contract/audit/receipts';
import { call } from '../lib/api';
import type { Commit } from '../lib/live';
import { useLoad } from '../lib/load';
import { texts } from '../texts';
import { Shown } from './outcome';
import { ReceiptList } from './receipt-list';

const PAGE = 50;

interface Props {
  readonly category: string;
  readonly id: string;
  /** Index of the newest receipt. */
  readonly version: number;
}

export function History({ category, id, version }: Props) {
  const [older, setOlder] = useState(0);
  useEffect(() => setOlder(0), [category, id]);
  const from = Math.max(0, version + 1 - PAGE * (older + 1));
  const loaded = useLoad(`${category}/${id} ${older}`, (signal) => range(category, id, { from, to: version }, signal), {
    version,
  });
  return (
    <Shown of={loaded}>
      {(commits) => (
        <>
          <ReceiptList commits={commits.toReversed()} ofOne />
          {from > 0 && (
            <button type="button" onClick={() => setOlder(older + 1)}>
              {texts.tasks.older}
            </button>
          )}
        </>
      )}
    </Shown>
  );
}

/** Receipts of a stream between two places in it. */
export async function range(
  category: string,
  id: string,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<Commit[]> {
  const commits: Commit[] = [];
  for (let next = from; next <= to;) {
    const { value } = await call<typeof receipts.stream>(
      'GET /v1/streams/{category}/{id}',
      { params: { category, id }, query: { continuation: String(next), limit: Math.min(500, to - next + 1) } },
      { signal },
    );
    if (value.length === 0) break;
    commits.push(...value);
    next += value.length;
  }
  return commits;
}
