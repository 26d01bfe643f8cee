/** What a worker holds: the claims of its agent, whose leases it extends. */
import type { AgentsApi, Assignment } from '../agents';
import { AwardMemory } from '../award-memory';
import { Claim, type Log } from './claim';

/** After a heartbeat that failed the next one comes so soon. Milliseconds. */
const AGAIN_MS = 1_000;

export class Leases {
  /** By task. */
  private readonly claims = new Map<string, Claim>();
  /** Awards whose work was begun: it is not begun twice. */
  private readonly begun = new AwardMemory<true>();
  private readonly over = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private isBeating = false;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly agents: AgentsApi,
    private readonly agent: string,
    private readonly log: Log,
  ) {}

  /** The claim that comes of an award; undefined when it is known. An earlier one of the task is over then. */
  claim({ task, award, lease_seconds }: Assignment): Claim | undefined {
    const known = this.claims.get(task);
    if ((known !== undefined && known.award >= award) || this.begun.get(task, award) === true) return undefined;
    known?.cancel();
    const claim = new Claim(this.agent, task, award, 1_000 * lease_seconds);
    this.claims.set(task, claim);
    return claim;
  }

  /** It was accepted, and its work begins: from now on its lease runs, and is extended. */
  begin(claim: Claim): void {
    claim.isAccepted = true;
    claim.nextBeat = performance.now() + claim.leaseMs / 3;
    this.begun.set(claim.task, claim.award, true);
    this.schedule();
  }

  /** Nothing more comes of it. */
  end(claim: Claim): void {
    if (this.claims.get(claim.task) === claim) this.claims.delete(claim.task);
    if (this.claims.size === 0) for (const resolve of this.waiting) resolve();
  }

  has(task: string, award: number): boolean {
    return this.claims.get(task)?.award === award;
  }

  /** The claims that have not ended after so many milliseconds, or when the signal aborts before. */
  async left(graceMs: number, hurry: AbortSignal): Promise<readonly Claim[]> {
    if (this.claims.size > 0 && !hurry.aborted && graceMs > 0)
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          hurry.removeEventListener('abort', done);
          this.waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, graceMs);
        hurry.addEventListener('abort', done);
        this.waiting.add(done);
      });
    return [...this.claims.values()];
  }

  /** Extends no lease any more. */
  close(): void {
    this.over.abort();
    clearTimeout(this.timer);
  }

  /** After so many milliseconds at most the leases that run now are to be extended. */
  get everyMs(): number {
    return Math.min(...this.held.map(({ leaseMs }) => leaseMs / 3));
  }

  /** All leases are extended as soon as a third of one is over. */
  private schedule(): void {
    clearTimeout(this.timer);
    const held = this.held;
    if (this.isBeating || this.over.signal.aborted || held.length === 0) return;
    const due = Math.min(...held.map(({ nextBeat }) => nextBeat));
    this.timer = setTimeout(() => void this.beat(), Math.max(0, due - performance.now()));
  }

  /** A sign of life of the agent, which extends the leases; drops the work of claims that don't stand. */
  async beat(): Promise<void> {
    this.isBeating = true;
    const held = this.held;
    const holding = held.map(({ task, award }) => ({ task, award }));
    try {
      const answer = await this.agents.heartbeat(this.agent, holding, { signal: this.over.signal });
      const fallen = answer.held.filter(({ stands }) => !stands);
      for (const claim of held) {
        claim.nextBeat = performance.now() + claim.leaseMs / 3;
        if (fallen.some(({ task, award }) => task === claim.task && award === claim.award)) claim.cancel();
      }
    } catch (error) {
      if (!this.over.signal.aborted) this.log('the leases could not be extended', error);
      for (const claim of held) claim.nextBeat = performance.now() + Math.min(AGAIN_MS, claim.leaseMs / 3);
    }
    this.isBeating = false;
    this.schedule();
  }

  private get held(): readonly Claim[] {
    return [...this.claims.values()].filter(({ isAccepted, signal }) => isAccepted && !signal.aborted);
  }
}
