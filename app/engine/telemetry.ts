/**
 * Traces (OpenTelemetry) that connect a request to its commit and the commit to its reactions: the commit carries the
 * trace context of what made it, and a reaction continues it. Without an exporter no span is made; the context is
 * passed on all the same, so that a caller's own trace finds its receipts.
 */
import {
  type Attributes,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { randomHex } from './new-id';
import { messageOf } from './reachable';

let tracer: Tracer | undefined;

/** From now on spans are made; to be called when a tracer provider with an exporter has been registered. */
export function startRecording(): void {
  tracer = trace.getTracer('formicary');
}

/** No spans are made any more. */
export function stopRecording(): void {
  tracer = undefined;
}

/** Runs `work` as a span below `parent` (a W3C traceparent), and gives it the traceparent to hand on. */
export function traced<T>(
  name: string,
  kind: 'internal' | 'consumer',
  parent: string | undefined,
  attributes: Attributes,
  work: (traceparent: string | undefined) => Promise<T>,
): Promise<T>;
export function traced<T>(
  name: string,
  kind: 'server',
  parent: string | undefined,
  attributes: Attributes,
  work: (traceparent: string) => Promise<T>,
): Promise<T>;
export function traced<T>(
  name: string,
  kind: keyof typeof KINDS,
  parent: string | undefined,
  attributes: Attributes,
  work: (traceparent: string) => Promise<T>,
): Promise<T> {
  // A request begins a trace of its own; what has no request before it needs none.
  return tracer === undefined
    ? work((parent ?? (kind === 'server' ? newTraceparent() : undefined)) as string)
    : recorded(tracer, name, kind, parent, attributes, work);
}

async function recorded<T>(
  by: Tracer,
  name: string,
  kind: keyof typeof KINDS,
  parent: string | undefined,
  attributes: Attributes,
  work: (traceparent: string) => Promise<T>,
): Promise<T> {
  const remote = parent === undefined ? undefined : parse(parent);
  const context = remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
  const span = by.startSpan(name, { kind: KINDS[kind], attributes }, context);
  try {
    const { traceId, spanId, traceFlags } = span.spanContext();
    return await work(`00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    throw error;
  } finally {
    span.end();
  }
}

const KINDS = { server: SpanKind.SERVER, internal: SpanKind.INTERNAL, consumer: SpanKind.CONSUMER } as const;

function parse(
  traceparent: string,
): { traceId: string; spanId: string; traceFlags: number; isRemote: true } | undefined {
  const [, traceId, spanId, flags] = traceparent.split('-');
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}

/** A trace of its own, not sampled: it ties receipts of one request together though nobody records it. */
function newTraceparent(): string {
  const hex = randomHex(24);
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-00`;
}
