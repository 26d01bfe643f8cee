/**
 * Signals that come through an event hub. A batch may come again, in other bounds, on another machine, or on two at
 * once: what was taken in is taken in once, and emitted once.
 *
 * First the batch is committed to the stream of its partition and tenant, then its signals are emitted under that
 * commit's name. Nothing more is taken in before the last commit is known to be emitted; whoever finds one that it
 * has not emitted itself does so, and the name makes a repetition harmless.
 */
import { type Commit, sha256 } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { commitRef } from '../../domain/kernel/ids';
import { JsonError, readJson } from '../../domain/kernel/json';
import type { Principal } from '../../domain/kernel/principal';
import { cut } from '../../domain/kernel/text';
import { plusSeconds, type Time, toMillis, toTime } from '../../domain/kernel/time';
import { type IncomingSignal, signalsOf, tenantOf } from '../../domain/signals/cloud-event';
import {
  type Arrival,
  intakeDecider,
  type IntakeEvent,
  intakeStream,
  MAX_ARRIVING,
  takeIn,
} from '../../domain/signals/intake';
import { TENANT_CLOSED, TENANT_LIMIT, TENANT_UNKNOWN } from '../../domain/tenants/tenant';
import { causeOf } from '../engine/command';
import { newId } from '../engine/new-id';
import type { Clock, EventStore, Report, WorkQueue } from '../engine/ports';
import { StoreUnavailable } from '../engine/reachable';
import { STOPPED } from '../engine/standstill';
import type { Transactor } from '../engine/transact';
import type { Signals } from './signals';

/**
 * Where a batch comes from; the lists have an entry for each of its messages, in the order of their sequence numbers.
 */
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
  readonly signals: Pick<Signals, 'emit' | 'refusal'>;
  readonly store: Pick<EventStore, 'read'>;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly report: Report;
  /** By stream: index of the last commit that this process has emitted. One map a process. */
  readonly emitted: Map<string, number>;
}

/** A tenant that is stopped, that was closed, that there is not, or that has emitted as much as it may. */
const DROPPED: ReadonlySet<string> = new Set([STOPPED, TENANT_CLOSED, TENANT_UNKNOWN, TENANT_LIMIT]);
/** The name under which what comes through hubs is taken in. */
const EMITTER = 'event-hub';
/** The intake among those that park what they can't handle. */
export const SIGNALS = 'signals';
/** Messages that can't be taken in; they lie among its dead letters. */
export const PARKED_SIGNALS = `parked-${SIGNALS}`;
/** A message of which no tenant can be read is shown to this one. */
const TENANT_OF_NONE = 'default';
/** Characters of a parked message that are kept. */
const MAX_KEPT = 32_000;
const LOCK_SECONDS = 60;
const PARKED_PAGE = 100;
/** Before a parked message is tried again whose stores could not be reached. */
const TRY_AGAIN_SECONDS = 5;

/** What is kept of a message that was parked. */
interface Poison {
  readonly hub: string;
  readonly partition: string;
  readonly sequence: number;
  readonly reason: string;
  readonly content: string;
  /** Absent in what was parked by an earlier version. */
  readonly enqueued?: Time;
  readonly properties?: Readonly<Record<string, unknown>>;
  /** Whose signals were not taken in; absent: nobody's were. */
  readonly tenant?: string;
  /** Whether `content` is only the beginning. */
  readonly cut?: true;
}

/**
 * Takes in a batch: bodies as bytes, and what is said about each. Resolves when each message is durable, as signals or
 * parked; rejects when the stores can't be reached: then the batch is to be given again. Throws a RangeError when the
 * lists don't fit the messages: nothing of such a batch is taken in, since nobody knows what belongs to what.
 */
