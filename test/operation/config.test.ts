/** What the environment may say, and what is said about it when it can't be used. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openColony } from '../../host/composition';
import { readSettings, SETTING_NAMES, SettingsError } from '../../host/config';

const ROOT = resolve(__dirname, '../..');

type Environment = Readonly<Record<string, string | undefined>>;

/** The lines of the refusal; none when the settings are accepted. */
function faults(environment: Environment): string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as SettingsError).message.split('\n');
  }
}

/** The settings that they name. */
const named = (environment: Environment) => faults(environment).map((line) => line.split(' ')[0]);

/** Real accounts, opened by the identity. */
const AZURE = {
  FORMICARY_PROFILE: 'azure',
  AZURE_CLIENT_ID: '6f8e4f0a-3f5c-4a5e-9a3b-0d8c1c6b7a21',
  FORMICARY_COSMOS__accountEndpoint: 'https://colony.documents.azure.com:443/',
  FORMICARY_SERVICEBUS__fullyQualifiedNamespace: 'colony.servicebus.windows.net',
  FORMICARY_EVENTHUBS__fullyQualifiedNamespace: 'colony-hubs.servicebus.windows.net',
  FORMICARY_BLOBS__serviceUri: 'https://colony.blob.core.windows.net/',
};

const BROKER =
  'Endpoint=sb://127.0.0.1:5673;SharedAccessKeyName=test;SharedAccessKey=secret-word;UseDevelopmentEmulator=true';
/** Test servers on this machine. */
const LOCAL = {
  FORMICARY_PROFILE: 'azure',
  FORMICARY_COSMOS__accountEndpoint: 'http://127.0.0.1:8081/',
  FORMICARY_COSMOS_KEY: 'secret-word',
  FORMICARY_SERVICEBUS: BROKER,
  FORMICARY_EVENTHUBS: BROKER,
  FORMICARY_BLOBS: 'UseDevelopmentStorage=true',
};

const ISSUER = {
  ...{ type: 'oidc', name: 'bank', kind: 'human', tenant: 'acme' },
  ...{ issuer: 'https://id.bank.example', audience: 'formicary' },
};

const NETAPP = {
  FORMICARY_NETAPP__subscriptionId: '0b1f6471-1bf0-4dda-aec3-111122223333',
  FORMICARY_NETAPP__resourceGroup: 'rg-colony',
  FORMICARY_NETAPP__account: 'colony',
  FORMICARY_NETAPP__location: 'westeurope',
  FORMICARY_NETAPP__subnetId:
    '/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333/resourceGroups/rg-colony/providers/Microsoft.Network/virtualNetworks/net/subnets/volumes',
};

const BUCKET = {
  FORMICARY_BUCKET: 'https://payloads.colony.internal/payloads',
  FORMICARY_BUCKET_ACCESS_KEY: 'ant',
  FORMICARY_BUCKET_SECRET_KEY: 'secret-word',
};

test('Application Insights is asked by its key, or by the identity where there is one', () => {
  const connectionString =
    'InstrumentationKey=6f8e4f0a-3f5c-4a5e-9a3b-0d8c1c6b7a21;IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/;ApplicationId=1';
  const given = { APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString };
  expect(readSettings(given).insights).toEqual({ connectionString, clientId: undefined });
  expect(readSettings({ ...AZURE, ...given }).insights).toEqual({ connectionString, clientId: AZURE.AZURE_CLIENT_ID });
});

