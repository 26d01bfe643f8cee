/**
 * CloudEvents 1.0, both ways: what a commit looks like to the outside, and what a message from outside says as a
 * signal. Pure; field names are those of the specification (https://github.com/cloudevents/spec, version 1.0.2), its
 * JSON format, and its documented extensions `partitionkey`, `dataref` and `traceparent`.
 */
import { type Commit, sha256 } from '../kernel/commit';
import { Rejection } from '../kernel/decider';
import { commitRef, isTenant, parseStream } from '../kernel/ids';
import { readTime, type Time } from '../kernel/time';
import { type Emission, type Signal, signalProblem, trailDecider } from './trail';

// ------------------------------------------------------------------------------------------------------------- out

export interface CloudEvent {
  readonly specversion: '1.0';
  /** `stream@index.n` for the nth event (from 0) of a commit: the same each time it is published. */
  readonly id: string;
  /** `/tenant/category/id`, the stream. */
  readonly source: string;
  /** For example `formicary.task.TaskPosted.v1`. */
  readonly type: string;
  readonly time: Time;
  readonly datacontenttype: 'application/json';
  readonly tenant: string;
  /** What shares it stays in order. */
  readonly partitionkey: string;
  readonly correlationid: string;
  readonly causationid?: string;
  readonly traceparent?: string;
  /** Of the commit that holds the event: whoever has the receipts can check it. */
  readonly commithash: string;
  readonly data?: unknown;
  /** In place of data that is too large to be sent: the commit that holds it. */
  readonly dataref?: string;
}

/** Characters that Event Hubs allows in a partition key. */
const MAX_PARTITION_KEY = 128;

/** The events of a commit, in their order. A trail's go with its tenant and location, all others with their stream. */
export function cloudEventsOf({ stream, index, events, meta, at, hash }: Commit): CloudEvent[] {
  const { tenant, category } = parseStream(stream);
  return events.map(({ type, v, data }, n) => ({
    specversion: '1.0',
    id: `${commitRef(stream, index)}.${n}`,
    source: `/${stream}`,
    type: `formicary.${category}.${type}.v${v}`,
    time: at,
    datacontenttype: 'application/json',
    tenant,
    partitionkey: short(category === trailDecider.category ? `${tenant}/${(data as Emission).location}` : stream),
    correlationid: meta.correlationId,
    ...(meta.causationId === undefined ? {} : { causationid: meta.causationId }),
    ...(meta.traceparent === undefined ? {} : { traceparent: meta.traceparent }),
    commithash: hash,
    data,
  }));
}

/** The event with a reference in place of its data. */
export function withoutData({ data: _, ...event }: CloudEvent): CloudEvent {
  const { category, id } = parseStream(event.source.slice(1));
  return { ...event, dataref: `/v1/streams/${category}/${id}` };
}

function short(key: string): string {
  return key.length <= MAX_PARTITION_KEY ? key : sha256(key);
}

// -------------------------------------------------------------------------------------------------------------- in

/** A signal from outside, with the tenant that it is for. */
export interface IncomingSignal {
  readonly tenant: string;
  readonly signal: Signal;
}

/** What is assumed of a signal that doesn't say it. */
export interface SignalDefaults {
  readonly emitter_agent: string;
  /** When the message was taken in. */
  readonly timestamp: Time;
}

/** Largest number of signals in one message. */
export const MAX_SIGNALS_PER_MESSAGE = 256;
/** Share of its strength that a signal loses in a minute when it doesn't say so. */
const DECAY_RATE = 0.1;
const TYPE_PREFIX = 'formicary.signal.';
/** The AMQP binding allows both; attributes of the binary mode stand among a message's properties. */
const ATTRIBUTE_PREFIXES = ['cloudEvents:', 'cloudEvents_'];

type Fields = Readonly<Record<string, unknown>>;

/**
 * The signals in a message: a CloudEvent (structured, batched, or binary with its attributes among the properties), or
 * plain JSON, one object or a list. All of them, or a Rejection that says why there are none: a message is taken in
 * whole or parked whole.
 *
 * Of a CloudEvent, `data` is the signal; what it leaves out is taken from the attributes: `type` (behind
 * `formicary.signal.`, if that is there), `subject` as the location, `time`, and the extension `tenant`. `source` and
 * `id` name it: where it comes twice, it is the same signal.
 */
