/**
 * A commit is what one decision appends to one stream: the receipt. It is immutable, at most 256 KB, and chained to
 * the commit before it by hash.
 *
 * `hash` = SHA-256, in lower-case hexadecimal, over the RFC 8785 (JSON Canonicalization Scheme) form, in UTF-8, of the
 * commit without `hash`. Those bytes are made once, stored as they are, and are what a verifier hashes again.
 */
import { hash as digest } from 'node:crypto';
import type { Event } from './decider';
import { commitRef, parseStream } from './ids';
import type { Level, PrincipalKind } from './principal';

/** Largest canonical form of a commit, in bytes. */
export const MAX_COMMIT_BYTES = 256 * 1024;

/** Largest number of commits that one append may carry (Cosmos DB: 100 operations a batch, one is the head). */
export const MAX_COMMITS_PER_APPEND = 99;

/** What policy may say of a command. */
export const POLICY_DECISIONS = ['allow', 'deny', 'needs_approval'] as const;

export interface PolicyReceipt {
  /** Which rules answered: the hash of the policy bundle. */
  readonly bundle: string;
  /** SHA-256 of what the rules were asked. */
  readonly input: string;
  readonly decision: (typeof POLICY_DECISIONS)[number];
  /** The rule of the bundle that answered; none did where the action is not known, or nobody was asked. */
  readonly entrypoint?: string;
  /** The action by which people have approved what policy wants approved. */
  readonly approval?: string;
  /** Receipts of earlier versions have none. */
  readonly facts?: PolicyFacts;
}

/** What the rules were asked that a receipt does not say anyway: with it the question can be put again. */
export interface PolicyFacts {
  /** When they were asked, in milliseconds since the epoch. */
  readonly now: number;
  readonly level: Level;
  readonly groups?: readonly string[];
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface CommitMeta {
  /** `via`: the service that spoke for the agent, where it did not call itself. */
  readonly actor: { readonly id: string; readonly kind: PrincipalKind; readonly via?: string };
  /** What was asked for, for example `task.complete`. */
  readonly action: string;
  /** The caller's Idempotency-Key, when there was one. */
  readonly commandId?: string;
  /** SHA-256 of the command's body: a key that comes again with another body is refused. */
  readonly commandHash?: string;
  /** Everything that one cause has set in motion shares it. */
  readonly correlationId: string;
  /** The commit (`stream@index`) that led to this one. */
  readonly causationId?: string;
  /** How many reactions lie between this commit and the command or the deadline at the root. */
  readonly depth: number;
  /**
   * Of this decision alone: without it two equal commands could make the same bytes, and a commit whose answer was lost
   * be taken for a later one.
   */
  readonly id: string;
  /** W3C trace context of the command. */
  readonly traceparent?: string;
  readonly policy: PolicyReceipt;
}

export interface UnsealedCommit {
  readonly stream: string;
  /** Position in the stream, from 0, without gaps. */
  readonly index: number;
  readonly events: readonly Event[];
  readonly meta: CommitMeta;
  /** Hybrid logical time: not before the commit before it, nor before the commit that caused it. */
  readonly at: string;
  /** `hash` of the commit before it in the stream; null for the first. */
  readonly previousHash: string | null;
}

export interface Commit extends UnsealedCommit {
  readonly hash: string;
}

/** A commit with the canonical bytes that were hashed. */
export interface SealedCommit {
  readonly commit: Commit;
  /** RFC 8785 form of the commit without `hash`. */
  readonly body: string;
}

/**
 * RFC 8785 form of a JSON value. `JSON.stringify` already writes strings and numbers as RFC 8785 demands (it took both
 * from ECMAScript); what is left is the order of the properties by UTF-16 code units, which is JavaScript's own
 * `sort()`. A test holds this to the `canonicalize` package. Throws on values that JSON cannot hold.
 */
export function canonicalize(value: unknown): string {
  const found = { awkward: false };
  const copy = sorted(value, found);
  return found.awkward ? written(value) : JSON.stringify(copy);
}

/**
 * Keys that no object can hold in order: JavaScript puts `10` before all others, by number, and `__proto__` is none of
 * its own.
 */
const AWKWARD_KEY = /^(?:\d{1,10}|__proto__)$/;

/** The value with sorted properties; the value itself where they are sorted already, which saves most copies. */
function sorted(value: unknown, found: { awkward: boolean }): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    let items: unknown[] | undefined;
    for (let i = 0; i < value.length; i += 1) {
      const item: unknown = value[i];
      const kept = sorted(item, found);
      if (kept !== item) items ??= value.slice(0, i) as unknown[];
      items?.push(kept);
    }
    return items ?? value;
  }
  const source = value as Record<string, unknown>;
  let inOrder = true;
  let before = '';
  for (const key in source) {
    if (key < before) inOrder = false;
    before = key;
    const first = key.charCodeAt(0);
    if ((first <= 57 || first === 95) && AWKWARD_KEY.test(key)) found.awkward = true;
  }
  let target: Record<string, unknown> | undefined;
  if (inOrder) {
    for (const key in source) {
      const item = source[key];
      const kept = sorted(item, found);
      if (target === undefined && kept !== item) {
        target = {};
        for (const earlier in source) {
          if (earlier === key) break;
          target[earlier] = source[earlier];
        }
      }
      if (target !== undefined && kept !== undefined) target[key] = kept;
    }
    return target ?? value;
  }
  target = {};
  for (const key of inKeyOrder(Object.keys(source))) {
    const kept = sorted(source[key], found);
    if (kept !== undefined) target[key] = kept;
  }
  return target;
}