describe('the embedded profile', () => {
  const DEFAULTS = {
    lacking: [],
    data: resolve('.formicary'),
    rate: { perSecond: 1_000, burst: 4_000 },
    tenantRate: { perSecond: 20_000, burst: 80_000 },
    admission: true,
    maxClockBehindSeconds: 600,
    maxFeedSilenceSeconds: 10,
    viewSeconds: 5,
    budgetSafety: 1.2,
    closedTenants: false,
    secrets: [],
    issuers: [],
    signIns: [],
    devHeaders: false,
    proxies: 0,
    logLevel: 'info',
    traces: false,
    publicUrl: 'http://127.0.0.1:7071',
    logKey: undefined,
    newKeys: false,
    personalKey: undefined,
    personalKeysBefore: [],
    vault: { logKey: undefined, personalKey: undefined, clientId: undefined },
    anchors: { folder: undefined, git: undefined, blobs: undefined, clientId: undefined },
    webhookHosts: [],
    mcpHosts: new Map(),
    smtp: undefined,
    azure: undefined,
  };

  test('needs nothing; what is empty is not given; what is not ours is not looked at', () => {
    expect(readSettings({})).toEqual(DEFAULTS);
    expect(readSettings({ ...Object.fromEntries(SETTING_NAMES.map((name) => [name, ''])), PATH: '/bin' })).toEqual(
      DEFAULTS,
    );
  });

  test('says where people sign in on the page of the window: at each directory, where there are several', () => {
    const directories = ['0b1f6471-1bf0-4dda-aec3-111122223333', '1c1f6471-1bf0-4dda-aec3-111122223333'];
    const entra = {
      ...{ type: 'entra', name: 'entra', audience: 'formicary' },
      tenants: Object.fromEntries(directories.map((directory) => [directory, 'acme'])),
    };
    const client = { client_id: 'window', scope: 'openid api://formicary/.default' };
    const given = [
      { ...ISSUER, window: { client_id: 'window' } },
      { ...ISSUER, name: 'other' },
      { ...entra, window: client },
    ];
    const { signIns } = readSettings({ FORMICARY_ISSUERS: JSON.stringify(given) });
    expect(signIns).toEqual([
      { name: 'bank', issuer: 'https://id.bank.example', client_id: 'window', scope: 'openid' },
      ...directories.map((directory) => ({
        name: `entra (${directory})`,
        issuer: `https://login.microsoftonline.com/${directory}/v2.0`,
        ...client,
      })),
    ]);
    const ofServices = { ...ISSUER, kind: 'service', window: { client_id: 'window' } };
    expect(() => readSettings({ FORMICARY_ISSUERS: JSON.stringify([ofServices]) })).toThrow(/window: leave it out/);
  });

  test('takes every setting', () => {
    const settings = readSettings({
      FORMICARY_DATA: '/srv/colony',
      FORMICARY_RATE: '0.5',
      FORMICARY_BURST: '10',
      FORMICARY_TENANT_RATE: '3',
      FORMICARY_TENANT_BURST: '30',
      FORMICARY_ADMISSION: 'off',
      FORMICARY_LOG: 'silent',
      FORMICARY_IDENTITY_SECRET: 'the newer secret of thirty-two characters',
      FORMICARY_IDENTITY_SECRET_BEFORE: 'the older secret of thirty-two characters',
      FORMICARY_ISSUERS: JSON.stringify([ISSUER]),
      FORMICARY_DEV_HEADERS: 'on',
      FORMICARY_NEW_KEYS: 'on',
      FORMICARY_PUBLIC_URL: 'https://colony.example/',
      FORMICARY_WEBHOOK_HOSTS: 'a.internal,,b.internal',
      FORMICARY_MCP_HOSTS: 'MCP.example.com=env:CRM, [::1]:8443',
      FORMICARY_LOG_KEY: `${'A'.repeat(43)}=`,
      FORMICARY_PERSONAL_KEY_BEFORE: `${'B'.repeat(42)}A=, ${'C'.repeat(42)}A=`,
      FORMICARY_VAULT__logKey: 'https://colony.vault.azure.net/keys/formicary-log',
      FORMICARY_VAULT__personalKey: 'https://colony.vault.azure.net/keys/formicary-personal',
      FORMICARY_VAULT__clientId: '00000000-0000-4000-8000-000000000002',
      FORMICARY_ANCHOR_FOLDER: '/mnt/anchors',
      FORMICARY_ANCHOR_GIT: '/srv/anchors',
      FORMICARY_ANCHOR_BLOBS: 'https://auditor.blob.core.windows.net/colony?sig=secret-word',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces',
    });
    expect(settings).toEqual({
      ...DEFAULTS,
      data: '/srv/colony',
      rate: { perSecond: 0.5, burst: 10 },
      tenantRate: { perSecond: 3, burst: 30 },
      admission: false,
      maxClockBehindSeconds: 600,
      logLevel: 'silent',
      secrets: ['the newer secret of thirty-two characters', 'the older secret of thirty-two characters'],
      issuers: [expect.objectContaining(ISSUER)],
      devHeaders: true,
      publicUrl: 'https://colony.example',
      logKey: `${'A'.repeat(43)}=`,
      newKeys: true,
      personalKeysBefore: [`${'B'.repeat(42)}A=`, `${'C'.repeat(42)}A=`],
      vault: {
        logKey: 'https://colony.vault.azure.net/keys/formicary-log',
        personalKey: 'https://colony.vault.azure.net/keys/formicary-personal',
        clientId: '00000000-0000-4000-8000-000000000002',
      },
      anchors: {
        folder: '/mnt/anchors',
        git: '/srv/anchors',
        blobs: 'https://auditor.blob.core.windows.net/colony?sig=secret-word',
        clientId: undefined,
      },
      webhookHosts: ['a.internal', 'b.internal'],
      mcpHosts: new Map([
        ['mcp.example.com', 'env:CRM'],
        ['[::1]:8443', undefined],
      ]),
      traces: true,
    });
  });

  test.each<[string, Environment, object]>([
    [
      'TLS from the first byte',
      { FORMICARY_SMTP: 'smtps://mail.example' },
      { host: 'mail.example', port: 465, security: 'tls', from: 'formicary@mail.example' },
    ],
    [
      'STARTTLS',
      { FORMICARY_SMTP: 'smtp://mail.example', FORMICARY_SMTP_FROM: 'ants@example.org' },
      { host: 'mail.example', port: 587, security: 'starttls', from: 'ants@example.org' },
    ],
    [
      'nothing to this machine',
      { FORMICARY_SMTP: 'smtp://127.0.0.1:2525' },
      { host: '127.0.0.1', port: 2525, security: 'none' },
    ],
    [
      'a login',
      { FORMICARY_SMTP: 'smtps://mail.example', FORMICARY_SMTP_USER: 'ant', FORMICARY_SMTP_PASSWORD: 'leaf' },
      { auth: { user: 'ant', pass: 'leaf' } },
    ],
  ])('mail: %s', (_, environment, smtp) => expect(readSettings(environment).smtp).toMatchObject(smtp));
});

