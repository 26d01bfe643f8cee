/** W3C trace contexts, by OpenTelemetry where a program uses it; nothing of it is needed. */
import type * as Otel from '@opentelemetry/api';

const otel = found();

function found(): typeof Otel | undefined {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- may be missing, and is asked for at once
    return require('@opentelemetry/api') as typeof Otel;
  } catch {
    return undefined;
  }
}

/** The traceparent of the span that is current here; undefined without one. */
export function currentTraceparent(): string | undefined {
  const span = otel?.trace.getActiveSpan()?.spanContext();
  if (otel === undefined || span === undefined || !otel.isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}

/**
 * What is done inside is a span below `parent`, a traceparent, which is asked for only where the program records spans.
 */
export async function inSpan<T>(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  parent: () => Promise<string | undefined>,
  work: () => Promise<T>,
): Promise<T> {
  if (otel === undefined || !isRecording(otel)) return await work();
  const { SpanKind, SpanStatusCode, trace } = otel;
  const above = contextOf(otel, await parent());
  const options = { kind: SpanKind.CONSUMER, attributes };
  return await trace.getTracer('formicary').startActiveSpan(name, options, above, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Whether the program has set up what records spans. */
function isRecording({ trace, ProxyTracerProvider }: typeof Otel): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('formicary') !== undefined;
}

/** Where there is no traceparent, what is current here. */
function contextOf({ context, trace }: typeof Otel, traceparent = ''): Otel.Context {
  const [, traceId, spanId, flags] = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return context.active();
  const remote = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.setSpanContext(context.active(), remote);
}