/** Sorts in place. Most objects have few keys, nearly in order: there an insertion costs a fraction of `sort()`. */
function inKeyOrder(keys: string[]): string[] {
  if (keys.length > 32) return keys.sort();
  for (let i = 1; i < keys.length; i += 1) {
    const key = keys[i] as string;
    let at = i;
    for (; at > 0 && (keys[at - 1] as string) > key; at -= 1) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}

/** The same, written by hand: slower, and right for every key. */
function written(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${Array.from(value, written).join(',')}]`;
  const source = value as Record<string, unknown>;
  const members: string[] = [];
  for (const key of Object.keys(source).sort())
    if (source[key] !== undefined) members.push(`${JSON.stringify(key)}:${written(source[key])}`);
  return `{${members.join(',')}}`;
}

export function sha256(text: string): string {
  return digest('sha256', text, 'hex');
}

/**
 * Computes the canonical bytes and the hash. The commit that is handed out is in the order of those bytes: a state that
 * was made of it reads, to the letter, as one that was made of what the store holds.
 */
export function seal(commit: UnsealedCommit): SealedCommit {
  const found = { awkward: false };
  const ordered = sorted(commit, found) as UnsealedCommit;
  const body = found.awkward ? written(commit) : JSON.stringify(ordered);
  const hash = sha256(body);
  return { commit: found.awkward ? unseal(body, hash) : { ...ordered, hash }, body };
}

/** A receipt that is no longer what was written: nothing may be read from it, nor written on top of it. */
export class AlteredReceipt extends Error {
  constructor(
    readonly stream: string,
    readonly index: number,
    /** What is wrong, after `stream@index`. */
    what: string,
  ) {
    super(`${commitRef(stream, index)} ${what}`);
    this.name = 'AlteredReceipt';
  }

  /** `stream@index` */
  get ref(): string {
    return commitRef(this.stream, this.index);
  }
}

/** The bytes beside the log are not those that a receipt names: whoever works on them would work on something else. */
export class AlteredPayload extends Error {
  constructor(
    readonly reference: string,
    what: string,
  ) {
    super(`${reference} ${what}`);
    this.name = 'AlteredPayload';
  }
}

/** Rebuilds the commit from what a store holds, as it is: for tools that check it themselves. */
export function unseal(body: string, hash: string): Commit {
  return { ...(JSON.parse(body) as UnsealedCommit), hash };
}

/**
 * Rebuilds the commit from what a store holds at a place. Throws `AlteredReceipt` unless the bytes are those that were
 * hashed there: a store hands out nothing else.
 */
export function unsealAt(
  { stream, index }: { readonly stream: string; readonly index: number },
  body: string,
  hash: string,
): Commit {
  if (sha256(body) !== hash)
    throw new AlteredReceipt(stream, index, 'was altered: its bytes have another hash than its receipt says');
  let commit: Commit;
  try {
    commit = unseal(body, hash);
  } catch {
    throw new AlteredReceipt(stream, index, 'is unreadable: its bytes are not a commit');
  }
  if (commit.stream !== stream || commit.index !== index)
    throw new AlteredReceipt(
      stream,
      index,
      `is misplaced: it says that it is ${commitRef(commit.stream, commit.index)}`,
    );
  return commit;
}

/**
 * Throws `AlteredReceipt` unless the commit comes right after `index`, and names the commit there, of `hash`, as the
 * one before it.
 */
export function checkChained(
  stream: string,
  { index, hash }: { readonly index: number; readonly hash: string | null },
  commit: Commit,
): void {
  if (commit.index !== index + 1)
    throw new AlteredReceipt(stream, index + 1, `is missing: ${commitRef(stream, commit.index)} comes in its place`);
  if (commit.previousHash !== hash)
    throw new AlteredReceipt(
      stream,
      commit.index,
      'does not follow from the commit before it: one of the two was replaced or inserted',
    );
}

/**
 * How many characters a command's name has: hexadecimal digits of a SHA-256, enough to tell all commands of a stream
 * apart.
 */
const NAME_LENGTH = 32;

/** The name under which a stream remembers what a principal asked of it with a key. */
export function commandName(principal: string, key: string): string {
  return sha256(`${principal} ${key}`).slice(0, NAME_LENGTH);
}

/** The name of the command that a commit answers; undefined when it came without a key. */
export function commandOf({ meta }: Pick<Commit, 'meta'>): string | undefined {
  return meta.commandId === undefined ? undefined : commandName(meta.actor.id, meta.commandId);
}

/** One thing that is wrong with a chain, in words that name the commit. */
export interface ChainFault {
  readonly stream: string;
  readonly index: number;
  readonly kind: 'altered' | 'missing' | 'inserted' | 'reordered' | 'unreadable' | 'misplaced' | 'backdated';
  readonly message: string;
}

/**
 * Walks the commits of one stream, in stored order, and names what was tampered with. It needs nothing but the
 * stored bytes: `key` is where the store keeps the entry, `body` and `hash` are what it holds.
 */
export class ChainVerifier {
  private previous: { index: number; hash: string; at: string } | undefined;

  constructor(readonly stream: string) {}

  /** Checks the next entry; returns the faults that show at it. */
  next(entry: { readonly index: number; readonly body: string; readonly hash: string }): ChainFault[] {
    const faults: ChainFault[] = [];
    const fault = (kind: ChainFault['kind'], message: string) =>
      faults.push({
        stream: this.stream,
        index: entry.index,
        kind,
        message: `${this.stream}@${entry.index}: ${message}`,
      });

    let commit: UnsealedCommit | undefined;
    try {
      commit = JSON.parse(entry.body) as UnsealedCommit;
      parseStream(commit.stream);
      if (typeof commit.at !== 'string' || (commit.previousHash !== null && typeof commit.previousHash !== 'string'))
        commit = undefined;
    } catch {
      commit = undefined;
    }
    const computed = sha256(entry.body);
    if (computed !== entry.hash)
      fault('altered', `its bytes hash to ${short(computed)}, its receipt says ${short(entry.hash)}: it was altered`);
    if (commit === undefined) {
      fault('unreadable', 'its bytes are not a commit');
    } else {
      if (commit.stream !== this.stream || commit.index !== entry.index) {
        fault('misplaced', `it says it is ${commit.stream}@${commit.index}: it was moved`);
      }
      const expected = this.previous === undefined ? 0 : this.previous.index + 1;
      if (entry.index > expected) {
        fault(
          'missing',
          `commit ${expected}${entry.index - expected > 1 ? ` to ${entry.index - 1}` : ''} before it was dropped`,
        );
      } else if (entry.index < expected) {
        fault('reordered', `it comes after ${this.previous?.index}: the order was changed`);
      } else if ((this.previous?.hash ?? null) !== commit.previousHash) {
        fault(
          'inserted',
          `it names ${short(commit.previousHash)} as the commit before it, which is ${short(this.previous?.hash ?? null)}: one of the two was replaced or inserted`,
        );
      }
      if (this.previous !== undefined && commit.at < this.previous.at) {
        fault('backdated', `its time ${commit.at} lies before ${this.previous.at} of the commit before it`);
      }
    }
    this.previous = { index: entry.index, hash: entry.hash, at: commit?.at ?? this.previous?.at ?? '' };
    return faults;
  }

  /** Index and hash of the last commit seen. */
  get head(): { index: number; hash: string } | undefined {
    return this.previous;
  }
}

function short(hash: string | null): string {
  return hash === null ? 'nothing' : `${hash.slice(0, 12)}…`;
}

/**
 * What every event store refuses before it writes: the same limits as Azure has. Throws RangeError unless these are 1
 * to
 * `MAX_COMMITS_PER_APPEND` commits of `stream`, with indexes from `expected + 1` without gaps, none above
 * `MAX_COMMIT_BYTES`.
 */
export function checkAppend(stream: string, expected: number, commits: readonly SealedCommit[]): void {
  if (commits.length < 1 || commits.length > MAX_COMMITS_PER_APPEND) {
    throw new RangeError(`an append carries 1 to ${MAX_COMMITS_PER_APPEND} commits, not ${commits.length}`);
  }
  commits.forEach(({ commit, body }, offset) => {
    if (commit.stream !== stream) throw new RangeError(`a commit of ${commit.stream} can't be appended to ${stream}`);
    if (commit.index !== expected + 1 + offset)
      throw new RangeError(`commit ${commit.index} leaves a gap after ${expected + offset} in ${stream}`);
    if (body.length > MAX_COMMIT_BYTES || Buffer.byteLength(body) > MAX_COMMIT_BYTES) {
      throw new RangeError(
        `commit ${stream}@${commit.index} is larger than ${MAX_COMMIT_BYTES} bytes: put the payload into the blob archive`,
      );
    }
  });
}
