/**
 * Runs orchestrations: one episode at a time for each instance, activities beside it, timers when they are due. Nothing
 * is acted on before it is in the store, so that a killed process goes on where it was; an activity that was under way
 * runs again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../app/engine/clock';
import type { Registration } from '../core';
import { handOver } from '../invoke';
import { stringData } from '../typed-data';
import { within } from '../within';
import { type Answer, decideEpisode, episodeLength } from './episode';
import { common, EventType, type HistoryEvent } from './history';
import { type Delivery, type DueActivity, DurableStore, type Turn } from './store';

/** More wait their turn. Episodes that run together share a sync of the store. */
const ACTIVITIES_AT_ONCE = 50;
const EPISODES_AT_ONCE = 16;
/** Characters of JSON. */
const RESULT_LIMIT = 1_000_000;
/** A clock that was set, or what a failing disk held up, is noticed after so long. Milliseconds. */
const LONGEST_WAIT = 30_000;
const PURGE_INTERVAL = 3_600_000;

export interface DurableFunctions {
  readonly orchestrators: readonly Registration[];
  readonly activities: readonly Registration[];
}

export class DurableRuntime {
  readonly store: DurableStore;
  readonly #orchestrators: ReadonlyMap<string, Registration>;
  readonly #activities: ReadonlyMap<string, Registration>;
  /** Instances that may have something to do, in the order in which they got it. */
  readonly #ready = new Set<string>();
  readonly #running = new Map<number, Promise<void>>();
  #episodes: Promise<void> | undefined;
  #alarm: NodeJS.Timeout | undefined;
  #purging: NodeJS.Timeout | undefined;
  #closing = false;
  #closed = false;

  constructor(file: string, { orchestrators, activities }: DurableFunctions) {
    this.store = new DurableStore(file);
    this.#orchestrators = byName(orchestrators);
    this.#activities = byName(activities);
  }

  /** Goes on with what the file holds. Instances that have ended are kept for `retentionDays`. */
  begin(retentionDays: number): void {
    const purge = (): void => {
      this.store
        .purgeEndedBefore(systemClock.now() - retentionDays * 86_400_000)
        .catch((error: unknown) => log({ stack: stackOf(error) }));
    };
    purge();
    this.#purging = setInterval(purge, PURGE_INTERVAL);
    void this.lookAround();
  }

  /** False when there is no such orchestrator. */
  knows(orchestrator: string): boolean {
    return this.#orchestrators.has(orchestrator.toLowerCase());
  }

  /** False when an instance of that id is under way. `input` is JSON text. */
  async start(id: string, orchestrator: string, input: string | null): Promise<boolean> {
    const { name } = this.#orchestrators.get(orchestrator.toLowerCase())!;
    const started = await this.store.start(id, name, input, systemClock.now());
    if (started) this.#wake(id);
    return started;
  }

  /** `input` is JSON text. */
  async raise(id: string, event: string, input: string | null): Promise<Delivery> {
    return this.#woken(id, await this.store.raise(id, event, input, systemClock.now()));
  }

  async resume(id: string): Promise<Delivery> {
    return this.#woken(id, await this.store.resume(id, systemClock.now()));
  }

