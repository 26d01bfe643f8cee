/**
 * Verifies what an export says of a log, by keys that the verifier brings along: the entries have to give the root of
 * every checkpoint that one of them has signed, those of the export and those that were kept elsewhere. Only entries up
 * to the last checkpoint that fits are believed.
 */
import { GrowingTree, leafHash } from '../kernel/merkle';
import { type Checkpoint, openCheckpoint, type VerifierKeys } from '../kernel/note';
import { headsHash, parseEntry, type StreamHead } from './log-entries';

/** What was done to a log, in one word. */
export type LogFaultKind =
  /** A signature does not fit. */
  | 'forged'
  /** Nothing is signed by one of the keys, or of the log that they are named after. */
  | 'other-key'
  /** The entries don't give the root that was signed. */
  | 'log-altered'
  /** A later checkpoint than the newest one is known. */
  | 'rolled-back'
  /** Two heads of one log were signed that exclude each other. */
  | 'split-view'
  /** A receipt is another one than was logged. */
  | 'rewritten'
  /** A receipt was logged, and is not there. */
  | 'missing'
  /** A receipt was not logged, though it says that it is older than what was. */
  | 'inserted';

export interface LogFault {
  readonly kind: LogFaultKind;
  readonly message: string;
}

/** A signed note, and where it comes from. */
export interface ShownNote {
  readonly from: string;
  readonly note: string;
}

interface Signed extends Checkpoint {
  readonly from: string;
}

/**
 * A receipt that is not in the log, and by its own time is older by so much than one that is, was not there when the
 * log was made.
 */
export const LATE_SECONDS = 300;

export class LogVerifier {
  readonly faults: LogFault[] = [];
  private readonly tree = new GrowingTree();
  private readonly heads = new Map<string, StreamHead>();
  /** Of the export, by size; and those that were kept elsewhere. */
  private readonly shown = new Map<number, Signed>();
  private readonly kept: readonly Signed[];
  private readonly keptAt: ReadonlyMap<number, readonly Signed[]>;
  private readonly newest: number;
  private last: string | undefined;
  private fitting = 0;

  /**
   * @param shown the checkpoints that the export holds
   * @param kept those that were kept elsewhere: by the verifier, or in an anchor
   */
  constructor(
    private readonly keys: VerifierKeys,
    shown: readonly ShownNote[],
    kept: readonly ShownNote[] = [],
  ) {
    for (const signed of this.opened(shown)) {
      const other = this.shown.get(signed.size);
      if (other !== undefined && !other.root.equals(signed.root)) this.split(other, signed);
      this.shown.set(signed.size, signed);
    }
    this.newest = Math.max(0, ...this.shown.keys());
    this.kept = this.opened(kept);
    this.keptAt = Map.groupBy(this.kept, ({ size }) => size);
    if (this.shown.size === 0 && !this.faults.some(({ kind }) => kind === 'forged' || kind === 'other-key'))
      this.fault('other-key', `no checkpoint of the log ${keys.name} is there`);
  }

  /** How many checkpoints of the export the keys have signed. */
  get checkpoints(): number {
    return this.shown.size;
  }

  /** How many entries are believed: those up to the last checkpoint that they fit. */
  get believed(): number {
    return this.fitting;
  }

  get size(): number {
    return this.tree.size;
  }

  /** The next entry of the log, in order. */
  next(entry: string): void {
    this.tree.push(leafHash(entry));
    this.last = entry;
    const { size } = this.tree;
    const read = parseEntry(entry);
    if (read?.kind === 'commit') this.heads.set(read.stream, read);
    const signed = this.shown.get(size);
    if (signed !== undefined) this.compare(signed);
    for (const kept of this.keptAt.get(size) ?? [])
      if (!kept.root.equals(this.tree.root))
        // Whether the entries or the checkpoint is the other one, a later checkpoint of the export shows.
        this.fault(
          'split-view',
          `${kept.from} is a checkpoint of ${size} leaves with another root than the export's entries have: somebody was shown another log, or the log was written anew`,
        );
  }

  /** After the last entry. */
  finish(): void {
    const { size } = this.tree;
    for (const signed of this.shown.values())
      if (signed.size > size)
        this.fault(
          'log-altered',
          `the export holds ${size} entries of the log, and ${signed.from} was signed over ${signed.size}: its end was dropped`,
        );
    if (this.shown.size > 0 && size > this.newest)
      this.fault(
        'rolled-back',
        `the log goes on after the newest checkpoint that is there, of ${this.newest} leaves, up to ${size}: a later checkpoint was dropped`,
      );
    for (const kept of this.kept)
      if (kept.size > this.newest)
        this.fault(
          'rolled-back',
          `${kept.from} is a checkpoint of ${kept.size} leaves, and the newest of the export has ${this.newest}: an older state is shown`,
        );
  }

  private compare(signed: Signed): void {
    const { size, root } = this.tree;
    if (!root.equals(signed.root)) {
      this.fault(
        'log-altered',
        `the entries ${this.fitting} to ${size - 1} of the log don't give the root of ${signed.from}: one of them was altered, moved, added or removed`,
      );
      return;
    }
    this.fitting = size;
    if (size !== this.newest) return;
    const heads = this.last === undefined ? undefined : parseEntry(this.last);
    const all = [...this.heads.values()];
    if (heads?.kind !== 'heads' || heads.count !== all.length || heads.hash !== headsHash(all))
      this.fault('log-altered', `${signed.from} was signed over another list of streams than its entries give`);
  }

  private opened(notes: readonly ShownNote[]): Signed[] {
    return notes.flatMap(({ from, note }) => {
      const checkpoint = openCheckpoint(note, this.keys);
      if (!('fault' in checkpoint)) return [{ from, ...checkpoint }];
      this.fault(checkpoint.kind, `${from} ${checkpoint.fault}`);
      return [];
    });
  }

  private split(one: Signed, other: Signed): void {
    this.fault(
      'split-view',
      `${one.from} and ${other.from} were both signed over ${one.size} leaves, with different roots: two logs were shown`,
    );
  }

  private fault(kind: LogFaultKind, message: string): void {
    this.faults.push({ kind, message });
  }
}
