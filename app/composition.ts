/** The composition root: settings in, a running colony out. The only file in app/ that knows adapters. */
import { openEmbedded } from '../adapters/embedded/open';
import { SmtpMail } from '../adapters/outbound/mail';
import { EnvironmentSecrets } from '../adapters/outbound/secrets';
import { HttpWebhooks } from '../adapters/outbound/webhooks';
import { Colony, type ColonyOptions } from './colony';
import { readSettings, SettingsError, type Settings } from './config';
import { openLog, type Logger } from './log';
import { AllowAll } from './policy';
import { startRecording, stopRecording } from './telemetry';
import type { Clock, Policy, StorePorts } from './ports';

export const systemClock: Clock = { now: () => Date.now() };

export { readSettings, SettingsError, type Settings };

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

/** The engine of the profile. Its code is loaded only when it is the one: a cold start waits for it. */
async function openStores(settings: Settings): Promise<StorePorts> {
  if (settings.azure === undefined) return await openEmbedded(settings.data);
  // eslint-disable-next-line boundaries/dependencies -- a lazy import names the compiled file, which the rule can't resolve
  const { openAzure } = await import('../adapters/azure/open.js');
  return await openAzure(settings.azure);
}

/** Opens the stores and starts the colony. */
export async function openColony(settings: Settings, parts: { policy?: Policy; clock?: Clock; options?: ColonyOptions; log?: Logger } = {}): Promise<Colony> {
  const log = parts.log ?? openLog(settings.logLevel);
  const stores = await openStores(settings);
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
