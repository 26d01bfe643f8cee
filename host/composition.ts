/** The composition root: settings in, a running colony out. The only file in app/ that knows adapters. */
import { randomBytes } from 'node:crypto';
import { SmtpMail } from '../adapters/outbound/mail';
import { McpServers } from '../adapters/outbound/mcp';
import { EnvironmentSecrets } from '../adapters/outbound/secrets';
import { HttpWebhooks } from '../adapters/outbound/webhooks';
import { AesKeyWrap, KeyWraps } from '../adapters/personal/key-wrap';
import { FolderAnchor, GitAnchor } from '../adapters/receipts/anchors';
import { Ed25519LogSigner, LogSigners } from '../adapters/receipts/signer';
import { Colony, type ColonyOptions } from '../app/colony';
import { SteadyClock, systemClock } from '../app/engine/clock';
import { ModuleError } from '../app/engine/further';
import type { Anchor, Clock, LogSigner, Report, StorePorts } from '../app/engine/ports';
import type { Issuers } from '../app/engine/ports-issuers';
import type { KeyWrap } from '../app/engine/ports-personal';
import type { Policy } from '../app/engine/ports-policy';
import { startRecording, stopRecording } from '../app/engine/telemetry';
import { type Logger, openLog } from '../app/operation/log';
import type { Metrics } from '../app/operation/metrics';
import { MIN_SECRET } from '../domain/kernel/identity-secret';
import { isOnAzure, readSettings, type Settings, SettingsError, unknownSettings } from './config';
import { withPackages } from './optional';
import { shippedBundles } from './policy';

const AZURE = /^@azure\//;
const OPEN_TELEMETRY = /^@opentelemetry\//;
const MONITOR = /opentelemetry/;

export { isOnAzure, readSettings, SettingsError, systemClock, unknownSettings, type Settings };

/* eslint-disable boundaries/dependencies -- a lazy import names the compiled file, which the rule can't resolve */

/** Traces, where the settings say where to; undefined where nobody wants them. Returns what flushes and stops. */
async function startTraces(
  { traces: otlp, insights }: Settings,
  log: Logger,
): Promise<(() => Promise<void>) | undefined> {
  if (!otlp && insights === undefined) return undefined;
  const { reportFailures, startTracing, exporter } = await withPackages(
    'Exporting traces',
    insights === undefined ? OPEN_TELEMETRY : MONITOR,
    async () => ({
      ...(await import('../app/operation/otel.js')),
      ...(await import('../app/operation/tracing.js')),
      exporter: insights && (await import('../adapters/azure/application-insights.js')).spanExporter(insights),
    }),
  );
  reportFailures((message, facts) => log.warn(facts, message), systemClock);
  const stop = startTracing({ otlp, insights: exporter }, systemClock);
  startRecording();
  return async () => {
    stopRecording();
    await stop();
  };
}

/**
 * Sends the metrics to Application Insights, where the settings name one. Returns what sends the last of them and
 * stops: to be called while the colony is open.
 */
export async function startMetrics({ insights }: Settings, metrics: Metrics): Promise<() => Promise<void>> {
  if (insights === undefined) return async () => undefined;
  const { startMetricExport, metricExporter } = await withPackages('Application Insights', MONITOR, async () => ({
    ...(await import('../app/operation/metric-export.js')),
    ...(await import('../adapters/azure/application-insights.js')),
  }));
  return startMetricExport(metrics, metricExporter(insights), systemClock);
}

/** Node 20 has no node:sqlite: where it isn't needed it isn't loaded. */
const embedded = () => import('../adapters/embedded/open.js');

/** The engine of the profile. Its code is loaded only when it is the one: a cold start waits for it. */
async function openStores(settings: Settings, report: Report): Promise<StorePorts> {
  if (settings.azure === undefined) return await (await embedded()).openEmbedded(settings.data);
  const { azure } = settings;
  return await withPackages('The profile azure', AZURE, async () =>
    (await import('../adapters/azure/open.js')).openAzure(azure, report),
  );
}

