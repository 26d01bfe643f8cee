/**
 * Verifies the entries of a report by a key that the verifier brings along: each receipt has to be in the log whose
 * checkpoint the key has signed. Where an entry comes with the bytes of its receipt, it has to say what they say; where
 * it does not, nothing binds what it says to the hash that is proven, and it is counted as bare.
 */
import { canonicalize, sha256, unseal } from '../kernel/commit';
import { parseCommitRef } from '../kernel/ids';
import { leafHash, rootFromPath } from '../kernel/merkle';
import { type Checkpoint, openCheckpoint, type VerifierKeys } from '../kernel/note';
import { plusSeconds } from '../kernel/time';
import { type AuditEntry, AuditTrail } from './audit-entry';
import { commitEntry } from './log-entries';
import { LATE_SECONDS, type LogFault } from './log-verifier';

/** What the first line of the entries says they are. */
export const REPORT_FORMAT = 'formicary.report/1';

/** The signed head of the log that proofs lead to. */
export interface ProofHead {
  readonly origin: string;
  readonly size: number;
  readonly note: string;
}

/** The first line of the entries of a report. */
export interface EntriesHead {
  readonly format: string;
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
  /** How many lines follow. */
  readonly receipts: number;
  /** Null where no receipt of the period is in the signed log. */
  readonly checkpoint: ProofHead | null;
}

/** A further line: what a receipt says, and the way from it to the root of the checkpoint. */
export interface EntryLine extends AuditEntry {
  /** Null where the receipt is not in the signed log. */
  readonly proof: {
    readonly leaf: number;
    /** Hashes in base64, from the leaf's sibling to the child of the root (RFC 9162, section 2.1.3.1). */
    readonly path: readonly string[];
  } | null;
  /** The bytes that were hashed, as text. */
  readonly body?: string;
}

export interface ReportFault {
  readonly kind: LogFault['kind'] | 'altered' | 'reordered' | 'misplaced' | 'unproven';
  readonly message: string;
}

/** What only the receipts before it tell of an entry. */
const OF_EARLIER: readonly string[] = ['input', 'duration_ms'] satisfies (keyof AuditEntry)[];

export class ReportVerifier {
  proven = 0;
  unproven = 0;
  /** Entries without the bytes of their receipt: their hash may be proven, and nothing else that they say. */
  bare = 0;
  private bodied = 0;
  private readonly checkpoint: Checkpoint | undefined;
  private readonly first: readonly ReportFault[];
  /** Entries without a proof that no proven one has come after by so much that it shows what is wrong with them. */
  private waiting: { readonly receipt: string; readonly timestamp: string }[] = [];
  private last = ['', '', -1] as readonly [at: string, stream: string, index: number];

  constructor(
    private readonly head: EntriesHead,
    keys: VerifierKeys,
  ) {
    const opened = head.checkpoint === null ? undefined : openCheckpoint(head.checkpoint.note, keys);
    this.checkpoint = opened !== undefined && 'fault' in opened ? undefined : opened;
    this.first =
      opened !== undefined && 'fault' in opened
        ? [{ kind: opened.kind, message: `the checkpoint ${opened.fault}` }]
        : [];
  }

  /** The next entry, whatever it is; answers what is wrong with it. */
  next(line: unknown): readonly ReportFault[] {
    try {
      return this.checked(line as EntryLine);
    } catch {
      // It comes from anywhere: it may be of any form.
      return [{ kind: 'altered', message: `an entry after ${this.last[1]}@${this.last[2]} is none` }];
    }
  }

  private checked(line: EntryLine): readonly ReportFault[] {
    const place = parseCommitRef(line.receipt);
    if (place === undefined) return [{ kind: 'altered', message: `${line.receipt} is no receipt` }];
    const faults: ReportFault[] = [];
    const add = (kind: ReportFault['kind'], what: string) => faults.push({ kind, message: `${line.receipt} ${what}` });
    const [at, stream, index] = this.last;
    const { timestamp } = line;
    if (
      timestamp < at ||
      (timestamp === at && (place.stream < stream || (place.stream === stream && place.index <= index)))
    )
      add('reordered', `comes after ${stream}@${index}: an entry was moved, or stands there twice`);
    this.last = [timestamp, place.stream, place.index];
    if (timestamp < this.head.from || timestamp >= this.head.to || !place.stream.startsWith(`${this.head.tenant}/`))
      add('misplaced', 'is not of the period, or of the tenant, that the report is of');
    if (line.proof === null) {
      this.unproven += 1;
      this.waiting.push({ receipt: line.receipt, timestamp });
    } else if (this.checkpoint !== undefined) {
      const path = line.proof.path.map((each) => Buffer.from(each, 'base64'));
      const leaf = leafHash(commitEntry({ ...place, hash: line.hash }));
      const root = rootFromPath(leaf, line.proof.leaf, this.checkpoint.size, path);
      if (root?.equals(this.checkpoint.root) === true) {
        this.proven += 1;
        faults.push(...this.inserted(timestamp));
      } else add('rewritten', 'is not the receipt that was logged: its proof does not lead to the checkpoint');
    }
    if (line.body === undefined) {
      this.bare += 1;
      return faults;
    }
    this.bodied += 1;
    for (const what of this.ofBody(line, line.body)) add('altered', what);
    return faults;
  }

  /** What has no proof, and is older than something in the log by so much that it would be in there as well. */
  private inserted(proven: string): ReportFault[] {
    if (this.waiting.length === 0) return [];
    const late = plusSeconds(proven, -LATE_SECONDS);
    const found = this.waiting.filter(({ timestamp }) => timestamp < late);
    this.waiting = this.waiting.filter(({ timestamp }) => timestamp >= late);
    return found.map(({ receipt, timestamp }) => ({
      kind: 'inserted',
      message: `${receipt} says that it is of ${timestamp}, has no proof, and the log holds what is newer`,
    }));
  }

  /** What is wrong with the whole; `lines`: how many entries there were. */
  finish(lines: number): readonly ReportFault[] {
    const { receipts } = this.head;
    const faults = [...this.first];
    if (lines > 0 && this.proven === 0 && faults.length === 0)
      faults.push({ kind: 'unproven', message: 'no entry leads to a checkpoint that the key has signed' });
    // Whoever takes the bytes away from an entry may write into it what they like.
    if (this.bare > 0 && this.bodied > 0)
      faults.push({
        kind: 'altered',
        message: `${this.bare} of ${lines} entries come without their receipts, and the others with them: a report has all of them or none`,
      });
    if (lines !== receipts)
      faults.push({
        kind: lines < receipts ? 'missing' : 'inserted',
        message: `there are ${lines} entries, and the report says ${receipts}`,
      });
    return faults;
  }

  private *ofBody({ proof: _, body: __, ...entry }: EntryLine, body: string): Generator<string> {
    if (sha256(body) !== entry.hash) yield 'comes with other bytes than its hash is of';
    else {
      const derived = new AuditTrail().next(unseal(body, entry.hash));
      if (canonicalize(without(derived)) !== canonicalize(without(entry)))
        yield 'has an entry that does not say what its receipt says';
    }
  }
}

function without(entry: AuditEntry): Partial<AuditEntry> {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => !OF_EARLIER.includes(name)));
}
