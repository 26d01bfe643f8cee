/**
 * Signals that come through an event hub. A batch may come again, in other bounds, on another machine, or on two at once:
 * what was taken in is taken in once, and emitted once.
 *
 * First the batch is committed to the stream of its partition and tenant, then its signals are emitted under that
 * commit's name. Nothing more is taken in before the last commit is known to be emitted; whoever finds one that it
 * has not emitted itself does so, and the name makes a repetition harmless.
 */
import { sha256, type Commit } from '../domain/kernel/commit';
import { Rejection } from '../domain/kernel/decider';
import { commitRef, isId, streamName } from '../domain/kernel/ids';
import type { Principal } from '../domain/kernel/principal';
import { toTime, type Time } from '../domain/kernel/time';
import { signalsOf, type IncomingSignal } from '../domain/cloud-event';
import { MAX_ARRIVING, intakeDecider, takeIn, type Arrival, type IntakeEvent } from '../domain/intake';
import { newId } from './new-id';
import type { Clock, EventStore, WorkQueue } from './ports';
import type { Signals } from './signals';
import { StoreUnavailable, causeOf, type Transactor } from './transact';

/** Where a batch comes from; the lists have an entry for each of its messages, in the order of their sequence numbers. */
export interface BatchMetadata {
  readonly hub: string;
  readonly partition: string;
  readonly sequences: readonly number[];
  /** When the hub took each of them in. */
  readonly enqueued: readonly Time[];
  readonly properties: readonly Readonly<Record<string, unknown>>[];
}

export interface SignalsInDeps {
  readonly transactor: Pick<Transactor, 'transact' | 'load'>;
  readonly signals: Pick<Signals, 'emit'>;
  readonly store: Pick<EventStore, 'read'>;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly report: (message: string, facts: Record<string, unknown>) => void;
  /** By stream: index of the last commit that this process has emitted. One map a process. */
  readonly emitted: Map<string, number>;
}

/** The name under which what comes through hubs is taken in. */
const EMITTER = 'event-hub';
/** Messages that can't be taken in; they lie among its dead letters. */
export const PARKED_SIGNALS = 'parked-signals';
/** Characters of a parked message that are kept. */
const MAX_KEPT = 32_000;
const LOCK_SECONDS = 60;
const PARKED_PAGE = 100;

/** What is kept of a message that was parked. */
interface Poison {
  readonly hub: string;
  readonly partition: string;
  readonly sequence: number;
  readonly reason: string;
  readonly content: string;
}

/**
 * Takes in a batch. Resolves when each message is durable, as signals or parked; rejects when the stores can't be
 * reached: then the batch is to be given again.
 */
export async function handleSignalBatch(messages: readonly unknown[], metadata: BatchMetadata, deps: SignalsInDeps): Promise<void> {
  const tenants = new Map<string, Arrival[]>();
  const poison: Poison[] = [];
  const park = (position: number, reason: string) => poison.push(poisonOf(messages[position], metadata, position, reason));
  for (const [position, message] of messages.entries()) {
    const { sequences, enqueued, properties } = metadata;
    const parsed = signalsOf(message, properties[position] ?? {}, { emitter_agent: EMITTER, timestamp: enqueued[position] as Time });
    if (parsed instanceof Rejection) {
      park(position, parsed.message);
      continue;
    }
    for (const [tenant, signals] of byTenant(parsed)) {
      const arrivals = tenants.get(tenant) ?? [];
      tenants.set(tenant, [...arrivals, { sequence: sequences[position] as number, signals }]);
    }
  }
  for (const [tenant, arrivals] of tenants) {
    for (const chunk of chunksOf(arrivals)) {
      const refused = await arrive(tenant, chunk, metadata, deps);
      if (refused !== undefined) for (const { sequence } of chunk) park(metadata.sequences.indexOf(sequence), refused.message);
    }
  }
  await parkAll(poison, deps);
}