/** Loaded where there are any. */
async function issuersOf({ issuers }: Settings, clock: Clock, log: Logger): Promise<Issuers | undefined> {
  if (issuers.length === 0) return undefined;
  const { OidcIssuers } = await import('../adapters/oidc/issuers.js');
  return await OidcIssuers.open(issuers, clock, (facts) => log.info(facts, 'a token of another issuer'));
}

/** Its code is loaded where a key of it is named. */
const keyVault = () =>
  withPackages('A key of Key Vault', AZURE, async () => await import('../adapters/azure/vault.js'));

const blobAnchors = () =>
  withPackages('FORMICARY_ANCHOR_BLOBS', AZURE, async () => await import('../adapters/azure/blob-anchor.js'));

/* eslint-enable boundaries/dependencies */

/** What tokens are signed with, newest first: what the settings say, else the secret of the data folder. */
async function secretsOf({ secrets, azure, data, devHeaders }: Settings): Promise<[string, ...string[]]> {
  const [first, ...others] = secrets;
  if (first !== undefined) return [first, ...others];
  if (azure === undefined) return [(await embedded()).secretIn(data).secret];
  // Each process would have its own, which only a test can do with.
  if (devHeaders) return [randomBytes(MIN_SECRET).toString('hex')];
  throw new SettingsError('FORMICARY_IDENTITY_SECRET is missing: processes that share a store sign with the same');
}

/** Throws before anything is sealed or signed with other keys than the data folder was sealed and signed with. */
async function checkKeys({ azure, data, newKeys, personalKey, personalKeysBefore, logKey, vault }: Settings) {
  if (azure !== undefined || newKeys) return;
  const { keyFaults, PERSONAL_KEY_FILE } = await embedded();
  const found = await keyFaults(data, { personal: personalKey, personalBefore: personalKeysBefore, log: logKey });
  // What a vault has wrapped it alone unwraps, and it is not asked for that.
  const faults = found.filter(({ file }) => file !== PERSONAL_KEY_FILE || vault.personalKey === undefined);
  if (faults.length === 0) return;
  const said = faults.map(({ file, fault }) =>
    fault === 'missing' ? `${file} is not there` : `${file}, or the setting in its place, is another key`,
  );
  throw new SettingsError(
    `${data} holds what was sealed or signed by keys that this start does not have: ${said.join('; ')}. ` +
      'Put the kept ones in their place ("Backup" in docs/operation.md). Where they are lost for good, ' +
      '`start --new-keys` (FORMICARY_NEW_KEYS=on) goes on with others: what is sealed stays closed, and the log is signed by another key.',
  );
}

/** Who signs checkpoints: nobody where processes share a store and were given no key. */
async function logSignerOf(settings: Settings, clock: Clock, report: Report): Promise<LogSigner | undefined> {
  const { logKey, vault, azure, data } = settings;
  const key = logKey ?? (azure === undefined ? (await embedded()).logKeyIn(data) : undefined);
  const signers: LogSigner[] = key === undefined ? [] : [new Ed25519LogSigner(key)];
  if (vault.logKey !== undefined) {
    const { openVaultKey, VaultLogSigner } = await keyVault();
    signers.push(new VaultLogSigner(openVaultKey(vault.logKey, vault.clientId, clock, report)));
  }
  return signers.length === 0 ? undefined : new LogSigners(signers);
}

/** What wraps the keys of subjects: nothing where processes share a store and were given no key. */
async function keyWrapOf(settings: Settings, clock: Clock, report: Report): Promise<KeyWrap | undefined> {
  const { personalKey, personalKeysBefore, vault, azure, data } = settings;
  const key = personalKey ?? (azure === undefined ? (await embedded()).personalKeyIn(data) : undefined);
  const wraps: KeyWrap[] = [key ?? [], personalKeysBefore].flat().map((one) => new AesKeyWrap(one));
  if (vault.personalKey !== undefined) {
    const { openVaultKey, VaultKeyWrap } = await keyVault();
    wraps.unshift(new VaultKeyWrap(openVaultKey(vault.personalKey, vault.clientId, clock, report)));
  }
  const [current, ...before] = wraps;
  return current === undefined ? undefined : new KeyWraps(current, before);
}

