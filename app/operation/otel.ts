/** What traces and metrics have in common on their way out by OpenTelemetry. Loaded only when something is exported. */
import { diag, DiagLogLevel } from '@opentelemetry/api';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { cut } from '../../domain/kernel/text';
import type { Clock, Report } from '../engine/ports';

/** An exporter that can't send says so with each batch; the log needs it once in a while. */
const REPORT_EVERY_MS = 60_000;

/** Who sends. */
export function resource(): Resource {
  return resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME ?? 'formicary' });
}

/** A stop goes on when the last could not be sent. */
export async function quietly(stopping: Promise<void>): Promise<void> {
  await stopping.catch((error: unknown) => diag.error(String(error)));
}

/** What goes wrong on the way is a line of the log, and nobody else's trouble. */
export function reportFailures(report: Report, clock: Clock): void {
  let next = -Infinity;
  const silent = () => undefined;
  const error = (message: string, ...facts: unknown[]) => {
    if (clock.now() < next) return;
    next = clock.now() + REPORT_EVERY_MS;
    report('telemetry could not be sent', { error: cut([message, ...facts.map(String)].join(' '), 1_000) });
  };
  diag.setLogger(
    { error, warn: silent, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}