export function signalsOf(
  body: unknown,
  properties: Fields,
  defaults: SignalDefaults,
): readonly IncomingSignal[] | Rejection {
  const items = Array.isArray(body) ? (body as unknown[]) : [body];
  if (items.length < 1 || items.length > MAX_SIGNALS_PER_MESSAGE)
    return malformed(`a message holds 1 to ${MAX_SIGNALS_PER_MESSAGE} signals, not ${items.length}`);
  const attributes = binaryAttributes(properties);
  const signals: IncomingSignal[] = [];
  for (const [position, item] of items.entries()) {
    const signal = signalOf(item, attributes, defaults, position);
    if (signal instanceof Rejection) return signal;
    signals.push(signal);
  }
  return signals;
}

function signalOf(
  item: unknown,
  attributes: Fields | undefined,
  defaults: SignalDefaults,
  position: number,
): IncomingSignal | Rejection {
  if (!isObject(item)) return malformed('a signal must be a JSON object');
  const event = attributes ?? (own(item, 'specversion') === undefined ? undefined : item);
  if (event !== undefined && own(event, 'specversion') !== '1.0') return malformed('specversion must be 1.0');
  const data = event === item ? own(item, 'data') : item;
  if (!isObject(data)) return malformed('data of the CloudEvent must be a JSON object');
  const attribute = (name: string) => (event === undefined ? undefined : own(event, name));
  const tenant = own(data, 'tenant') ?? attribute('tenant');
  if (typeof tenant !== 'string' || !isTenant(tenant))
    return malformed('tenant must name a tenant: lower-case letters, digits and -, at most 63');
  const signal = {
    type: own(data, 'type') ?? withoutPrefix(attribute('type')),
    location: own(data, 'location') ?? attribute('subject'),
    strength: own(data, 'strength'),
    emitter_agent: own(data, 'emitter_agent') ?? defaults.emitter_agent,
    timestamp: timeOf(own(data, 'timestamp') ?? attribute('time') ?? defaults.timestamp),
    decay_rate: own(data, 'decay_rate') ?? DECAY_RATE,
  };
  for (const name of ['type', 'location', 'emitter_agent', 'timestamp'] as const)
    if (typeof signal[name] !== 'string')
      return malformed(`${name} must be ${name === 'timestamp' ? 'a time as in RFC 3339' : 'a text'}`);
  for (const name of ['strength', 'decay_rate'] as const)
    if (typeof signal[name] !== 'number') return malformed(`${name} must be a number from 0 to 1`);
  const problem = signalProblem(signal as Signal);
  if (problem !== undefined) return malformed(problem);
  const event_id = eventId(attribute('source'), attribute('id'), attributes === undefined ? undefined : position);
  return { tenant, signal: { ...(signal as Signal), ...(event_id === undefined ? {} : { event_id }) } };
}

/** Several signals in the body of one event each have their place in it. */
function eventId(source: unknown, id: unknown, position: number | undefined): string | undefined {
  const isName = (value: unknown) => (typeof value === 'string' && value !== '') || typeof value === 'number';
  return isName(source) && isName(id) ? sha256(JSON.stringify([source, id, position])).slice(0, 20) : undefined;
}

/** The tenant that a message is for, as far as that can be read: undefined where it is for none, or for several. */
export function tenantOf(body: unknown, properties: Fields): string | undefined {
  const attributes = binaryAttributes(properties);
  const tenants = new Set(
    (Array.isArray(body) ? (body as unknown[]) : [body]).map((item) => {
      if (!isObject(item)) return attributes && own(attributes, 'tenant');
      const data = own(item, 'data');
      return (
        (isObject(data) ? own(data, 'tenant') : undefined) ??
        own(item, 'tenant') ??
        (attributes && own(attributes, 'tenant'))
      );
    }),
  );
  const [tenant] = tenants;
  return tenants.size === 1 && typeof tenant === 'string' && isTenant(tenant) ? tenant : undefined;
}

function binaryAttributes(properties: Fields): Fields | undefined {
  const prefix = ATTRIBUTE_PREFIXES.find((one) => own(properties, `${one}specversion`) !== undefined);
  if (prefix === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}

/** As this system writes times; undefined when it is none. */
function timeOf(value: unknown): Time | undefined {
  const read = typeof value === 'string' ? readTime(value) : undefined;
  return read !== undefined && 'time' in read ? read.time : undefined;
}

function withoutPrefix(type: unknown): unknown {
  return typeof type === 'string' && type.startsWith(TYPE_PREFIX) ? type.slice(TYPE_PREFIX.length) : type;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field of its own, never one that every object inherits; null counts as absent. */
function own(object: Fields, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
}

function malformed(message: string): Rejection {
  return new Rejection('invalid', 'signal-malformed', message);
}