async function anchorsOf({ anchors: { folder, git, blobs, clientId } }: Settings): Promise<readonly Anchor[]> {
  return [
    ...(folder === undefined ? [] : [new FolderAnchor(folder)]),
    ...(git === undefined ? [] : [new GitAnchor(git)]),
    ...(blobs === undefined ? [] : [(await blobAnchors()).openBlobAnchor(blobs, clientId)]),
  ];
}

/** What a colony is made of besides what its settings say. */
export interface Parts {
  readonly policy?: Policy;
  readonly clock?: Clock;
  readonly options?: ColonyOptions;
  readonly log?: Logger;
}

/** Opens the stores and starts the colony. */
export async function openColony(settings: Settings, parts: Parts = {}): Promise<Colony> {
  const colony = await prepareColony(settings, parts);
  await startColony(colony, settings);
  return colony;
}

/** Opens the stores, and a colony on them that is only handed projections before it is started. */
export async function prepareColony(settings: Settings, parts: Parts = {}): Promise<Colony> {
  const colony = await makeColony(settings, parts);
  await orStop(colony, settings, colony.open());
  return colony;
}

/** Starts it. One that can't be started is stopped. */
export async function startColony(colony: Colony, settings: Settings): Promise<void> {
  await orStop(colony, settings, colony.start());
}

/** What has begun to look by itself ends where a step has failed: the next attempt has its own. */
async function orStop(colony: Colony, settings: Settings, step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    await colony.stop().catch(() => undefined);
    throw await startFailure(settings, error);
  }
}

async function startFailure({ azure, data }: Settings, error: unknown): Promise<unknown> {
  return azure !== undefined || error instanceof ModuleError ? error : (await embedded()).unusable(data, error);
}

async function makeColony(settings: Settings, parts: Parts): Promise<Colony> {
  const log = parts.log ?? openLog(settings.logLevel);
  const policy = parts.policy ?? (await shippedBundles());
  const report: Report = (message, facts) => log.warn(facts, message);
  await checkKeys(settings);
  const stores = await openStores(settings, report);
  const guard = { privateHosts: settings.webhookHosts, httpToLoopback: true };
  const secrets = new EnvironmentSecrets();
  const outbound = {
    webhooks: new HttpWebhooks(guard),
    mail: settings.smtp === undefined ? undefined : new SmtpMail(settings.smtp),
    secrets,
    tools: new McpServers(guard, settings.mcpHosts, secrets),
  };
  const stopTraces = await startTraces(settings, log);
  const clock = parts.clock ?? new SteadyClock();
  const close = async () => {
    await stores.close();
    await stopTraces?.();
  };
  try {
    return new Colony(
      {
        ...stores,
        logSigner: await logSignerOf(settings, clock, report),
        anchors: await anchorsOf(settings),
        keyWrap: await keyWrapOf(settings, clock, report),
        close,
        outbound,
        policy,
        clock,
        report,
      },
      {
        maxClockBehindSeconds: settings.maxClockBehindSeconds,
        maxFeedSilenceSeconds: settings.maxFeedSilenceSeconds,
        viewSeconds: settings.viewSeconds,
        publicUrl: settings.publicUrl,
        budgets: { safety: settings.budgetSafety },
        tenants: { closed: settings.closedTenants },
        volumes: { snapshotHours: settings.azure?.netapp?.snapshotHours },
        identity: {
          secrets: await secretsOf(settings),
          issuer: settings.publicUrl,
          issuers: await issuersOf(settings, clock, log),
        },
        admission: settings.admission,
        lacking: settings.lacking,
        ...parts.options,
      },
    );
  } catch (error) {
    await close();
    throw await startFailure(settings, error);
  }
}
