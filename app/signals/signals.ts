/**
 * Signals: agents emit them, and perceive the field that they add up to.
 *
 * Emissions come in thousands a second and often meet on one trail. What one principal emits on a trail while a commit
 * of its emissions there is under way collects, and goes out as one commit with an event for each.
 */
import type { Shown } from '../../contract/route';
import type * as contract from '../../contract/signals/signals';
import { Rejection } from '../../domain/kernel/decider';
import { type Time, toTime } from '../../domain/kernel/time';
import {
  emit,
  type Signal,
  signalProblem,
  type TrailEvent,
  trailId,
  type TrailState,
} from '../../domain/signals/trail';
import { type Field, type FieldQuery, perceive, strongest, type TrailDoc } from '../../projections/signals/trails';
import type { Aggregate } from '../engine/aggregate';
import { type CommandContext, type Outcome, type Refused, settled } from '../engine/command';
import { newId } from '../engine/new-id';
import type { Clock } from '../engine/ports';
import { Slices, soon } from '../engine/turns';

export type EmitContext = Pick<
  CommandContext,
  'principal' | 'command' | 'correlationId' | 'cause' | 'reaction' | 'traceparent'
>;

/** The emitter is the caller and the time is now, unless said otherwise. An agent can't emit for another. */
export type SignalInput = Omit<Signal, 'emitter_agent' | 'timestamp'> &
  Partial<Pick<Signal, 'emitter_agent' | 'timestamp'>>;

export type SignalReceipt = { readonly ok: true } & Shown<typeof contract.Emitted>;
export type SignalOutcome = SignalReceipt | Refused;

/** Counts so many more signals of a tenant; or answers why they may not come now. */
export type SignalLimit = (tenant: string, more: number) => Rejection | undefined | Promise<Rejection | undefined>;

/** A trail as it is perceived, with its place in its stream. */
export type TrailReading = Shown<typeof contract.TrailReading>;

/** An event of the longest location and names has 700 bytes; a commit of so many stays below its 256 KB. */
const SIGNALS_PER_COMMIT = 256;

/** Signals of one call for one trail, that wait to be committed. */
interface Batch {
  readonly signals: readonly Signal[];
  readonly resolve: (outcomes: readonly SignalOutcome[]) => void;
  readonly reject: (error: unknown) => void;
}

export class Signals {
  /** What waits, by trail and caller; there is an entry while a commit is under way. */
  private readonly queues = new Map<string, Batch[]>();

  constructor(
    private readonly trails: Aggregate<TrailState, TrailEvent, TrailDoc>,
    private readonly clock: Clock,
    private readonly limit: SignalLimit = () => undefined,
  ) {}

  /** Counts signals of the tenant that come; or answers why they may not come now. */
  refusal(tenant: string, more: number): ReturnType<SignalLimit> {
    return this.limit(tenant, more);
  }

  /**
   * Takes in signals of any trails; answers for each of them, in their order, when it is durable or refused. A refused
   * signal doesn't keep the others back; but what is more than the tenant may emit in a minute is refused as a whole.
   * With a command key, giving the same signals again changes nothing.
   */
  async emit(context: EmitContext, inputs: readonly SignalInput[]): Promise<readonly SignalOutcome[]> {
    const { principal } = context;
    // What comes through a hub was counted when it came, and what the colony says itself is nobody's.
    const isNew = context.reaction !== true && principal.kind !== 'system';
    const limited = isNew ? this.refusal(principal.tenant, inputs.length) : undefined;
    const rejection = limited instanceof Promise ? await limited : limited;
    if (rejection !== undefined) return inputs.map(() => ({ ok: false, rejection }));
    const now = toTime(this.clock.now());
    const outcomes = new Array<SignalOutcome>(inputs.length);
    const groups = new Map<string, { signal: Signal; position: number }[]>();
    for (const [position, input] of inputs.entries()) {
      const { type, location, strength, decay_rate, emitter_agent = principal.id, timestamp = now, event_id } = input;
      const signal = {
        type,
        location,
        strength,
        emitter_agent,
        timestamp,
        decay_rate,
        ...(event_id === undefined ? {} : { event_id }),
      };
      const refusal = refusalOf(signal, context);
      if (refusal !== undefined) {
        outcomes[position] = { ok: false, rejection: refusal };
        continue;
      }
      const trail = `${type}\n${location}`;
      const group = groups.get(trail);
      if (group === undefined) groups.set(trail, [{ signal, position }]);
      else group.push({ signal, position });
    }
    const pending: Promise<void>[] = [];
    const failures: unknown[] = [];
    const slices = new Slices(soon);
    for (const group of groups.values()) {
      for (let start = 0, part = 1; start < group.length; start += SIGNALS_PER_COMMIT, part += 1) {
        const items = group.slice(start, start + SIGNALS_PER_COMMIT);
        const committed = this.send(
          partOf(context, part),
          items.map(({ signal }) => signal),
        );
        pending.push(
          committed.then(
            (answers) => items.forEach(({ position }, i) => (outcomes[position] = answers[i] as SignalOutcome)),
            (error: unknown) => void failures.push(error),
          ),
        );
        if (slices.over) await slices.pause();
      }
    }
    await Promise.all(pending);
    if (failures.length > 0) throw failures[0];
    return outcomes;
  }

