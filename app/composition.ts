/** The composition root: settings in, a running colony out. The only file in app/ that knows adapters. */
import { resolve } from 'node:path';
import { openEmbedded } from '../adapters/embedded/open';
import { SmtpMail, type SmtpSettings } from '../adapters/outbound/mail';
import { EnvironmentSecrets } from '../adapters/outbound/secrets';
import { HttpWebhooks } from '../adapters/outbound/webhooks';
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
  /** Where people find the colony: links in notices lead there. */
  readonly publicUrl: string;
  /** Hosts that webhooks may reach although their addresses are not public. */
  readonly webhookHosts: readonly string[];
  /** The mail server; undefined: no mail is sent. */
  readonly smtp: SmtpSettings | undefined;
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
  const url = (name: string, fallback: string, protocols: readonly string[]): URL | undefined => {
    const text = environment[name] ?? fallback;
    if (text === '') return undefined;
    if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return new URL(text);
    wrong.push(`${name} is "${text}": give a URL that begins with ${protocols.join(' or ')}//`);
    return undefined;
  };
  const settings = {
    data: resolve(environment.FORMICARY_DATA ?? '.formicary'),
    rate: { perSecond: number('FORMICARY_RATE', 500), burst: number('FORMICARY_BURST', 2_000) },
    logLevel,
    traces: (environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? '') !== '',
    publicUrl: (url('FORMICARY_PUBLIC_URL', 'http://127.0.0.1:7071', ['http:', 'https:'])?.href ?? '').replace(/\/$/, ''),
    webhookHosts: (environment.FORMICARY_WEBHOOK_HOSTS ?? '').split(',').filter((host) => host !== ''),
    smtp: smtpOf(url('FORMICARY_SMTP', '', ['smtp:', 'smtps:']), environment),
  };
  if (wrong.length > 0) throw new SettingsError(wrong.join('\n'));
  return settings;
}

/** `smtps://host:465` speaks TLS from the first byte, `smtp://host:587` STARTTLS, or nothing to a server on this machine. */
function smtpOf(url: URL | undefined, environment: Readonly<Record<string, string | undefined>>): SmtpSettings | undefined {
  if (url === undefined) return undefined;
  const { FORMICARY_SMTP_USER: user, FORMICARY_SMTP_PASSWORD: pass, FORMICARY_SMTP_FROM: from } = environment;
  const tls = url.protocol === 'smtps:';
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return {
    host: url.hostname,
    port: url.port === '' ? (tls ? 465 : 587) : Number(url.port),
    security: tls ? 'tls' : isLocal ? 'none' : 'starttls',
    auth: user === undefined || pass === undefined ? undefined : { user, pass },
    from: from ?? `formicary@${url.hostname}`,
  };
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
  const outbound = {
    webhooks: new HttpWebhooks({ privateHosts: settings.webhookHosts, httpToLoopback: true }),
    mail: settings.smtp === undefined ? undefined : new SmtpMail(settings.smtp),
    secrets: new EnvironmentSecrets(),
  };
  const stopTracing = settings.traces ? await record() : undefined;
  const close = async () => {
    await stores.close();
    await stopTracing?.();
  };
  const colony = new Colony(
    { ...stores, close, outbound, policy: parts.policy ?? new AllowAll(), clock: parts.clock ?? systemClock, report: (message, facts) => log.warn(facts, message) },
    { publicUrl: settings.publicUrl, ...parts.options },
  );
  await colony.start();
  return colony;
}