export async function handleSignalBatch(
  messages: readonly Uint8Array[],
  metadata: BatchMetadata,
  deps: SignalsInDeps,
): Promise<void> {
  const { sequences, enqueued, properties } = metadata;
  if (![sequences, enqueued, properties].every(({ length }) => length === messages.length))
    throw new RangeError(
      `a batch of ${messages.length} messages came with ${sequences.length} numbers, ${enqueued.length} times and ${properties.length} sets of properties`,
    );
  if (!sequences.every((sequence, i) => Number.isSafeInteger(sequence) && sequence > (sequences[i - 1] ?? -1)))
    throw new RangeError('the sequence numbers of a batch must be integers that rise');
  const tenants = new Map<string, Arrival[]>();
  const poison: Poison[] = [];
  const park = (position: number, reason: string, tenant?: string) =>
    poison.push(poisonOf(messages[position] as Uint8Array, metadata, position, reason, tenant));
  for (const [position, message] of messages.entries()) {
    const received = { sequence: sequences[position] as number, enqueued: enqueued[position] as Time };
    const parsed = parse(message, properties[position] ?? {}, received.enqueued);
    if (parsed instanceof Rejection) {
      park(position, parsed.message);
      continue;
    }
    for (const [tenant, signals] of byTenant(parsed)) {
      const arrivals = tenants.get(tenant) ?? [];
      tenants.set(tenant, [...arrivals, { ...received, signals }]);
    }
  }
  for (const [tenant, arrivals] of tenants) {
    for (const chunk of chunksOf(arrivals)) {
      const refused = await arrive(tenant, chunk, metadata, deps);
      // Signals are hints that decay: those that may not come now are not kept for later, however many come.
      if (refused !== undefined && DROPPED.has(refused.code))
        deps.report('messages of a tenant that may emit nothing now were dropped', {
          tenant,
          messages: chunk.length,
          refused: refused.code,
        });
      else if (refused !== undefined)
        for (const { sequence } of chunk) park(sequences.indexOf(sequence), refused.message, tenant);
    }
  }
  await parkAll(poison, deps);
}

/**
 * Tries a parked message again. False when there is none of that name; a Rejection when it still can't be taken in, and
 * is parked as before. Rejects when the stores can't be reached: it is tried again with the next message that is
 * parked.
 */
export async function redriveSignal(id: string, deps: SignalsInDeps): Promise<boolean | Rejection> {
  if (!(await deps.queue.redrive(PARKED_SIGNALS, id))) return false;
  return (await driveParked(deps)).get(id) ?? true;
}

/** The signals in a body. */
function parse(
  body: Uint8Array,
  properties: Readonly<Record<string, unknown>>,
  enqueued: Time,
): readonly IncomingSignal[] | Rejection {
  const message = jsonOf(body);
  return message instanceof Rejection
    ? message
    : signalsOf(message, properties, { emitter_agent: EMITTER, timestamp: enqueued });
}

function jsonOf(body: Uint8Array): unknown {
  if (body.length === 0) return unreadable('the message is empty');
  try {
    return readJson(body);
  } catch (error) {
    if (error instanceof JsonError) return unreadable(`the message ${error.message}`);
    throw error;
  }
}

function unreadable(message: string): Rejection {
  return new Rejection('invalid', 'signal-malformed', message);
}

/** Takes in messages of one tenant, and emits their signals. */
async function arrive(
  tenant: string,
  arrivals: readonly Arrival[],
  { hub, partition }: BatchMetadata,
  deps: SignalsInDeps,
): Promise<Rejection | undefined> {
  const { transactor, store, clock, emitted, report } = deps;
  const name = `${hub}:${partition}`;
  const stream = intakeStream(tenant, name);
  const principal = principalOf(tenant);
  const limited = await deps.signals.refusal(tenant, sum(arrivals));
  if (limited !== undefined) return limited;
  for (;;) {
    const { version, state } = await transactor.load(intakeDecider, stream);
    if (version >= 0 && emitted.get(stream) !== version) {
      const [last] = await store.read(stream, version, 1);
      await emit(last as Commit, principal, deps);
      emitted.set(stream, version);
    }
    const outcome = await transactor.transact(intakeDecider, stream, takeIn(arrivals), {
      principal,
      action: 'signal.take-in',
      expectedVersion: version,
      // What follows from one batch is not what follows from all that ever came.
      correlationId: newId(clock.now()),
    });
    if (!outcome.ok) {
      // Somebody else takes in the same partition: what was taken in meanwhile may not be emitted yet.
      if (outcome.rejection.kind === 'precondition') continue;
      if (outcome.rejection.kind === 'unavailable') throw new StoreUnavailable(outcome.rejection.message);
      return outcome.rejection;
    }
    if (outcome.commit === undefined) return undefined;
    if (outcome.state.epoch > state.epoch)
      report('an event hub was made anew: its messages count from the beginning', {
        hub,
        partition,
        tenant,
        commit: commitRef(stream, outcome.version),
        last_sequence: state.last_sequence,
      });
    await emit(outcome.commit, principal, deps);
    emitted.set(stream, outcome.version);
    return undefined;
  }
}

