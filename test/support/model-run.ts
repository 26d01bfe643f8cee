/** What every model of the whole has to do: give commands to processes that live, and stand what befalls them. */
import { StoreUnavailable } from '../../app/engine/reachable';
import { type Mishap, type Process, Stage } from './stage';

/**
 * What calls are made to fail with, and what a process says that time has passed in the middle of: it acts for nobody
 * before it has heard of the others again.
 */
const EXPECTED = /failed before it did anything|its answer is lost|nothing was heard of the other processes for/;

/** A run over a stage of so many processes; `wrong` says what it found, a sentence for each fault. */
export class ModelRun {
  readonly stage: Stage;
  readonly wrong: string[] = [];
  /** Commands that are under way. */
  protected under: { process: Process; promise: Promise<unknown> }[] = [];
  /** What befalls the next calls, by `port.method`. */
  protected readonly mishaps = new Map<string, { what: Mishap; left: number }>();
  /** Something was done to it that is worth a report. */
  protected disturbed = false;

  /** Processes that share the stores have triggers between them and the feed. */
  constructor(
    protected readonly processes: number,
    protected readonly shared = false,
  ) {
    this.stage = new Stage({ shared });
  }

  /** The mishap that is next for a call, if one is. */
  protected befalls(call: string): Mishap | undefined {
    const mishap = this.mishaps.get(call);
    if (mishap === undefined || mishap.left === 0) return undefined;
    mishap.left -= 1;
    return mishap.what;
  }

  /** A living process. */
  protected on(number: number): Process {
    const { living } = this.stage;
    return living[number % living.length] as Process;
  }

  protected async revive(count = this.processes): Promise<void> {
    for (let attempt = 0; this.stage.living.length < count; attempt += 1) {
      // The machine that comes back finds stores that answer.
      if (attempt > 0) this.mishaps.clear();
      const before = this.stage.processes.length;
      await this.stage.start().catch(() => this.stage.processes.slice(before).forEach((process) => process.kill()));
    }
  }

  protected thrown(step: unknown, error: unknown): undefined {
    if (!(error instanceof StoreUnavailable) && !EXPECTED.test(String(error)))
      this.wrong.push(`${JSON.stringify(step)} threw ${String(error)}`);
    return undefined;
  }

  protected async answered(): Promise<void> {
    const under = this.under.filter(({ process }) => !process.dead);
    this.under = [];
    await Promise.all(under.map(({ promise }) => promise));
  }

  protected async settle(): Promise<void> {
    await this.answered();
    await this.stage.settled();
  }
}
