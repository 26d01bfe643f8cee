/** What the environment says: one schema for every setting, and what all of them mean together. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { IssuerSettings, signInsOf } from '../adapters/oidc/settings';
import { BUDGET_SAFETY } from '../app/budgets/module';
import { MAX_CLOCK_BEHIND_SECONDS } from '../app/engine/clock-check';
import { MAX_FEED_SILENCE_SECONDS } from '../app/engine/standstill';
import { VIEW_SECONDS } from '../app/engine/views';
import { PUBLIC_URL } from '../app/notices/module';
import { MIN_SECRET } from '../domain/kernel/identity-secret';
import { nearest } from '../domain/kernel/nearest';
import { readNumber } from '../domain/kernel/number';

/** Settings that can't be used; the message names every one of them, a line each. */
export class SettingsError extends Error {}

type Environment = Readonly<Record<string, string | undefined>>;

// --------------------------------------------------------------------------------------------------------- schema

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const above0 = z.string().transform((given, context) => {
  const read = readNumber(given, { min: 0, max: Infinity });
  if ('number' in read && read.number > 0) return read.number;
  context.issues.push({ code: 'custom', message: 'give a number above 0', input: given });
  return z.NEVER;
});
const text = z.string();
const secret = text.min(MIN_SECRET, `give at least ${MIN_SECRET} characters, drawn at random`);
const bytes32 = text.regex(
  /^[A-Za-z0-9+/]{43}=$/,
  'give 32 bytes, drawn at random, in base64: openssl rand -base64 32',
);
/** JSON, for which a setting has to be one text. */
const issuers = text.transform((given, context) => {
  let read: unknown;
  try {
    read = JSON.parse(given);
  } catch (error) {
    context.issues.push({ code: 'custom', message: `is no JSON: ${(error as Error).message}`, input: given });
    return z.NEVER;
  }
  const parsed = IssuerSettings.safeParse(read);
  for (const { path, message } of parsed.error?.issues ?? [])
    context.issues.push({ code: 'custom', message: `${z.core.toDotPath(path)}: ${message}`, input: given });
  return parsed.data ?? z.NEVER;
});
/** Parted by commas. */
const several = <T extends z.ZodType<unknown, string>>(one: T) =>
  text.transform((given) => given.split(',').map((part) => part.trim())).pipe(z.array(one));
