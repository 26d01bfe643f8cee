/**
 * Durable orchestrations that wait beside the deadlines: each round, approval and veto window has one. They hold no
 * truth; where none runs, or one was lost, the deadline does the same a little later.
 */
import { plusSeconds, type Time } from '../../domain/kernel/time';
import type { Orchestrations, Report } from '../engine/ports';

/** How long after the time an orchestration may still act before the deadline does. */
const GRACE_SECONDS = 5;

export class Orchestrated {
  private orchestrations: Orchestrations | undefined;
  /** Calls that are under way, by stream. */
  private readonly calls = new Map<string, Promise<void>>();

  constructor(private readonly report: Report) {}

  /** From now on orchestrations wait, and the deadlines are their safety net. */
  connect(orchestrations: Orchestrations): void {
    this.orchestrations = orchestrations;
  }

  /** Calls no orchestration any more, and waits for the calls that are under way. */
  async stop(): Promise<void> {
    this.orchestrations = undefined;
    await Promise.all(this.calls.values());
  }

  /** Something waits from now on: sees to it that an orchestration runs for the stream. */
  start(stream: string): void {
    this.call('start', stream);
  }

  /** The stream has changed: its orchestration is told. */
  wake(stream: string): void {
    this.call('wake', stream);
  }

  /** When the deadline looks at what is due then: where an orchestration should, a little later. */
  deadlineFor(due: Time | undefined): Time | undefined {
    return due === undefined || this.orchestrations === undefined ? due : plusSeconds(due, GRACE_SECONDS);
  }

  /**
   * In order for each stream, and beside everything else: the feed never waits for an orchestration. A failure costs
   * time, nothing else: the deadline stands.
   */
  private call(what: 'start' | 'wake', stream: string): void {
    const { orchestrations } = this;
    if (orchestrations === undefined) return;
    const call = (this.calls.get(stream) ?? Promise.resolve())
      .then(() => orchestrations[what](stream))
      .catch((error: unknown) =>
        this.report('an orchestration could not be reached: its deadline stands in', {
          stream,
          what,
          error: String(error),
        }),
      )
      .finally(() => {
        if (this.calls.get(stream) === call) this.calls.delete(stream);
      });
    this.calls.set(stream, call);
  }
}