async function emit(commit: Commit, principal: Principal, { signals, report }: SignalsInDeps): Promise<void> {
  const ref = commitRef(commit.stream, commit.index);
  const arrived = (commit.events as readonly IntakeEvent[]).flatMap(({ data }) => data.signals);
  const outcomes = await signals.emit(
    { principal, command: { key: ref, hash: commit.hash }, cause: causeOf(commit), reaction: true },
    arrived,
  );
  const refused = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.rejection]));
  const unavailable = refused.find(({ kind }) => kind === 'unavailable');
  if (unavailable !== undefined) throw new StoreUnavailable(unavailable.message);
  // Who was refused by the policy has a receipt of it; here there is nobody to tell.
  if (refused.length > 0)
    report('signals were refused', { commit: ref, refused: refused.length, first: refused[0]?.code });
}

function sum(arrivals: readonly Arrival[]): number {
  return arrivals.reduce((count, { signals }) => count + signals.length, 0);
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

function principalOf(tenant: string): Principal {
  return { tenant, id: EMITTER, kind: 'service', level: 'read_write' };
}

function poisonOf(
  message: Uint8Array,
  { hub, partition, sequences, enqueued, properties }: BatchMetadata,
  position: number,
  reason: string,
  refused?: string,
): Poison {
  const content = Buffer.from(message).toString('utf8');
  const body = jsonOf(message);
  const tenant = refused ?? (body instanceof Rejection ? undefined : tenantOf(body, properties[position] ?? {}));
  return {
    hub,
    partition,
    sequence: sequences[position] as number,
    reason,
    content: cut(content.toWellFormed(), MAX_KEPT),
    enqueued: enqueued[position],
    properties: properties[position],
    ...(tenant === undefined ? {} : { tenant }),
    ...(content.length > MAX_KEPT ? { cut: true } : {}),
  };
}

/** What belongs to a tenant stands together. A hub that was made anew uses its numbers again, and at other times. */
function parkedId({ hub, partition, sequence, enqueued = toTime(0), tenant = TENANT_OF_NONE }: Poison): string {
  return `${tenant}/${hub}:${partition}:${sequence}:${toMillis(enqueued)}`;
}

/** Puts messages among the dead letters, each under the name of its place in the hub: once, however often it comes. */
async function parkAll(poison: readonly Poison[], deps: SignalsInDeps): Promise<void> {
  if (poison.length === 0) return;
  for (const { content: _, properties: __, ...facts } of poison) deps.report('a message was parked', facts);
  const items = poison.map((body) => ({ id: parkedId(body), body }));
  await deps.queue.send(PARKED_SIGNALS, items);
  await driveParked(deps, new Set(items.map(({ id }) => id)));
}

/**
 * Tries the messages in the queue again, but not those that were `refused` just now; answers why some are parked again.
 */
async function driveParked(
  deps: SignalsInDeps,
  refused: ReadonlySet<string> = new Set(),
): Promise<ReadonlyMap<string, Rejection>> {
  const { queue, clock } = deps;
  const parked = new Map<string, Rejection>();
  for (;;) {
    const items = await queue.receive(PARKED_SIGNALS, PARKED_PAGE, LOCK_SECONDS, toTime(clock.now()));
    if (items.length === 0) return parked;
    for (const item of items) {
      const body = item.body as Poison;
      let rejection: Rejection | undefined;
      try {
        rejection = refused.has(item.id) ? unreadable(body.reason) : await tryAgain(item.id, body, deps);
      } catch (error) {
        await queue.abandon(PARKED_SIGNALS, item, plusSeconds(toTime(clock.now()), TRY_AGAIN_SECONDS));
        throw error;
      }
      if (rejection === undefined) await queue.complete(PARKED_SIGNALS, item);
      else {
        parked.set(item.id, rejection);
        await queue.deadLetter(PARKED_SIGNALS, item, rejection.message);
      }
    }
  }
}

/** Emits the signals of a parked message, under its name: once, however often it is tried. */
async function tryAgain(
  id: string,
  { content, properties = {}, enqueued = toTime(0), tenant, cut }: Poison,
  { signals, clock }: SignalsInDeps,
): Promise<Rejection | undefined> {
  if (cut === true) return unreadable(`only the first ${MAX_KEPT} characters of the message were kept: send it again`);
  const parsed = parse(Buffer.from(content), properties, enqueued);
  if (parsed instanceof Rejection) return parsed;
  for (const [owner, own] of byTenant(parsed)) {
    if (tenant !== undefined && owner !== tenant) continue;
    const command = { key: `parked:${sha256(id)}`, hash: sha256(content) };
    const outcomes = await signals.emit(
      { principal: principalOf(owner), command, correlationId: newId(clock.now()) },
      own,
    );
    const refusal = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.rejection]));
    const unavailable = refusal.find(({ kind }) => kind === 'unavailable');
    if (unavailable !== undefined) throw new StoreUnavailable(unavailable.message);
    if (refusal[0] !== undefined) return refusal[0];
  }
  return undefined;
}
