/**
 * Sends the app's own metrics, those of /metrics, by OpenTelemetry once a minute. prom-client stays the one registry:
 * what it holds is turned into OpenTelemetry's data when it is sent. Loaded only when an exporter is named.
 *
 * What Node says of itself is left out: the platform measures that too, and each series is paid for.
 */
import { type HrTime, ValueType } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import type { Clock } from '../engine/ports';
import type { Metrics } from './metrics';
import { quietly, resource } from './otel';

const EVERY_MS = 60_000;
/** How long the exporter may take, the last time too. */
const TIMEOUT_MS = 5_000;
const OURS = 'formicary_';

/** Starts to send; returns what sends the last of it and stops. */
export function startMetricExport(metrics: Metrics, exporter: PushMetricExporter, clock: Clock): () => Promise<void> {
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: EVERY_MS,
    exportTimeoutMillis: TIMEOUT_MS,
    metricProducers: [new RegistryProducer(metrics, clock)],
  });
  const provider = new MeterProvider({ resource: resource(), readers: [reader] });
  return () => quietly(provider.shutdown());
}

type Family = Awaited<ReturnType<Metrics['families']>>[number];
type Sample = Family['values'][number] & { readonly metricName?: string };

/**
 * Each time it is asked: gauges as they are, counters and histograms by what came since it was asked before (Azure
 * Monitor adds up what it is sent). A series to which nothing came is left out.
 */
export class RegistryProducer implements MetricProducer {
  private readonly seen = new Map<string, number>();
  private since: HrTime;

  constructor(
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {
    this.since = toHrTime(clock.now());
  }

  async collect(): Promise<CollectionResult> {
    const families = (await this.metrics.families()).filter(({ name }) => name.startsWith(OURS));
    const [startTime, endTime] = [this.since, toHrTime(this.clock.now())];
    this.since = endTime;
    const times = { startTime, endTime };
    const metrics = families
      .map((family) => this.dataOf(family, times))
      .filter(({ dataPoints }) => dataPoints.length > 0);
    return {
      resourceMetrics: { resource: resource(), scopeMetrics: [{ scope: { name: 'formicary' }, metrics }] },
      errors: [],
    };
  }

  private dataOf(
    { name, help, type, values }: Family,
    times: { readonly startTime: HrTime; readonly endTime: HrTime },
  ): MetricData {
    const base = {
      descriptor: { name, description: help, unit: '', valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.DELTA,
    };
    const point = <T>({ labels }: Sample, value: T) => ({ ...times, attributes: { ...labels }, value });
    const finite = values.filter(({ value }) => Number.isFinite(value));
    // prom-client types this as an enum of numbers, and gives names.
    switch (String(type)) {
      case 'counter':
        return {
          ...base,
          dataPointType: DataPointType.SUM,
          isMonotonic: true,
          dataPoints: finite.map((sample) => point(sample, this.more(name, sample))).filter(({ value }) => value > 0),
        };
      case 'histogram': {
        const part = (suffix: string) =>
          (finite as Sample[]).filter(({ metricName }) => metricName === `${name}_${suffix}`);
        const sums = new Map(part('sum').map((sample) => [seriesOf(sample), this.more(`${name}_sum`, sample)]));
        const dataPoints = part('count')
          .map((sample) => ({ sample, count: this.more(`${name}_count`, sample) }))
          .filter(({ count }) => count > 0)
          // One bucket for all: Azure Monitor keeps none.
          .map(({ sample, count }) =>
            point(sample, {
              count,
              sum: sums.get(seriesOf(sample)) ?? 0,
              buckets: { boundaries: [], counts: [count] },
            }),
          );
        return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
      }
      default:
        return {
          ...base,
          dataPointType: DataPointType.GAUGE,
          dataPoints: finite.map((sample) => point(sample, sample.value)),
        };
    }
  }

  /** By how much a series has grown. */
  private more(name: string, sample: Sample): number {
    const series = `${name} ${seriesOf(sample)}`;
    const before = this.seen.get(series) ?? 0;
    this.seen.set(series, sample.value);
    return sample.value - before;
  }
}

function seriesOf({ labels }: Sample): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function toHrTime(milliseconds: number): HrTime {
  return [Math.trunc(milliseconds / 1_000), (milliseconds % 1_000) * 1_000_000];
}
