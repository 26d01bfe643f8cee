/** The clients of a host that is killed: what they do at random, and what was acknowledged to them. */
import { NodeTransport, type Receipt } from '../client/client';
import type { Commit } from '../domain/kernel/commit';
import type { HostProcess } from '../samples/demo/host-process';
import type { Acknowledged } from './crash-report';

/** What the log says afterwards. */
export interface Examined {
  /** Counts, as they go into the report. */
  readonly figures: Readonly<Record<string, number>>;
  /** A sentence for each fault. */
  readonly problems: readonly string[];
}

export abstract class CrashLoad {
  readonly acknowledged: Acknowledged[] = [];
  /** Answers that were given a second time, to a command whose first answer the kill had taken. */
  repeated = 0;
  protected readonly transport: NodeTransport;
  /** The owner's, who acts in the names of all. */
  protected readonly credentials: { readonly key: string };
  protected readonly abort = new AbortController();
  protected isPosting = true;
  private readonly working: Promise<void>[] = [];
  /** Those among them that bring new work. */
  private readonly posting: Promise<void>[] = [];
  private keys = 0;

  constructor(
    { url, key }: Pick<HostProcess, 'url' | 'key'>,
    protected readonly draw: () => number,
    private readonly failed: (error: Error) => void,
  ) {
    this.transport = new NodeTransport(url);
    this.credentials = { key };
  }

  abstract start(): void;

  /** True when nothing is under way any more. */
  abstract drained(): Promise<boolean>;

  /** @param log every commit, in the order of the log; read to its end */
  abstract examine(log: Iterable<Commit>): Examined;

  /**
   * No new work; what is under way goes on. Resolves when whoever brings work has ended: a late host lets some of them
   * wait, and what they post after that is work, too.
   */
  async stopPosting(): Promise<void> {
    this.isPosting = false;
    await Promise.all(this.posting);
  }

  async stop(): Promise<void> {
    this.isPosting = false;
    this.abort.abort();
    await Promise.all(this.working);
    this.transport.close();
  }

  protected run(work: () => Promise<void>): void {
    this.working.push(this.watched(work));
  }

  /** Runs what brings new work as long as `isPosting`. */
  protected post(work: () => Promise<void>): void {
    const done = this.watched(work);
    this.working.push(done);
    this.posting.push(done);
  }

  private watched(work: () => Promise<void>): Promise<void> {
    return work().catch((error: unknown) => {
      if (!this.abort.signal.aborted) this.failed(error instanceof Error ? error : new Error(String(error)));
    });
  }

  protected heard(receipt: Pick<Receipt, 'stream' | 'version' | 'hash'> & { readonly repeated?: boolean }): void {
    if (receipt.repeated === true) this.repeated += 1;
    if (receipt.hash !== null)
      this.acknowledged.push({ stream: receipt.stream, version: receipt.version, hash: receipt.hash });
  }

  protected key(): string {
    return `crash-${this.keys++}`;
  }
}