  /** The strongest trails now, as far as the view has come. */
  async field(tenant: string, query: Omit<FieldQuery, 'now'>): Promise<Field> {
    const { store, view } = this.trails.listedAt();
    return await strongest(store, view, tenant, { ...query, now: toTime(this.clock.now()) });
  }

  /** One trail now, or as it was at `asOf`; undefined when nobody had emitted there. */
  async trail(tenant: string, type: string, location: string, asOf?: Time): Promise<TrailReading | undefined> {
    const { stream, state, version, hash } = await this.trails.load(tenant, trailId(type, location), asOf);
    if (hash === null) return undefined;
    return { ...perceive(state, asOf ?? toTime(this.clock.now())), stream, version, hash };
  }

  /** Commits signals of one trail; answers for each. */
  private async send(context: EmitContext, signals: readonly Signal[]): Promise<readonly SignalOutcome[]> {
    const { type, location } = signals[0] as Signal;
    const { principal, command, cause, correlationId } = context;
    const id = trailId(type, location);
    // A key names one commit, and a commit has one cause: these go alone.
    if (command !== undefined || cause !== undefined) return await this.commit(id, context, signals);
    const name = JSON.stringify([principal.tenant, id, principal.id, principal.kind, principal.level, correlationId]);
    return await new Promise((resolve, reject) => {
      const batch = { signals, resolve, reject };
      const queue = this.queues.get(name);
      if (queue !== undefined) queue.push(batch);
      else void this.drain(name, id, context, batch);
    });
  }

  /** Commits a batch, then together what has come meanwhile, until nothing has. */
  private async drain(name: string, id: string, context: EmitContext, first: Batch): Promise<void> {
    const queue: Batch[] = [];
    this.queues.set(name, queue);
    for (let batches = [first]; batches.length > 0; batches = take(queue)) {
      try {
        const answers = await this.commit(
          id,
          context,
          batches.flatMap(({ signals }) => signals),
        );
        let start = 0;
        for (const { signals, resolve } of batches) resolve(answers.slice(start, (start += signals.length)));
      } catch (error) {
        for (const { reject } of batches) reject(error);
      }
    }
    this.queues.delete(name);
  }

  private async commit(
    id: string,
    context: EmitContext,
    signals: readonly Signal[],
  ): Promise<readonly SignalOutcome[]> {
    const { type, location } = signals[0] as Signal;
    const at = toTime(this.clock.now());
    // Other signals of the call may be written: whoever emits has to know of each.
    const outcome: Outcome<TrailState, TrailEvent> = await settled(
      this.trails.decide(
        {
          ...context,
          // What follows from one emission is not what follows from every emission on its trail.
          correlationId: context.correlationId ?? context.cause?.correlationId ?? newId(this.clock.now()),
          attributes: { type, location },
        },
        id,
        'signal.emit',
        emit(signals, at),
      ),
    );
    if (!outcome.ok) return signals.map(() => outcome);
    const { stream, state, version, hash, events } = outcome;
    if (hash === null) throw new Error(`${stream}: signals were accepted without a receipt`);
    const receipt = (strength: number): SignalReceipt => ({
      ok: true,
      type,
      location,
      strength,
      stream,
      version,
      hash,
    });
    let next = 0;
    return signals.map(({ event_id }) => {
      const emission = events[next]?.data;
      // Of a CloudEvent that the trail knew there is no event.
      if (emission === undefined || emission.event_id !== event_id) return receipt(state.strength);
      next += 1;
      return receipt(emission.resulting_strength);
    });
  }
}

function refusalOf(signal: Signal, { principal }: EmitContext): Rejection | undefined {
  const problem = signalProblem(signal);
  if (problem !== undefined) return new Rejection('invalid', 'signal-invalid', problem);
  if (principal.kind === 'agent' && signal.emitter_agent !== principal.id) {
    return new Rejection(
      'forbidden',
      'emitter-mismatch',
      `${principal.id} can't emit for ${signal.emitter_agent}: leave emitter_agent out`,
    );
  }
  return undefined;
}

/** The parts of a large batch are commands of their own; the same batch is parted in the same way. */
function partOf(context: EmitContext, part: number): EmitContext {
  const { command } = context;
  return part === 1 || command === undefined
    ? context
    : { ...context, command: { ...command, key: `${command.key}#${part}` } };
}

/** Takes out of the queue what fits into one commit. */
function take(queue: Batch[]): Batch[] {
  let size = 0;
  const end = queue.findIndex(({ signals }) => (size += signals.length) > SIGNALS_PER_COMMIT);
  return queue.splice(0, end < 0 ? queue.length : end);
}