describe('the profile azure', () => {
  test('is opened by the identity', () => {
    expect(readSettings(AZURE).azure).toEqual({
      clientId: AZURE.AZURE_CLIENT_ID,
      cosmos: { endpoint: AZURE.FORMICARY_COSMOS__accountEndpoint, database: 'formicary', key: undefined },
      serviceBus: { endpoint: 'colony.servicebus.windows.net' },
      eventHubs: { endpoint: 'colony-hubs.servicebus.windows.net' },
      blobs: { endpoint: 'https://colony.blob.core.windows.net/' },
      netapp: undefined,
    });
  });

  test('takes connection strings of test servers', () => {
    expect(readSettings({ ...LOCAL, FORMICARY_COSMOS_DATABASE: 'other' }).azure).toEqual({
      clientId: undefined,
      cosmos: { endpoint: 'http://127.0.0.1:8081/', database: 'other', key: 'secret-word' },
      serviceBus: { connectionString: BROKER },
      eventHubs: { connectionString: BROKER },
      blobs: { connectionString: 'UseDevelopmentStorage=true' },
      netapp: undefined,
    });
  });

  test('has a place elsewhere, a clock and a test server for volumes only when told', () => {
    const replica = {
      FORMICARY_NETAPP_REPLICA__resourceGroup: 'rg-north',
      FORMICARY_NETAPP_REPLICA__account: 'colony-north',
      FORMICARY_NETAPP_REPLICA__location: 'northeurope',
      FORMICARY_NETAPP_REPLICA__subnetId: NETAPP.FORMICARY_NETAPP__subnetId,
    };
    const given = { ...AZURE, ...NETAPP, ...replica };
    expect(
      readSettings({ ...given, FORMICARY_NETAPP_SNAPSHOT_HOURS: '6', FORMICARY_NETAPP: 'http://127.0.0.1:1' }).azure
        ?.netapp,
    ).toMatchObject({
      replica: {
        subscription: NETAPP.FORMICARY_NETAPP__subscriptionId,
        resourceGroup: 'rg-north',
        account: 'colony-north',
        location: 'northeurope',
        subnet: NETAPP.FORMICARY_NETAPP__subnetId,
      },
      snapshotHours: 6,
      endpoint: 'http://127.0.0.1:1',
    });
    const { FORMICARY_NETAPP_REPLICA__account: _, ...part } = replica;
    expect(named({ ...AZURE, ...NETAPP, ...part })).toEqual(['FORMICARY_NETAPP_REPLICA__account']);
    for (const hours of ['0', '169', '1.5', 'daily'])
      expect(named({ ...AZURE, ...NETAPP, FORMICARY_NETAPP_SNAPSHOT_HOURS: hours })).toEqual([
        'FORMICARY_NETAPP_SNAPSHOT_HOURS',
      ]);
    for (const server of ['http://netapp.example', 'https://127.0.0.1:1'])
      expect(named({ ...AZURE, ...NETAPP, FORMICARY_NETAPP: server })).toEqual(['FORMICARY_NETAPP']);
  });

  test('has NetApp Files only when told where', () => {
    expect(readSettings({ ...AZURE, ...NETAPP }).azure?.netapp).toEqual({
      subscription: NETAPP.FORMICARY_NETAPP__subscriptionId,
      resourceGroup: 'rg-colony',
      account: 'colony',
      location: 'westeurope',
      subnet: NETAPP.FORMICARY_NETAPP__subnetId,
    });
  });

  test('has a bucket, and models, only when told of them', () => {
    expect(readSettings({ ...AZURE, ...BUCKET }).azure?.bucket).toEqual({
      url: 'https://payloads.colony.internal/payloads',
      accessKey: 'ant',
      secretKey: 'secret-word',
    });
    const models = { FORMICARY_OPENAI__endpoint: 'https://oai-colony.openai.azure.com/' };
    expect(named({ ...AZURE, ...models })).toEqual(['FORMICARY_OPENAI__deployment']);
    expect(readSettings({ ...AZURE, ...models, FORMICARY_OPENAI__deployment: 'gpt-5-mini' }).azure?.openai).toEqual({
      endpoint: models.FORMICARY_OPENAI__endpoint,
      deployment: 'gpt-5-mini',
      clientId: AZURE.AZURE_CLIENT_ID,
    });
  });

  test('tells agents by Web PubSub only when told of it, and goes without on Azure when that can’t be used', () => {
    const endpoint = 'https://wps-colony.webpubsub.azure.com/';
    expect(readSettings({ ...AZURE, FORMICARY_WEBPUBSUB__endpoint: endpoint }).azure?.webPubSub).toEqual({ endpoint });
    const connectionString = 'Endpoint=http://127.0.0.1:8080;AccessKey=secret-word;Version=1.0;';
    expect(readSettings({ ...LOCAL, FORMICARY_WEBPUBSUB: connectionString }).azure?.webPubSub).toEqual({
      connectionString,
    });
    expect(named({ ...AZURE, FORMICARY_WEBPUBSUB: connectionString })).toEqual(['FORMICARY_WEBPUBSUB']);
    const wrong = { ...AZURE, FORMICARY_WEBPUBSUB__endpoint: 'wps-colony' };
    expect(named(wrong)).toEqual(['FORMICARY_WEBPUBSUB__endpoint']);
    expect(readSettings({ ...wrong, WEBSITE_SITE_NAME: 'func-colony' })).toMatchObject({
      azure: { webPubSub: undefined },
      lacking: [expect.stringContaining('FORMICARY_WEBPUBSUB__endpoint')],
    });
  });

  test('never falls back on the embedded store', async () => {
    const data = join(mkdtempSync(join(tmpdir(), 'formicary-')), 'data');
    // Nobody listens there.
    await expect(
      openColony(
        readSettings({ ...LOCAL, FORMICARY_COSMOS__accountEndpoint: 'http://127.0.0.1:9/', FORMICARY_DATA: data }),
      ),
    ).rejects.toThrow();
    expect(existsSync(data)).toBe(false);
  });
});