  /**
   * Starts nothing any more and waits up to `graceSeconds` for what runs. An activity that has not ended by then, or
   * that fails meanwhile (what it needs may have been closed), runs again after the next start.
   */
  async close(graceSeconds: number): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#alarm);
    clearInterval(this.#purging);
    await within(graceSeconds, Promise.all([this.#episodes, ...this.#running.values()]));
    this.#closed = true;
    this.store.close();
  }

  #woken(id: string, delivery: Delivery): Delivery {
    if (delivery === 'accepted') this.#wake(id);
    return delivery;
  }

  #wake(id: string): void {
    this.#ready.add(id);
    if (!this.#closing) this.#episodes ??= this.#runEpisodes();
  }

  /** Everything that is due, by the store: after a start, when a timer fires, now and then, and when time was moved. */
  async lookAround(): Promise<void> {
    this.#lookAgainIn(LONGEST_WAIT);
    try {
      await this.store.fire(systemClock.now());
      if (this.#closing) return;
      for (const id of this.store.ready()) this.#wake(id);
      this.#startActivities();
      this.#awaitTimer();
    } catch (error) {
      log({ stack: stackOf(error) });
    }
  }

  #awaitTimer(): void {
    this.#lookAgainIn((this.store.nextTimer() ?? Infinity) - systemClock.now());
  }

  #lookAgainIn(milliseconds: number): void {
    clearTimeout(this.#alarm);
    if (!this.#closing)
      this.#alarm = setTimeout(() => void this.lookAround(), Math.min(Math.max(milliseconds, 0), LONGEST_WAIT));
  }

  // ------------------------------------------------------------------------------------------------------- episodes

  async #runEpisodes(): Promise<void> {
    while (this.#ready.size > 0) {
      // Requests come in between: a turn of the event loop for each batch.
      await nextTurn();
      if (this.#closing) break;
      const batch = [...this.#ready].slice(0, EPISODES_AT_ONCE);
      await Promise.all(
        batch.map(async (id) => {
          this.#ready.delete(id);
          try {
            const turn = this.store.turn(id);
            if (turn !== undefined) await this.#runEpisode(turn);
          } catch (error) {
            // Nothing was written, so nothing is lost: `#lookAround` finds it again.
            log({ instance: id, stack: stackOf(error) });
          }
        }),
      );
    }
    this.#episodes = undefined;
  }

  async #runEpisode({ instance, history, arrived }: Turn): Promise<void> {
    const taken = arrived.slice(0, episodeLength(history, arrived));
    const events: HistoryEvent[] = [
      { EventType: EventType.OrchestratorStarted, ...common(systemClock.now()) },
      ...taken,
    ];
    const whole = [...history, ...events];
    const answer = await this.#replay(instance.id, instance.name, instance.input, history.length > 0, whole);
    if (this.#closed) return;

    const now = systemClock.now();
    const episode = decideEpisode(whole, taken[0]!, answer, now);
    const { outcome } = episode;
    if (outcome.kind === 'failed') {
      const reason = `Orchestrator function '${instance.name}' failed: ${outcome.reason}`;
      log({ instance: instance.id, reason });
      await this.store.commit(instance, events, { ...episode, outcome: { kind: 'failed', reason } }, now);
    } else {
      await this.store.commit(instance, events, episode, now);
    }
    if (this.#closing) return;
    if (taken.length < arrived.length || outcome.kind === 'continued') this.#wake(instance.id);
    if (episode.created.length > 0) {
      this.#startActivities();
      this.#awaitTimer();
    }
  }

  async #replay(
    instanceId: string,
    name: string,
    input: string | null,
    isReplaying: boolean,
    history: readonly HistoryEvent[],
  ): Promise<Answer> {
    const registration = this.#orchestrators.get(name.toLowerCase());
    if (registration === undefined) return { error: 'this app has no such function any more' };
    const trigger = JSON.stringify({
      history,
      input: input === null ? null : (JSON.parse(input) as unknown),
      instanceId,
      isReplaying,
      parentInstanceId: null,
      upperSchemaVersion: 1,
    });
    try {
      const answer = (await handOver(registration, { data: stringData(trigger) })) as Answer;
      // What is no JSON could not have left a worker either.
      JSON.stringify(answer);
      return answer;
    } catch (error) {
      return { error: reasonOf(error) };
    }
  }

  // ----------------------------------------------------------------------------------------------------- activities

  #startActivities(): void {
    for (const due of this.store.activities(ACTIVITIES_AT_ONCE)) {
      if (this.#running.size >= ACTIVITIES_AT_ONCE) return;
      if (!this.#running.has(due.seq)) this.#running.set(due.seq, this.#runActivity(due));
    }
  }

  /** Never rejects. */
  async #runActivity(due: DueActivity): Promise<void> {
    const event = await this.#call(due);
    if (this.#closed || (this.#closing && event.EventType === EventType.TaskFailed)) return;
    try {
      // Until this is durable the store still names the activity as due.
      await this.store.endActivity(due, event).finally(() => this.#running.delete(due.seq));
      if (this.#closing) return;
      this.#wake(due.instance);
      this.#startActivities();
    } catch (error) {
      log({ instance: due.instance, stack: stackOf(error) });
    }
  }

  async #call({ instance, id, name, input }: DueActivity): Promise<HistoryEvent> {
    try {
      const registration = this.#activities.get(name.toLowerCase());
      if (registration === undefined) throw new Error('this app has no such function');
      const data = stringData(input);
      const result = JSON.stringify(
        (await handOver(registration, { data, metadata: { instanceId: stringData(instance), data } })) ?? null,
      );
      if (result.length > RESULT_LIMIT)
        throw new Error(`its result has more than ${RESULT_LIMIT} characters of JSON: store it, and return where`);
      return { EventType: EventType.TaskCompleted, TaskScheduledId: id, Result: result, ...common(systemClock.now()) };
    } catch (error) {
      const reason = `Activity function '${name}' failed:  ${error instanceof Error ? error.message : String(error)}`;
      return {
        EventType: EventType.TaskFailed,
        TaskScheduledId: id,
        Reason: reason,
        Details: String(error),
        ...common(systemClock.now()),
      };
    }
  }
}

function byName(registrations: readonly Registration[]): ReadonlyMap<string, Registration> {
  return new Map(registrations.map((registration) => [registration.name.toLowerCase(), registration]));
}

/** The SDK puts the whole answer into the message of what it throws, behind a mark; the reason stands in there. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const mark = '$OutOfProcData$:';
  const at = message.indexOf(mark);
  return at < 0
    ? message
    : ((JSON.parse(message.slice(at + mark.length)) as { error?: string }).error ??
        'it threw an error without a message');
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : String(error);
}

function log(fields: Readonly<Record<string, unknown>>): void {
  console.error(JSON.stringify({ level: 'error', at: new Date(systemClock.now()).toISOString(), ...fields }));
}
