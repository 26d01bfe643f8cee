/** Chains of commits to write into stores, and how to check what came out of them. */
import {
  canonicalize,
  type ChainFault,
  ChainVerifier,
  type Commit,
  type CommitMeta,
  seal,
  type SealedCommit,
  type UnsealedCommit,
} from '../../domain/kernel/commit';
import type { Event } from '../../domain/kernel/decider';
import { plusSeconds, toTime } from '../../domain/kernel/time';

export const EPOCH = '2026-11-21T10:00:00.000Z';

let tenants = 0;

/** A tenant that no other test uses, so that one store can serve a whole suite. */
export function newTenant(): string {
  tenants += 1;
  return `t${process.pid.toString(36)}${Date.now().toString(36)}-${tenants}`;
}

export const META: CommitMeta = {
  actor: { id: 'agent-1', kind: 'agent' },
  action: 'test.write',
  correlationId: 'correlation-1',
  depth: 0,
  id: 'decision',
  policy: { bundle: 'b'.repeat(64), input: 'i'.repeat(64), decision: 'allow' },
};

export function event(data: unknown = {}): Event {
  return { type: 'Happened', v: 1, data };
}

/** The first so many indexes. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The commit after `previous` in a stream. */
export function nextCommit(
  stream: string,
  previous: Pick<Commit, 'index' | 'hash' | 'at'> | undefined,
  data: unknown = {},
  meta: Partial<CommitMeta> = {},
): SealedCommit {
  return seal({
    stream,
    index: previous === undefined ? 0 : previous.index + 1,
    events: [event(data)],
    meta: { ...META, ...meta },
    at: previous === undefined ? EPOCH : plusSeconds(previous.at, 1),
    previousHash: previous?.hash ?? null,
  });
}

/** `count` commits after `previous`; the data of each is made by `data`. */
export function chain(
  stream: string,
  count: number,
  previous?: Pick<Commit, 'index' | 'hash' | 'at'>,
  data: (index: number) => unknown = (n) => ({ n }),
): SealedCommit[] {
  const commits: SealedCommit[] = [];
  let last = previous;
  for (let i = 0; i < count; i += 1) {
    const sealed = nextCommit(stream, last, data((last?.index ?? -1) + 1));
    commits.push(sealed);
    last = sealed.commit;
  }
  return commits;
}

/** A commit whose canonical form has exactly `bytes` bytes; `filler` has to be one character. */
export function commitOfSize(stream: string, bytes: number, filler = 'x'): SealedCommit {
  const empty = Buffer.byteLength(nextCommit(stream, undefined, { filler: '' }).body);
  const width = Buffer.byteLength(filler);
  const count = Math.floor((bytes - empty) / width);
  return nextCommit(stream, undefined, { filler: filler.repeat(count) + 'x'.repeat(bytes - empty - count * width) });
}

/** What a verifier would find, going by the commits alone. */
export function faultsOf(stream: string, commits: readonly Commit[]): ChainFault[] {
  const verifier = new ChainVerifier(stream);
  return commits.flatMap(({ hash, ...unsealed }) =>
    verifier.next({ index: unsealed.index, body: canonicalize(unsealed satisfies UnsealedCommit), hash }),
  );
}

/** A time that nothing reaches. */
export const NEVER = toTime(Date.UTC(9999, 11, 31));
