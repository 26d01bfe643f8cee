/** Application Insights, as exporters of OpenTelemetry: to be loaded only where somebody wants to send to it. */
import {
  type AzureMonitorExporterOptions,
  AzureMonitorMetricExporter,
  AzureMonitorTraceExporter,
} from '@azure/monitor-opentelemetry-exporter';
import { diag, SpanKind } from '@opentelemetry/api';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { managedIdentity } from './identity';

export interface InsightsSettings {
  readonly connectionString: string;
  /** Of the managed identity that may publish there; undefined: the key in the connection string is enough. */
  readonly clientId?: string;
}

export function spanExporter(settings: InsightsSettings): SpanExporter {
  return new NamingExporter(optionsOf(settings));
}

export function metricExporter(settings: InsightsSettings): PushMetricExporter {
  return new AzureMonitorMetricExporter(optionsOf(settings));
}

/** The exporter names what a consumer does by an attribute of its own, and else not at all. */
class NamingExporter extends AzureMonitorTraceExporter {
  override async export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): Promise<void> {
    await super.export(spans.map(named), done);
  }
}

function named(span: ReadableSpan): ReadableSpan {
  if (span.kind !== SpanKind.CONSUMER) return span;
  return Object.create(span, {
    attributes: { value: { ...span.attributes, 'ai.operation.name': span.name } },
  }) as ReadableSpan;
}

/** The exporter says nothing of what it puts off, and so would never tell that a role is missing. */
const telling: NonNullable<AzureMonitorExporterOptions['additionalPolicies']>[number] = {
  position: 'perCall',
  policy: {
    name: 'telling',
    async sendRequest(request, next) {
      const answer = await next(request);
      if (answer.status >= 400) diag.error(`Application Insights has answered ${answer.status}`);
      return answer;
    },
  },
};

function optionsOf({ connectionString, clientId }: InsightsSettings): AzureMonitorExporterOptions {
  // The exporter would tell Microsoft about itself, at an endpoint that nobody has named here.
  process.env['APPLICATION_INSIGHTS_NO_STATSBEAT'] = 'true';
  return {
    connectionString,
    credential: clientId === undefined ? undefined : managedIdentity(clientId),
    // What could not be sent waits in the folder for temporary files, and is sent a minute later.
    retryOptions: { maxRetries: 0 },
    additionalPolicies: [telling],
  };
}