describe('what can’t be used', () => {
  test.each<[string, string]>([
    ['FORMICARY_PROFILE', 'Azure'],
    ['FORMICARY_RATE', 'many'],
    ['FORMICARY_RATE', '0'],
    ['FORMICARY_BURST', '-1'],
    ['FORMICARY_TENANT_RATE', '0'],
    ['FORMICARY_ADMISSION', 'maybe'],
    ['FORMICARY_BURST', 'Infinity'],
    ['FORMICARY_LOG', 'verbose'],
    ['FORMICARY_PUBLIC_URL', 'colony.example'],
    ['FORMICARY_PUBLIC_URL', 'javascript:alert(1)'],
    ['FORMICARY_SMTP', 'https://mail.example'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', '127.0.0.1:4318'],
    ['AZURE_CLIENT_ID', 'colony'],
    ['FORMICARY_COSMOS__accountEndpoint', 'colony.documents.azure.com'],
    ['FORMICARY_COSMOS__accountEndpoint', 'http://colony.documents.azure.com'],
    ['FORMICARY_COSMOS__accountEndpoint', 'http://127.0.0.1@colony.documents.azure.com'],
    ['FORMICARY_COSMOS_DATABASE', 'a/b'],
    ['FORMICARY_SERVICEBUS__fullyQualifiedNamespace', 'sb://colony.servicebus.windows.net'],
    ['FORMICARY_EVENTHUBS__fullyQualifiedNamespace', 'colony'],
    ['FORMICARY_BLOBS__serviceUri', 'http://colony.blob.core.windows.net'],
    ['FORMICARY_SERVICEBUS', '127.0.0.1:5672'],
    ['FORMICARY_VAULT__logKey', 'https://colony.vault.azure.net/keys/log/0123456789abcdef0123456789abcdef'],
    ['FORMICARY_VAULT__personalKey', 'http://colony.vault.azure.net/keys/personal'],
    ['FORMICARY_VAULT__clientId', 'colony'],
    ['FORMICARY_PERSONAL_KEY_BEFORE', `${'B'.repeat(42)}A=,x`],
    ['FORMICARY_ANCHOR_BLOBS', 'http://auditor.blob.core.windows.net/colony'],
    ['FORMICARY_ANCHOR_BLOBS', 'https://auditor.blob.core.windows.net/'],
    ['FORMICARY_ANCHOR_BLOBS', 'https://auditor.blob.core.windows.net/colony/folder/deep?sig=x'],
    ['FORMICARY_BLOBS', 'true'],
    [
      'APPLICATIONINSIGHTS_CONNECTION_STRING',
      'IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/',
    ],
    ['APPLICATIONINSIGHTS_CONNECTION_STRING', 'InstrumentationKey=6F8E4F0A-3F5C-4A5E-9A3B-0D8C1C6B7A21'],
    ['APPLICATIONINSIGHTS_CONNECTION_STRING', '6f8e4f0a-3f5c-4a5e-9a3b-0d8c1c6b7a21'],
  ])('%s=%s', (name, value) => {
    expect(faults({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} (is "|can't be used)`))]);
  });

  test('all of it is named at once, whatever its kind', () => {
    expect(
      named({
        FORMICARY_PROFILE: 'azure',
        FORMICARY_RATE: 'many',
        FORMICARY_LOG: 'loud',
        FORMICARY_SMTP_USER: 'ant',
      }).toSorted(),
    ).toEqual([
      'FORMICARY_BLOBS__serviceUri',
      'FORMICARY_COSMOS__accountEndpoint',
      'FORMICARY_EVENTHUBS__fullyQualifiedNamespace',
      'FORMICARY_LOG',
      'FORMICARY_RATE',
      'FORMICARY_SERVICEBUS__fullyQualifiedNamespace',
      'FORMICARY_SMTP_PASSWORD',
    ]);
  });

  test.each([
    ['FORMICARY_BUCKET', 'http://payloads.colony.internal/payloads'],
    ['FORMICARY_BUCKET', 'https://payloads.colony.internal'],
    ['FORMICARY_BUCKET', 'https://payloads.colony.internal/a/b'],
    ['FORMICARY_BUCKET', 'https://payloads.colony.internal/payloads?list-type=2'],
    ['FORMICARY_BUCKET', 'https://ant:leaf@payloads.colony.internal/payloads'],
    ['FORMICARY_BUCKET_CERTIFICATES', '/etc/certificates.pem'],
  ])('of a bucket: %s=%s', (name, value) => {
    expect(named({ ...AZURE, ...BUCKET, [name]: value })).toEqual([name]);
  });

  test('what belongs together is asked for together', () => {
    const { FORMICARY_BUCKET_ACCESS_KEY: ___, ...half } = BUCKET;
    expect(named({ ...AZURE, ...half })).toEqual(['FORMICARY_BUCKET_ACCESS_KEY']);
    const { FORMICARY_NETAPP__account: _, FORMICARY_NETAPP__location: __, ...part } = NETAPP;
    expect(named({ ...AZURE, ...part })).toEqual(['FORMICARY_NETAPP__account', 'FORMICARY_NETAPP__location']);
  });

  test('a key that has wrapped before is not the one that wraps', () => {
    const before = { ...AZURE, FORMICARY_PERSONAL_KEY_BEFORE: `${'B'.repeat(42)}A=` };
    expect(named(before)).toEqual(['FORMICARY_PERSONAL_KEY_BEFORE']);
    expect(faults({ ...before, FORMICARY_PERSONAL_KEY: `${'C'.repeat(42)}A=` })).toEqual([]);
    expect(faults({ ...before, FORMICARY_VAULT__personalKey: 'https://colony.vault.azure.net/keys/people' })).toEqual(
      [],
    );
  });

  test('an endpoint and a connection string to the same service', () => {
    expect(named({ ...LOCAL, FORMICARY_BLOBS__serviceUri: 'http://127.0.0.1:10000/devstoreaccount1' })).toEqual([
      'FORMICARY_BLOBS',
    ]);
  });

  const keys = ['FORMICARY_COSMOS_KEY', 'FORMICARY_SERVICEBUS', 'FORMICARY_EVENTHUBS', 'FORMICARY_BLOBS'];
  test.each<[string, Environment]>([
    ['Cosmos DB on Azure', { FORMICARY_COSMOS__accountEndpoint: AZURE.FORMICARY_COSMOS__accountEndpoint }],
    ['a broker on Azure', { FORMICARY_SERVICEBUS: BROKER.replace('127.0.0.1:5673', 'colony.servicebus.windows.net') }],
    [
      'a broker whose name begins like this machine',
      { FORMICARY_SERVICEBUS: BROKER.replace('127.0.0.1:5673', '127.0.0.1.example') },
    ],
    [
      'a broker with an address before its name',
      { FORMICARY_SERVICEBUS: BROKER.replace('127.0.0.1:5673', '127.0.0.1@colony.servicebus.windows.net') },
    ],
    [
      'a second endpoint in one string',
      { FORMICARY_EVENTHUBS: `${BROKER};Endpoint=sb://colony.servicebus.windows.net` },
    ],
    [
      'an account by its name alone',
      { FORMICARY_BLOBS: 'DefaultEndpointsProtocol=https;AccountName=colony;AccountKey=c2VjcmV0' },
    ],
    [
      'blobs elsewhere',
      { FORMICARY_BLOBS: 'AccountName=colony;AccountKey=c2VjcmV0;BlobEndpoint=https://colony.blob.core.windows.net' },
    ],
  ])('keys are refused beside %s', (_, environment) => expect(named({ ...LOCAL, ...environment })).toEqual(keys));

  test('a key alone beside real accounts is refused too', () =>
    expect(named({ ...AZURE, FORMICARY_COSMOS_KEY: 'secret-word' })).toEqual(['FORMICARY_COSMOS_KEY']));

  test.each(['127.0.0.1:5673', '127.8.9.1', 'localhost:5672', '[::1]:5672'])('%s is this machine', (host) => {
    expect(faults({ ...LOCAL, FORMICARY_SERVICEBUS: BROKER.replace('127.0.0.1:5673', host) })).toEqual([]);
  });

  test('no message repeats a secret', () => {
    const secret = 'secret-word';
    const messages = faults({
      ...AZURE,
      FORMICARY_SMTP: `http://ant:${secret}@mail.example`,
      FORMICARY_SMTP_PASSWORD: secret,
      FORMICARY_COSMOS_KEY: secret,
      FORMICARY_SERVICEBUS: secret,
      FORMICARY_EVENTHUBS: `Endpoint=sb://x;SharedAccessKey=${secret}`,
      FORMICARY_BLOBS: `;${secret}`,
      APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${secret}`,
    });
    expect(messages.length).toBeGreaterThan(5);
    expect(messages.join('\n')).not.toContain(secret);
  });
});

describe('on Azure, where nobody starts the app and reads what is wrong', () => {
  const SITE = { ...AZURE, WEBSITE_SITE_NAME: 'func-colony' };
  const REFERENCE = '@Microsoft.KeyVault(SecretUri=https://kv-colony.vault.azure.net/secrets/formicary-smtp)';

  test.each<[string, Environment, readonly string[]]>([
    ['mail, of which the vault gave nothing', { FORMICARY_SMTP: REFERENCE }, ['FORMICARY_SMTP can']],
    [
      'mail, of which a part is missing',
      { FORMICARY_SMTP: 'smtp://mail.example', FORMICARY_SMTP_USER: 'ant' },
      ['FORMICARY_SMTP_PASSWORD is missing'],
    ],
    [
      'telemetry',
      { APPLICATIONINSIGHTS_CONNECTION_STRING: 'some;other;form' },
      ['APPLICATIONINSIGHTS_CONNECTION_STRING'],
    ],
    ['traces', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }, ['OTEL_EXPORTER_OTLP_ENDPOINT is "collector"']],
    ['volumes', { FORMICARY_NETAPP__account: 'colony' }, Object.keys(NETAPP).filter((name) => !/account/.test(name))],
  ])('it goes without %s, and says so', (_, given, said) => {
    expect(faults({ ...AZURE, ...given })).toHaveLength(said.length);
    const { lacking, smtp, insights, traces, azure } = readSettings({ ...SITE, ...given });
    expect(lacking).toEqual(said.map((words) => expect.stringContaining(words)));
    expect([smtp, insights, traces, azure?.netapp]).toEqual([undefined, undefined, false, undefined]);
  });

  test('what is right is used, and nothing is lacking', () => {
    const { lacking, smtp } = readSettings({ ...SITE, FORMICARY_SMTP: 'smtps://mail.example' });
    expect([lacking, smtp?.host]).toEqual([[], 'mail.example']);
  });

  test('never a reference for the secret that it stands for', () => {
    for (const name of ['FORMICARY_IDENTITY_SECRET', 'FORMICARY_LOG_KEY', 'FORMICARY_PERSONAL_KEY'])
      expect(faults({ ...SITE, [name]: REFERENCE })).toEqual([
        `${name} can't be used: Key Vault did not give what the reference names`,
      ]);
  });
});

describe('the examples of local.settings.json', () => {
  /** What the Functions host reads itself. */
  const HOST =
    /^(AzureWebJobsStorage|FUNCTIONS_WORKER_RUNTIME|AzureFunctionsJobHost__.+|DURABLE_TASK_SCHEDULER_CONNECTION_STRING)$/;

  test.each([
    ['local.settings.json.example', undefined],
    ['local.settings.azure.json.example', {}],
  ])('%s is complete, and names nothing that isn’t read', (file, azure) => {
    const { Values: values } = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as { Values: Record<string, string> };
    expect(faults(values)).toEqual([]);
    expect(readSettings(values).azure).toEqual(azure && expect.objectContaining(azure));
    expect(
      Object.keys(values).filter((name) => !HOST.test(name) && !(SETTING_NAMES as readonly string[]).includes(name)),
    ).toEqual([]);
  });
});