const url = (...protocols: readonly string[]) =>
  z.url({
    abort: true,
    protocol: new RegExp(`^(${protocols.join('|')})$`),
    error: `give a URL that begins with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
  });
/** A service that is asked with the identity's token: nothing else may hear it. */
const service = url('http', 'https').refine(
  (address) => address.startsWith('https:') || isLoopback(address),
  'give a URL that begins with https://',
);
/** `name.servicebus.windows.net`: the SDKs and the triggers put the protocol before it themselves. */
const namespace = text.regex(
  /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i,
  'give a host name such as name.servicebus.windows.net, without sb://',
);
/** The storage emulator has the account in the path too. */
const container = service.refine(
  (url) => /^(\/[^/]+){1,2}\/?$/.test(URL.parse(url)?.pathname ?? ''),
  'give the URL of a container, such as https://account.blob.core.windows.net/checkpoints',
);
/** Without a version: the newest one is used. */
const vaultKey = text.regex(
  /^https:\/\/[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?\/keys\/[0-9a-z-]{1,127}$/i,
  'give the URL of a key without a version, such as https://name.vault.azure.net/keys/name',
);
const delegated = text.startsWith(
  '/subscriptions/',
  'give the id of a subnet that is delegated to Microsoft.NetApp/volumes',
);
/** A test server that is shown no token. */
const loopback = url('http').refine((address) => isLoopback(address), 'is only for a test server on this machine');
/** Of the form that names the bucket in the path. */
const bucket = service.refine((address) => {
  const { href, origin, pathname } = new URL(address);
  return href === origin + pathname && /^\/[a-z0-9][a-z0-9.-]{2,62}$/.test(pathname);
}, 'give the URL of a bucket such as https://host/bucket');
/** The connection string of the storage emulator at its usual ports. */
const DEVELOPMENT_STORAGE = 'UseDevelopmentStorage=true';
/** `mcp.example.com`, with a port where it is not the usual one, and the secret that it is shown: `=env:CRM`. */
const mcpHost = text
  .regex(
    /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:=env:[A-Z0-9_]+)?$/i,
    'give hosts such as mcp.example.com or mcp.example.com:8443=env:CRM',
  )
  .transform((given) => {
    const [host, secret] = given.split('=') as [string, string | undefined];
    return [host.toLowerCase(), secret] as const;
  });
const connectionString = (example: string) =>
  text.regex(/^\w+=[^;]+(;\w+=[^;]+)*;?$/, `give a connection string such as ${example}`);
const broker = connectionString(
  'Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=…;SharedAccessKey=…;UseDevelopmentEmulator=true',
);
/** As the exporter takes it: the key in lower case only. */
const insights = text.regex(
  /^(\w+=[^;=]+;)*InstrumentationKey=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(;\w+=[^;=]+)*;?$/,
  'give a connection string such as InstrumentationKey=…;IngestionEndpoint=https://…, its key a GUID in lower case',
);

/**
 * Every setting by its name. Those of Azure are named as triggers name them: a trigger with the connection
 * `FORMICARY_COSMOS` reads the same `FORMICARY_COSMOS__accountEndpoint` as the adapters do.
 */
const schema = z.object({
  FORMICARY_PROFILE: z.enum(['embedded', 'azure'], 'give embedded or azure').default('embedded'),
  FORMICARY_MAX_CLOCK_BEHIND: z.coerce
    .number('give seconds')
    .min(0, 'give seconds, 0 or more')
    .default(MAX_CLOCK_BEHIND_SECONDS),
  FORMICARY_MAX_FEED_SILENCE: z.coerce
    .number('give seconds')
    .min(6, 'give seconds, 6 or more')
    .default(MAX_FEED_SILENCE_SECONDS),
  FORMICARY_VIEW_SECONDS: z.coerce
    .number('give seconds')
    .min(0.1, 'give seconds, 0.1 to 30')
    .max(30, 'give seconds, 0.1 to 30')
    .default(VIEW_SECONDS),
  FORMICARY_BUDGET_SAFETY: z.coerce
    .number('give a factor')
    .min(1, 'give a factor of 1 or more')
    .max(10, 'give a factor of at most 10')
    .default(BUDGET_SAFETY),
  FORMICARY_TENANT_ACCESS: z.enum(['open', 'closed'], 'give open or closed').default('open'),
  FORMICARY_DATA: text.default('.formicary'),
  FORMICARY_RATE: above0.default(1_000),
  FORMICARY_BURST: above0.default(4_000),
  FORMICARY_TENANT_RATE: above0.default(20_000),
  FORMICARY_TENANT_BURST: above0.default(80_000),
  FORMICARY_ADMISSION: z.enum(['on', 'off'], 'give on or off').default('on'),
  FORMICARY_LOG: z.enum(LEVELS, `give ${LEVELS.slice(0, -1).join(', ')} or silent`).default('info'),
  FORMICARY_IDENTITY_SECRET: secret.optional(),
  FORMICARY_IDENTITY_SECRET_BEFORE: secret.optional(),
  FORMICARY_ISSUERS: issuers.default([]),
  FORMICARY_DEV_HEADERS: z.enum(['on', 'off'], 'give on or off').default('off'),
  FORMICARY_PROXIES: z.coerce.number('give a number').int('give a whole number').min(0).max(10).default(0),
  FORMICARY_PUBLIC_URL: url('http', 'https').default(PUBLIC_URL),
  FORMICARY_LOG_KEY: bytes32.optional(),
  FORMICARY_PERSONAL_KEY: bytes32.optional(),
  FORMICARY_NEW_KEYS: z.enum(['on', 'off'], 'give on or off').default('off'),
  FORMICARY_PERSONAL_KEY_BEFORE: several(bytes32).default([]),
  FORMICARY_ANCHOR_FOLDER: text.optional(),
  FORMICARY_ANCHOR_GIT: text.optional(),
  FORMICARY_ANCHOR_BLOBS: container.optional(),
  FORMICARY_WEBHOOK_HOSTS: text.default(''),
  FORMICARY_MCP_HOSTS: several(mcpHost).default([]),
  FORMICARY_SMTP: url('smtp', 'smtps').optional(),
  FORMICARY_SMTP_USER: text.optional(),
  FORMICARY_SMTP_PASSWORD: text.optional(),
  FORMICARY_SMTP_FROM: text.optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url('http', 'https').optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url('http', 'https').optional(),

  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.optional(),

  AZURE_CLIENT_ID: z.guid('give the client id of a user-assigned identity').optional(),
  FORMICARY_COSMOS__accountEndpoint: service.optional(),
  FORMICARY_COSMOS_DATABASE: text
    .regex(/^[^/\\#?]{1,255}$/, 'give a name of at most 255 characters without / \\ # ?')
    .default('formicary'),
  FORMICARY_SERVICEBUS__fullyQualifiedNamespace: namespace.optional(),
  FORMICARY_EVENTHUBS__fullyQualifiedNamespace: namespace.optional(),
  FORMICARY_BLOBS__serviceUri: service.optional(),
  FORMICARY_WEBPUBSUB__endpoint: service.optional(),
  FORMICARY_WEBPUBSUB_CONNECTIONS: z.coerce
    .number('give a number')
    .int('give a whole number')
    .min(1, 'give a number above 0')
    .optional(),
  FORMICARY_VAULT__logKey: vaultKey.optional(),
  FORMICARY_VAULT__personalKey: vaultKey.optional(),
  FORMICARY_VAULT__clientId: z.guid('give the client id of a user-assigned identity').optional(),
  FORMICARY_SIGNAL_HUB: text.optional(),
  FORMICARY_EVENT_HUB: text.optional(),
  FORMICARY_NETAPP__subscriptionId: z.guid('give the id of a subscription').optional(),
  FORMICARY_NETAPP__resourceGroup: text.optional(),
  FORMICARY_NETAPP__account: text.optional(),
  FORMICARY_NETAPP__location: text.optional(),
  FORMICARY_NETAPP__subnetId: delegated.optional(),

  FORMICARY_NETAPP__clientId: z.guid('give the client id of a user-assigned identity').optional(),
  FORMICARY_NETAPP: loopback.optional(),
  FORMICARY_NETAPP_SNAPSHOT_HOURS: z.coerce
    .number('give hours')
    .int('give whole hours')
    .min(1, 'give hours, 1 to 168')
    .max(168, 'give hours, 1 to 168')
    .optional(),
  FORMICARY_NETAPP_REPLICA__resourceGroup: text.optional(),
  FORMICARY_NETAPP_REPLICA__account: text.optional(),
  FORMICARY_NETAPP_REPLICA__location: text.optional(),
  FORMICARY_NETAPP_REPLICA__subnetId: delegated.optional(),
  FORMICARY_OPENAI__endpoint: service.optional(),
  FORMICARY_OPENAI__deployment: text.optional(),
  FORMICARY_OPENAI__clientId: z.guid('give the client id of a user-assigned identity').optional(),
  FORMICARY_BUCKET: bucket.optional(),
  FORMICARY_BUCKET_ACCESS_KEY: text.optional(),
  FORMICARY_BUCKET_SECRET_KEY: text.optional(),
  FORMICARY_BUCKET_CERTIFICATES: text.startsWith('-----BEGIN CERTIFICATE-----', 'give certificates in PEM').optional(),

  FORMICARY_COSMOS_KEY: text.optional(),
  FORMICARY_SERVICEBUS: broker.optional(),
  FORMICARY_EVENTHUBS: broker.optional(),
  FORMICARY_BLOBS: connectionString(DEVELOPMENT_STORAGE).optional(),
  FORMICARY_WEBPUBSUB: connectionString('Endpoint=http://127.0.0.1:8080;AccessKey=…;Version=1.0;').optional(),
});

type Name = keyof typeof schema.shape;

/** The names of all settings. */
export const SETTING_NAMES = Object.keys(schema.shape) as readonly Name[];

/** What others read under this prefix: the local host, the command line, the tests of this repository. */
const OTHERS: readonly string[] = [
  'FORMICARY_PORT',
  'FORMICARY_DURABLE_DAYS',
  'FORMICARY_URL',
  'FORMICARY_TENANT',
  'FORMICARY_PRINCIPAL',
  'FORMICARY_TOKEN',
  'FORMICARY_DPOP_KEY',
  'FORMICARY_ASK_MANNER',
  'FORMICARY_ASK_URL',
  'FORMICARY_ASK_MODEL',
  'FORMICARY_ASK_KEY',
  'FORMICARY_KEY',
  'FORMICARY_TEST_PROFILE',
  'FORMICARY_SEED',
  'FORMICARY_RUNS',
];
/** Secrets of channels are named by those who use them; a connection of a trigger may have further parts. */
const FREE = /^FORMICARY_(SECRET_|(COSMOS|SERVICEBUS|EVENTHUBS|BLOBS)__)/;

/** Variables that look like settings and are none, each with the setting that may have been meant. */
export function unknownSettings(
  environment: Environment = process.env,
): { readonly name: string; readonly meant: string | undefined }[] {
  const known = [...SETTING_NAMES, ...OTHERS];
  return Object.keys(environment)
    .filter((name) => name.startsWith('FORMICARY_') && !known.includes(name) && !FREE.test(name))
    .sort()
    .map((name) => ({ name, meant: nearest(name, known, 3) }));
}

/** What no message may repeat. */
const SECRETS: readonly Name[] = [
  'FORMICARY_IDENTITY_SECRET',
  'FORMICARY_IDENTITY_SECRET_BEFORE',
  'FORMICARY_LOG_KEY',
  'FORMICARY_PERSONAL_KEY',
  'FORMICARY_PERSONAL_KEY_BEFORE',
  'FORMICARY_ANCHOR_BLOBS',
  'FORMICARY_SMTP',
  'FORMICARY_SMTP_PASSWORD',
  'FORMICARY_BUCKET_ACCESS_KEY',
  'FORMICARY_BUCKET_SECRET_KEY',
  'FORMICARY_COSMOS_KEY',
  'FORMICARY_SERVICEBUS',
  'FORMICARY_EVENTHUBS',
  'FORMICARY_BLOBS',
  'FORMICARY_WEBPUBSUB',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
];

// ------------------------------------------------------------------------------------------------------- together

/** Of each pair the first is opened by the identity, the second is the connection string of a test server. */
const CONNECTIONS = [
  ['FORMICARY_SERVICEBUS__fullyQualifiedNamespace', 'FORMICARY_SERVICEBUS'],
  ['FORMICARY_EVENTHUBS__fullyQualifiedNamespace', 'FORMICARY_EVENTHUBS'],
  ['FORMICARY_BLOBS__serviceUri', 'FORMICARY_BLOBS'],
] as const satisfies readonly (readonly [Name, Name])[];
/** The same, of what a colony can do without. */
const PUSH = ['FORMICARY_WEBPUBSUB__endpoint', 'FORMICARY_WEBPUBSUB'] as const satisfies readonly Name[];
const KEYS: readonly Name[] = ['FORMICARY_COSMOS_KEY', ...[...CONNECTIONS, PUSH].map(([, key]) => key)];
/** Settings that mean something only together. */
const GROUPS: readonly (readonly Name[])[] = [
  ['FORMICARY_SMTP_USER', 'FORMICARY_SMTP_PASSWORD'],
  ['FORMICARY_OPENAI__endpoint', 'FORMICARY_OPENAI__deployment'],
  ['FORMICARY_BUCKET', 'FORMICARY_BUCKET_ACCESS_KEY', 'FORMICARY_BUCKET_SECRET_KEY'],
  SETTING_NAMES.filter((name) => name.startsWith('FORMICARY_NETAPP__') && name !== 'FORMICARY_NETAPP__clientId'),
  SETTING_NAMES.filter((name) => name.startsWith('FORMICARY_NETAPP_REPLICA__')),
];

/** What stands for a secret, where Azure could not replace it: nobody may take the reference for the secret. */
const UNRESOLVED = /^@Microsoft\.KeyVault\(/i;
/** What a colony can do without: hints, mail, traces, metrics, volumes, models. */
const HELPFUL: readonly (readonly Name[])[] = [
  ['FORMICARY_WEBPUBSUB__endpoint'],
  SETTING_NAMES.filter((name) => name.startsWith('FORMICARY_SMTP')),
  SETTING_NAMES.filter((name) => name.startsWith('FORMICARY_NETAPP')),
  SETTING_NAMES.filter((name) => name.startsWith('FORMICARY_OPENAI__')),
  SETTING_NAMES.filter((name) => name.startsWith('OTEL_')),
  ['APPLICATIONINSIGHTS_CONNECTION_STRING'],
];

/** Settings that are missing where others are given that they belong to. */
function* incomplete(given: Environment): Generator<string> {
  for (const group of GROUPS) {
    const missing = group.filter((name) => given[name] === undefined);
    if (missing.length < group.length)
      for (const name of missing)
        yield `${name} is missing: it belongs to ${group.filter((other) => !missing.includes(other)).join(', ')}`;
  }
}

/** What is wrong though each setting by itself may be right. */
function* together(given: Environment, onAzure: boolean): Generator<string> {
  yield* incomplete(given);
  if (given.FORMICARY_DEV_HEADERS === 'on' && onAzure)
    yield 'FORMICARY_DEV_HEADERS is only for tests on one machine, and this app runs on Azure: leave it out';
  if (given.FORMICARY_PROFILE !== 'azure') return;
  if (
    given.FORMICARY_PERSONAL_KEY_BEFORE !== undefined &&
    given.FORMICARY_PERSONAL_KEY === undefined &&
    given.FORMICARY_VAULT__personalKey === undefined
  )
    yield 'FORMICARY_PERSONAL_KEY_BEFORE only unwraps: give FORMICARY_PERSONAL_KEY or FORMICARY_VAULT__personalKey, which wraps';
  if (given.FORMICARY_COSMOS__accountEndpoint === undefined)
    yield 'FORMICARY_COSMOS__accountEndpoint is missing: the profile azure needs it';
  for (const [endpoint, key] of CONNECTIONS)
    if (given[endpoint] === undefined && given[key] === undefined)
      yield `${endpoint} is missing: the profile azure needs it`;
  for (const [endpoint, key] of [...CONNECTIONS, PUSH])
    if (given[endpoint] !== undefined && given[key] !== undefined)
      yield `${key} and ${endpoint} exclude each other: leave ${key} out, unless it names a test server`;
  const endpoints = [
    given.FORMICARY_COSMOS__accountEndpoint,
    ...[...CONNECTIONS, PUSH].flatMap(([endpoint, key]) => [given[endpoint], ...endpointsIn(given[key])]),
  ];
  if (endpoints.every((endpoint) => endpoint === undefined || isLoopback(endpoint))) return;
  for (const name of KEYS)
    if (given[name] !== undefined)
      yield `${name} is only for test servers on this machine, and another endpoint is not: leave it out, the identity opens all of them`;
}

/** The endpoints that a connection string names. One that names none leads to Azure, wherever that is. */
function endpointsIn(connectionString: string | undefined): readonly string[] {
  if (connectionString === undefined) return [];
  if (connectionString === DEVELOPMENT_STORAGE) return ['127.0.0.1'];
  const named = [...connectionString.matchAll(/(?:^|;)\w*endpoint=([^;]*)/gi)].map(
    ([, endpoint]) => endpoint as string,
  );
  return named.length === 0 ? [''] : named;
}

function isLoopback(endpoint: string): boolean {
  const address = endpoint.includes('://') ? endpoint : `sb://${endpoint}`;
  return URL.canParse(address) && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(new URL(address).hostname);
}

// ------------------------------------------------------------------------------------------------------- settings

export type Settings = ReturnType<typeof settingsOf>;

/** Whether this process is one of an app on Azure, which sets the variable for each. */
export function isOnAzure(environment: Environment = process.env): boolean {
  return environment['WEBSITE_SITE_NAME'] !== undefined;
}

/**
 * Reads the settings; one that is empty counts as not given. Throws `SettingsError` that names all that is wrong. On
 * Azure, where nobody starts the app and reads that, a colony goes without what it only helps with: `lacking` names it.
 */
export function readSettings(environment: Environment = process.env): Settings {
  const given: Environment = Object.fromEntries(
    SETTING_NAMES.map((name) => [name, environment[name] === '' ? undefined : environment[name]]),
  );
  const onAzure = isOnAzure(environment);
  const lacking = onAzure ? HELPFUL.flatMap((group) => lackingOf(group, given)) : [];
  const used = Object.fromEntries(
    Object.entries(given).filter(([name]) => !lacking.some(({ group }) => group.includes(name as Name))),
  );
  const parsed = schema.safeParse(used);
  const wrong = [...faultsOf(used), ...together(used, onAzure)];
  if (!parsed.success || wrong.length > 0) throw new SettingsError(wrong.join('\n'));
  return settingsOf(
    parsed.data,
    lacking.map(({ fault }) => fault),
  );
}

/** What is wrong with single settings. */
function faultsOf(given: Environment): string[] {
  const unresolved = SETTING_NAMES.filter((name) => UNRESOLVED.test(given[name] ?? ''));
  const issues = schema.safeParse(given).error?.issues ?? [];
  return [
    ...unresolved.map((name) => lineOf(name, given, 'Key Vault did not give what the reference names')),
    ...issues
      .map(({ path, message }) => [path[0] as Name, message] as const)
      .filter(([name]) => !unresolved.includes(name))
      .map(([name, message]) => lineOf(name, given, message)),
  ];
}

/** Faults of settings that belong together; none of them is used then. */
function lackingOf(
  group: readonly Name[],
  given: Environment,
): { readonly group: typeof group; readonly fault: string }[] {
  const own = Object.fromEntries(group.map((name) => [name, given[name]]));
  return [...faultsOf(own), ...incomplete(own)].map((fault) => ({ group, fault }));
}

function lineOf(name: Name, given: Environment, message: string): string {
  return SECRETS.includes(name) ? `${name} can't be used: ${message}` : `${name} is "${given[name]}": ${message}`;
}

function settingsOf(given: z.infer<typeof schema>, lacking: readonly string[]) {
  return {
    /** What is wrong with settings that are not used therefore, in words. */
    lacking,
    /** Folder of the embedded store. */
    data: resolve(given.FORMICARY_DATA),
    /** What one principal, and all of a tenant, may ask for in a second, and at once; in plain requests. */
    rate: { perSecond: given.FORMICARY_RATE, burst: given.FORMICARY_BURST },
    tenantRate: { perSecond: given.FORMICARY_TENANT_RATE, burst: given.FORMICARY_TENANT_BURST },
    /** Whether new work, and then reads, are refused while the host is late. */
    admission: given.FORMICARY_ADMISSION === 'on',
    /** Seconds by which the machine's clock may be behind the newest receipt at the start. */
    maxClockBehindSeconds: given.FORMICARY_MAX_CLOCK_BEHIND,
    /**
     * What tokens are signed with, newest first; undefined: a secret of the data folder, or none where there is no
     * folder.
     */
    secrets: [given.FORMICARY_IDENTITY_SECRET, given.FORMICARY_IDENTITY_SECRET_BEFORE].filter(
      (one): one is string => one !== undefined,
    ),
    /** Other issuers of tokens that are trusted to say who calls. */
    issuers: given.FORMICARY_ISSUERS,
    /** At which of them people sign in on the page of the window. */
    signIns: signInsOf(given.FORMICARY_ISSUERS),
    /** Whether callers are believed who they say they are in headers, without a token. */
    devHeaders: given.FORMICARY_DEV_HEADERS === 'on',
    /** Proxies in front of whoever takes the connections, which say as well where a request comes from. */
    proxies: given.FORMICARY_PROXIES,
    maxFeedSilenceSeconds: given.FORMICARY_MAX_FEED_SILENCE,
    viewSeconds: given.FORMICARY_VIEW_SECONDS,
    /** What is reserved of what a task is estimated to cost. */
    budgetSafety: given.FORMICARY_BUDGET_SAFETY,
    /** Whether a tenant has to be created before anybody acts in it. */
    closedTenants: given.FORMICARY_TENANT_ACCESS === 'closed',
    /** pino's level. */
    logLevel: given.FORMICARY_LOG,
    /** Export traces by OTLP; where to, the exporter reads from the variables of OpenTelemetry itself. */
    traces: (given.OTEL_EXPORTER_OTLP_ENDPOINT ?? given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) !== undefined,
    /**
     * Application Insights, which traces and metrics go to; undefined: none. `clientId` of the managed identity that
     * may publish there.
     */
    insights:
      given.APPLICATIONINSIGHTS_CONNECTION_STRING === undefined
        ? undefined
        : { connectionString: given.APPLICATIONINSIGHTS_CONNECTION_STRING, clientId: given.AZURE_CLIENT_ID },
    /** Where people find the colony, without a slash at the end: links in notices lead there. */
    publicUrl: new URL(given.FORMICARY_PUBLIC_URL).href.replace(/\/$/, ''),
    /** What checkpoints are signed with; undefined: the key of the data folder, or none where there is no folder. */
    logKey: given.FORMICARY_LOG_KEY,
    /** Whether a data folder may go on with other keys than those that it was sealed and signed with. */
    newKeys: given.FORMICARY_NEW_KEYS === 'on',
    /** What wraps the keys of subjects; undefined: the key of the data folder, or none where there is no folder. */
    personalKey: given.FORMICARY_PERSONAL_KEY,
    /** What has wrapped them before, newest first. */
    personalKeysBefore: given.FORMICARY_PERSONAL_KEY_BEFORE,
    /** Keys of Key Vault, and the identity that may use them; undefined: none, or who is logged in. */
    vault: {
      /** Signs checkpoints, beside `logKey`. */
      logKey: given.FORMICARY_VAULT__logKey,
      /** Wraps the keys of subjects, in place of `personalKey`, which then only unwraps. */
      personalKey: given.FORMICARY_VAULT__personalKey,
      clientId: given.FORMICARY_VAULT__clientId ?? given.AZURE_CLIENT_ID,
    },
    /** Where checkpoints are kept beside the log. */
    anchors: {
      folder: given.FORMICARY_ANCHOR_FOLDER,
      git: given.FORMICARY_ANCHOR_GIT,
      /** URL of a container. */
      blobs: given.FORMICARY_ANCHOR_BLOBS,
      clientId: given.AZURE_CLIENT_ID,
    },
    /** Hosts that webhooks may reach although their addresses are not public. */
    webhookHosts: given.FORMICARY_WEBHOOK_HOSTS.split(',').filter((host) => host !== ''),
    /** Hosts of servers of MCP whose tools may be called, and the reference of the secret that each is shown. */
    mcpHosts: new Map(given.FORMICARY_MCP_HOSTS),
    /** The mail server; undefined: no mail is sent. */
    smtp: smtpOf(given),
    /** The services of the profile azure; undefined: the profile embedded, everything on this machine. */
    azure: given.FORMICARY_PROFILE === 'azure' ? azureOf(given) : undefined,
  };
}

/**
 * `smtps://host:465` speaks TLS from the first byte, `smtp://host:587` STARTTLS, or nothing to a server on this
 * machine.
 */
function smtpOf({
  FORMICARY_SMTP,
  FORMICARY_SMTP_USER: user,
  FORMICARY_SMTP_PASSWORD: pass,
  FORMICARY_SMTP_FROM: from,
}: z.infer<typeof schema>) {
  if (FORMICARY_SMTP === undefined) return undefined;
  const { protocol, hostname, port } = new URL(FORMICARY_SMTP);
  const isTls = protocol === 'smtps:';
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return {
    host: hostname,
    port: port === '' ? (isTls ? 465 : 587) : Number(port),
    security: isTls ? ('tls' as const) : isLocal ? ('none' as const) : ('starttls' as const),
    auth: user === undefined || pass === undefined ? undefined : { user, pass },
    from: from ?? `formicary@${hostname}`,
  };
}

/**
 * An endpoint that the identity opens, or the connection string of a test server. `together` has seen to it that one is
 * given.
 */
const connection = (endpoint: string | undefined, connectionString: string | undefined) =>
  connectionString === undefined ? { endpoint: endpoint as string } : { connectionString };

function azureOf(given: z.infer<typeof schema>) {
  const netapp = {
    subscription: given.FORMICARY_NETAPP__subscriptionId,
    resourceGroup: given.FORMICARY_NETAPP__resourceGroup,
    account: given.FORMICARY_NETAPP__account,
    location: given.FORMICARY_NETAPP__location,
    subnet: given.FORMICARY_NETAPP__subnetId,
  };
  const replica = {
    subscription: given.FORMICARY_NETAPP__subscriptionId,
    resourceGroup: given.FORMICARY_NETAPP_REPLICA__resourceGroup,
    account: given.FORMICARY_NETAPP_REPLICA__account,
    location: given.FORMICARY_NETAPP_REPLICA__location,
    subnet: given.FORMICARY_NETAPP_REPLICA__subnetId,
  };
  return {
    /** Of the managed identity; undefined: the developer's own credential. */
    clientId: given.AZURE_CLIENT_ID,
    /** `key` only for a test server. */
    cosmos: {
      endpoint: given.FORMICARY_COSMOS__accountEndpoint as string,
      database: given.FORMICARY_COSMOS_DATABASE,
      key: given.FORMICARY_COSMOS_KEY,
    },
    serviceBus: connection(given.FORMICARY_SERVICEBUS__fullyQualifiedNamespace, given.FORMICARY_SERVICEBUS),
    eventHubs: connection(given.FORMICARY_EVENTHUBS__fullyQualifiedNamespace, given.FORMICARY_EVENTHUBS),
    blobs: connection(given.FORMICARY_BLOBS__serviceUri, given.FORMICARY_BLOBS),
    /** What tells agents that there is something for them; undefined: they wait in long polls. */
    webPubSub:
      given.FORMICARY_WEBPUBSUB__endpoint === undefined && given.FORMICARY_WEBPUBSUB === undefined
        ? undefined
        : connection(given.FORMICARY_WEBPUBSUB__endpoint, given.FORMICARY_WEBPUBSUB),
    /** Connections of that for all; undefined: nobody has said. */
    pushConnections: given.FORMICARY_WEBPUBSUB_CONNECTIONS,
    /** The hub that events are published to; undefined: none. */
    eventHub: given.FORMICARY_EVENT_HUB,
    /** Where large payloads are put; undefined: into the blobs above. */
    bucket:
      given.FORMICARY_BUCKET === undefined
        ? undefined
        : {
            url: given.FORMICARY_BUCKET,
            accessKey: given.FORMICARY_BUCKET_ACCESS_KEY as string,
            secretKey: given.FORMICARY_BUCKET_SECRET_KEY as string,
            certificates: given.FORMICARY_BUCKET_CERTIFICATES,
          },
    /** Models, which the identity opens; undefined: none. */
    openai:
      given.FORMICARY_OPENAI__endpoint === undefined
        ? undefined
        : {
            endpoint: given.FORMICARY_OPENAI__endpoint,
            deployment: given.FORMICARY_OPENAI__deployment as string,
            clientId: given.FORMICARY_OPENAI__clientId ?? given.AZURE_CLIENT_ID,
          },
    /** undefined: no NetApp Files. */
    netapp:
      netapp.subscription === undefined
        ? undefined
        : {
            ...(netapp as { readonly [K in keyof typeof netapp]: string }),
            /** Of the identity that makes volumes; undefined: the one above. */
            clientId: given.FORMICARY_NETAPP__clientId,
            /** Of a test server; undefined: the service itself. */
            endpoint: given.FORMICARY_NETAPP,
            /** Where copies are kept; undefined: nowhere. */
            replica:
              replica.account === undefined ? undefined : (replica as { readonly [K in keyof typeof replica]: string }),
            /** From one snapshot of each volume to the next; undefined: only those that are asked for are made. */
            snapshotHours: given.FORMICARY_NETAPP_SNAPSHOT_HOURS,
          },
  };
}
