/** Registers the exporters of traces, where the settings name one. Loaded only then. */
import { createRequire } from 'node:module';
import { type Context, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import type * as Otlp from '@opentelemetry/exporter-trace-otlp-http';
import {
  BatchSpanProcessor,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Clock } from '../engine/ports';
import { RateLimiter } from './limits';
import { quietly, resource } from './otel';

/** Of Application Insights: requests a second, and at once, whose traces are kept. */
const KEPT_PER_SECOND = 1;
const KEPT_AT_ONCE = 60;
/** How long an exporter may take for a batch, the last one too. */
const EXPORT_TIMEOUT_MS = 5_000;

export interface TraceTargets {
  /** Send by OTLP; where to, its exporter reads from the environment. */
  readonly otlp: boolean;
  /** Sends to Application Insights, which is paid by the gigabyte: with it, requests are sampled. */
  readonly insights?: SpanExporter;
}

/** Starts to export; returns what flushes and stops it. */
export function startTracing({ otlp, insights }: TraceTargets, clock: Clock): () => Promise<void> {
  const exporters = [...(otlp ? [otlpExporter()] : []), ...(insights === undefined ? [] : [insights])];
  const provider = new TracerProvider({
    resource: resource(),
    sampler: insights === undefined ? undefined : new RequestSampler(clock),
    spanProcessors: exporters.map(
      (exporter) => new BatchSpanProcessor({ exporter, exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
    ),
  });
  trace.setGlobalTracerProvider(provider);
  return async () => {
    await quietly(provider.shutdown());
    trace.disable();
  };
}

/** Loaded only here: a cold start that sends to Application Insights alone does not wait for it. */
function otlpExporter(): SpanExporter {
  const { OTLPTraceExporter } = createRequire(__filename)('@opentelemetry/exporter-trace-otlp-http') as typeof Otlp;
  return new OTLPTraceExporter();
}

/**
 * Keeps the traces of so many requests a second, however many there are and whatever their callers ask for. What
 * follows from a request is kept with it, so that a trace is whole or not there.
 */
export class RequestSampler implements Sampler {
  private readonly kept: RateLimiter;

  constructor(clock: Clock) {
    this.kept = new RateLimiter(KEPT_PER_SECOND, KEPT_AT_ONCE, clock);
  }

  shouldSample(context: Context, _traceId: string, _name: string, kind: SpanKind): SamplingResult {
    const parent = trace.getSpanContext(context);
    const wanted = parent === undefined || (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    const begins = parent === undefined || kind === SpanKind.SERVER;
    return {
      decision:
        wanted && (!begins || this.kept.take('') === 0)
          ? SamplingDecision.RECORD_AND_SAMPLED
          : SamplingDecision.NOT_RECORD,
    };
  }

  toString(): string {
    return `RequestSampler{${KEPT_PER_SECOND}/s}`;
  }
}
