/** The composition root: settings in, a running colony out. The only file in app/ that knows adapters. */
import { resolve } from 'node:path';
import { openEmbedded } from '../adapters/embedded/open';
import { Colony, type ColonyOptions } from './colony';
import { openLog, type Logger } from './log';
import { AllowAll } from './policy';
import { startRecording, stopRecording } from './telemetry';
import type { Clock, Policy } from './ports';

export const systemClock: Clock = { now: () => Date.now() };

export interface Settings {
  /** Folder of the embedded store. */
  readonly data: string;
  /** Requests a second and burst that one principal may make. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** pino's level. */
  readonly logLevel: string;
  /** Export traces by OTLP; where to, the exporter reads from the variables of OpenTelemetry itself. */
  readonly traces: boolean;
}

/** A setting that can't be used; the message names every one of them. */
export class SettingsError extends Error {}

/** Reads the settings from the environment; throws `SettingsError` that names all that is wrong. */
export function readSettings(environment: Readonly<Record<string, string | undefined>> = process.env): Settings {
  const wrong: string[] = [];
  const number = (name: string, fallback: number): number => {
    const text = environment[name];
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (Number.isFinite(value) && value > 0) return value;
    wrong.push(`${name} is "${text}": give a number above 0`);
    return fallback;
  };
  const logLevel = environment.FORMICARY_LOG ?? 'info';
  if (!['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].includes(logLevel)) wrong.push(`FORMICARY_LOG is "${logLevel}": give trace, debug, info, warn, error, fatal or silent`);
  const settings = {
    data: resolve(environment.FORMICARY_DATA ?? '.formicary'),
    rate: { perSecond: number('FORMICARY_RATE', 500), burst: number('FORMICARY_BURST', 2_000) },
    logLevel,
    traces: (environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? '') !== '',
  };
  if (wrong.length > 0) throw new SettingsError(wrong.join('\n'));
  return settings;
}

async function record(): Promise<() => Promise<void>> {
  // eslint-disable-next-line boundaries/dependencies -- a lazy import names the compiled file, which the rule can't resolve
  const { startTracing } = await import('./tracing.js');
  const stop = startTracing();
  startRecording();
  return async () => {
    stopRecording();
    await stop();
  };
}

/** Opens the stores and starts the colony. */
export async function openColony(settings: Settings, parts: { policy?: Policy; clock?: Clock; options?: ColonyOptions; log?: Logger } = {}): Promise<Colony> {
  const log = parts.log ?? openLog(settings.logLevel);
  const stores = await openEmbedded(settings.data);
  const stopTracing = settings.traces ? await record() : undefined;
  const close = async () => {
    await stores.close();
    await stopTracing?.();
  };
  const colony = new Colony(
    { ...stores, close, policy: parts.policy ?? new AllowAll(), clock: parts.clock ?? systemClock, report: (message, facts) => log.warn(facts, message) },
    parts.options,
  );
  await colony.start();
  return colony;
}