/** Takes in messages of one tenant, and emits their signals. */
async function arrive(tenant: string, arrivals: readonly Arrival[], { hub, partition }: BatchMetadata, deps: SignalsInDeps): Promise<Rejection | undefined> {
  const { transactor, store, clock, emitted } = deps;
  const name = `${hub}:${partition}`;
  const stream = streamName(tenant, intakeDecider.category, isId(name) ? name : sha256(name).slice(0, 32));
  const principal: Principal = { tenant, id: EMITTER, kind: 'service', level: 'read_write' };
  for (;;) {
    const { version } = await transactor.load(intakeDecider, stream);
    if (version >= 0 && emitted.get(stream) !== version) {
      const [last] = await store.read(stream, version, 1);
      await emit(last as Commit, principal, deps);
      emitted.set(stream, version);
    }
    const outcome = await transactor.transact(intakeDecider, stream, takeIn(arrivals), {
      principal,
      action: 'signal.take_in',
      expectedVersion: version,
      // What follows from one batch is not what follows from all that ever came.
      correlationId: newId(clock.now()),
    });
    if (!outcome.ok) {
      // Somebody else takes in the same partition: what was taken in meanwhile may not be emitted yet.
      if (outcome.rejection.kind === 'precondition') continue;
      return outcome.rejection;
    }
    if (outcome.commit === undefined) return undefined;
    await emit(outcome.commit, principal, deps);
    emitted.set(stream, outcome.version);
    return undefined;
  }
}

async function emit(commit: Commit, principal: Principal, { signals, report }: SignalsInDeps): Promise<void> {
  const ref = commitRef(commit.stream, commit.index);
  const arrived = (commit.events as readonly IntakeEvent[]).flatMap(({ data }) => data.signals);
  const outcomes = await signals.emit({ principal, command: { key: ref, hash: commit.hash }, cause: causeOf(commit), reaction: true }, arrived);
  const refused = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.rejection]));
  const unavailable = refused.find(({ kind }) => kind === 'unavailable');
  if (unavailable !== undefined) throw new StoreUnavailable(unavailable.message);
  // Who was refused by the policy has a receipt of it; here there is nobody to tell.
  if (refused.length > 0) report('signals were refused', { commit: ref, refused: refused.length, first: refused[0]?.code });
}

/** Messages that go into one commit together: a message is never parted. */
function chunksOf(arrivals: readonly Arrival[]): Arrival[][] {
  const chunks: Arrival[][] = [];
  let room = 0;
  for (const arrival of arrivals) {
    if (arrival.signals.length > room) {
      chunks.push([]);
      room = MAX_ARRIVING;
    }
    chunks.at(-1)?.push(arrival);
    room -= arrival.signals.length;
  }
  return chunks;
}

function byTenant(incoming: readonly IncomingSignal[]): Map<string, IncomingSignal['signal'][]> {
  const tenants = new Map<string, IncomingSignal['signal'][]>();
  for (const { tenant, signal } of incoming) tenants.set(tenant, [...(tenants.get(tenant) ?? []), signal]);
  return tenants;
}

function poisonOf(message: unknown, { hub, partition, sequences }: BatchMetadata, position: number, reason: string): Poison {
  const content = typeof message === 'string' ? message : Buffer.isBuffer(message) ? message.toString('utf8') : (JSON.stringify(message) ?? '');
  return { hub, partition, sequence: sequences[position] as number, reason, content: content.slice(0, MAX_KEPT) };
}

/** Puts messages among the dead letters, each under the name of its place in the hub: once, however often it comes. */
async function parkAll(poison: readonly Poison[], { queue, clock, report }: SignalsInDeps): Promise<void> {
  if (poison.length === 0) return;
  for (const { content: _, ...facts } of poison) report('a message was parked', facts);
  await queue.send(PARKED_SIGNALS, poison.map((body) => ({ id: `${body.hub}:${body.partition}:${body.sequence}`, body })));
  for (;;) {
    const items = await queue.receive(PARKED_SIGNALS, PARKED_PAGE, LOCK_SECONDS, toTime(clock.now()));
    if (items.length === 0) return;
    for (const item of items) await queue.deadLetter(PARKED_SIGNALS, item, (item.body as Poison).reason);
  }
}
