/**
 * What the infrastructure promises, read out of its files: the checker knows what Azure takes, this knows what we want.
 * It is no parser of Bicep. It leans on how these files are written: a resource begins at the start of a line (or, as a
 * child, indented), its properties one level deeper.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { basename, delimiter, dirname, join, normalize, resolve } from 'node:path';
import { CONTAINERS } from '../../adapters/azure/cosmos';
import { HUB } from '../../adapters/azure/web-pubsub';
import { MIN_KEPT_DAYS } from '../../domain/audit/retention';
import { CONSUMERS } from '../../domain/kernel/consumers';
import { MAX_ARRIVING } from '../../domain/signals/intake';
import { readSettings, SETTING_NAMES } from '../../host/config';
import { ROLES as ITEM_ROLES } from '../servers/cosmos/roles';

const ROOT = resolve(__dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found as string);

const main = read('bicep/main.bicep');
const moduleFiles = readdirSync(join(ROOT, 'bicep/modules')).map((name) => `bicep/modules/${name}`);
const modules = new Map(moduleFiles.map((path) => [basename(path, '.bicep'), read(path)]));
const moduleOf = (name: string) => modules.get(name) as string;
const everything = [main, ...modules.values()].join('\n');

/** Everything that registers functions. */
const triggers = readdirSync(join(ROOT, 'functions'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => read(`functions/${path}`))
  .join('\n');

interface Resource {
  readonly file: string;
  readonly symbol: string;
  readonly type: string;
  /** Its text, from the line that declares it to the brace that closes it. */
  readonly body: string;
  /** The line before it. */
  readonly before: string;
  readonly isChild: boolean;
}

function resourcesIn(file: string, text: string): Resource[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const [, indent, symbol, type, rest] = /^( *)resource (\w+) '([\w./]+)(?:@[\w-]+)?'(.*)$/.exec(line) ?? [];
    if (indent === undefined || symbol === undefined || type === undefined || rest?.includes(' existing ')) return [];
    const length = lines.slice(index).findIndex((other) => other === `${indent}}` || other === `${indent}]`);
    const before = lines.slice(0, index).findLast((other) => !other.trim().startsWith('@')) ?? '';
    return [
      { file, symbol, type, body: lines.slice(index, index + length + 1).join('\n'), before, isChild: indent !== '' },
    ];
  });
}

const resources = [...modules].flatMap(([name, text]) => resourcesIn(name, text));
const assignments = resources.filter(({ type }) => /roleAssignments$/i.test(type));

describe('modules', () => {
  test('main uses every module, and each of them once, but for that of identities', () => {
    const used = matches(main, /^module \w+ '(.+)' =/gm).map((path) => normalize(join('bicep', path)));
    expect(used.filter((path) => path.endsWith('/identity.bicep'))).toHaveLength(4);
    expect([...new Set(used)]).toHaveLength(used.length - 3);
    expect([...new Set(used)].sort()).toEqual([...moduleFiles].sort());
  });

  test('the files that they load are there', () => {
    for (const path of moduleFiles) {
      for (const loaded of matches(read(path), /(?:from |loadTextContent\()'(.+?)'/g))
        expect(existsSync(join(ROOT, dirname(path), loaded))).toBe(true);
    }
  });

  test('modules come from this repository: registries can not be reached from everywhere', () => {
    expect(everything).not.toMatch(/'(br|ts)[:/]/);
  });
});

describe('names and tags', () => {
  /** What Azure takes no tags for, or takes for a part of its parent. */
  const UNTAGGED = [
    'Microsoft.Authorization/locks',
    'Microsoft.Authorization/roleAssignments',
    'Microsoft.Authorization/roleDefinitions',
    'Microsoft.EventHub/namespaces/eventhubs',
    'Microsoft.Insights/diagnosticSettings',
    'Microsoft.KeyVault/vaults/secrets',
    'Microsoft.Network/privateEndpoints/privateDnsZoneGroups',
    'Microsoft.ServiceBus/namespaces/queues',
  ];

  test.each(
    resources
      .filter(({ isChild, type }) => !isChild && !UNTAGGED.includes(type))
      .map((resource) => [`${resource.file}: ${resource.symbol}`, resource] as const),
  )('%s has the tags', (_, { body }) => {
    expect(body).toMatch(/^ +tags: (tags|union\(tags, .*\))$/m);
  });

  test('main tags the group with the environment, and the site with the service', () => {
    expect(main).toMatch(/var tags = \{ 'azd-env-name': environmentName \}/);
    expect(moduleOf('app')).toMatch(/union\(tags, \{ 'azd-service-name': 'api' \}\)/);
    expect(read('azure.yaml')).toMatch(/^services:\n {2}api:/m);
  });

  test('every name of a resource is made of the token of this environment', () => {
    expect(main).toMatch(
      /var resourceToken = toLower\(uniqueString\(subscription\(\)\.id, environmentName, location\)\)/,
    );
    for (const name of matches(main, /^ +(?:params: \{ )?name: (.+?)(?:,.*)?$/gm).filter(
      (name) => !name.startsWith("'rg-"),
    ))
      expect(name).toMatch(/\$\{resourceToken\}'$/);
    /** Zones, and what hangs on something else, are named by what they are. */
    const named = resources.filter(
      ({ isChild, type, body }) =>
        !isChild && !/privateDnsZones|diagnosticSettings|locks$/.test(type) && !/^ +parent: /m.test(body),
    );
    for (const { file, symbol, body } of named)
      expect([file, symbol, /^ +name: (.+)$/m.exec(body)?.[1]]).toEqual([
        file,
        symbol,
        expect.stringMatching(/^(name|guid\(.*\)|'.*\$\{(resourceToken|name)\}.*')$/),
      ]);
  });
});

describe('roles', () => {
  /** Reviewed: a role that is not here has to be argued for first. */
  const ROLES = {
    storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
    storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
    storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
    eventHubsDataReceiver: 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde',
    eventHubsDataSender: '2b629674-e913-4c01-ae53-ef4638d8f975',
    serviceBusDataOwner: '090c5cfd-751d-490a-894a-3ce6f1109419',
    serviceBusDataReceiver: '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0',
    serviceBusDataSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39',
    monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb',
    durableTaskDataContributor: '0ad04412-c4d5-4796-b79c-f76d14c8d402',
    durableTaskDataReader: 'd6a5505f-6ebb-45a4-896e-ac8274cfc0ac',
    cognitiveServicesOpenAiUser: '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd',
    keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6',
    keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
    keyVaultCryptoUser: '12338af0-0e69-4776-bea7-57ae8d297424',
    keyVaultCryptoServiceEncryptionUser: 'e147488a-f6f5-4113-8e2d-b22465e65bf6',
    dataReader: '00000000-0000-0000-0000-000000000001',
    dataContributor: '00000000-0000-0000-0000-000000000002',
  };

  test('are the reviewed ones, each in use', () => {
    const listed = [...read('bicep/roles.bicep').matchAll(/^ {2}(\w+): '([0-9a-f-]{36})'$/gm)].map(([, name, id]) => [
      name,
      id,
    ]);
    expect(Object.fromEntries(listed)).toEqual(ROLES);
    for (const name of Object.keys(ROLES))
      expect(everything).toMatch(new RegExp(`\\b(roles|cosmosRoles)\\.${name}\\b`));
    expect(everything).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  });

  test.each(assignments.map((assignment) => [`${assignment.file}: ${assignment.symbol}`, assignment] as const))(
    '%s says why',
    (_, { before }) => {
      expect(before).toMatch(/^ *\/\/ \w.+/);
    },
  );

  test('no role is given for the whole group, except the one of our own for NetApp volumes', () => {
    const wide = assignments.filter(({ body }) => !/^ +scope: /m.test(body));
    expect(wide.map(({ symbol }) => symbol)).toEqual(['appManagesVolumes']);
  });

  test('the app can create and read receipts, and nothing else; keys of persons it can replace, and not delete', () => {
    const cosmos = moduleOf('cosmos');
    const actionsOf = (role: string) =>
      resources
        .filter(({ symbol }) => symbol === role)
        .flatMap(({ body }) =>
          matches(body, /'Microsoft\.DocumentDB\/databaseAccounts\/sqlDatabases\/containers\/(.+)'$/gm),
        );
    expect({ events: actionsOf('keepsReceipts'), subjects: actionsOf('keepsKeys') }).toEqual(ITEM_ROLES);
    const scopeOf = (assignment: string) =>
      resources
        .filter(({ symbol }) => symbol === assignment)
        .map(({ body }) => /roleDefinitionId: (\w+)\.id[\s\S]*scope: '\$\{account\.id\}(.+)'/.exec(body)?.slice(1));
    expect(scopeOf('appKeepsReceipts')).toEqual([
      ['keepsReceipts', '/dbs/${database.name}/colls/${database::events.name}'],
    ]);
    // An assignment can't be moved: one with the name that it had on the whole database fails the deployment over it.
    const [receipts] = resources.filter(({ symbol }) => symbol === 'appKeepsReceipts');
    expect(receipts?.body).toContain("name: guid(account.id, appPrincipalId, 'keeps-receipts', database::events.name)");
    expect(scopeOf('appKeepsKeys')).toEqual([['keepsKeys', '/dbs/${database.name}/colls/${database::subjects.name}']]);
    expect(scopeOf('appReadsMetadata')).toEqual([['readsMetadata', '/dbs/${database.name}']]);
    expect(
      resources.filter(({ symbol }) => symbol === 'readsMetadata').map(({ body }) => matches(body, /(\w+)'\]/g)),
    ).toEqual([['readMetadata']]);
    expect(matches(/for container in \[([^\]]*)\]/.exec(cosmos)?.[1] ?? '', /database::(\w+)\.name/g).sort()).toEqual(
      Object.keys(CONTAINERS)
        .filter((container) => !(container in ITEM_ROLES))
        .sort(),
    );
  });
});

describe('no keys, no secrets', () => {
  test.each([
    ['storage', /allowSharedKeyAccess: false/],
    ['cosmos', /disableLocalAuth: true[\s\S]*disableKeyBasedMetadataWriteAccess: true/],
    [
      'messaging',
      /Microsoft\.EventHub[\s\S]*disableLocalAuth: true[\s\S]*Microsoft\.ServiceBus[\s\S]*disableLocalAuth: true/,
    ],
    ['monitoring', /disableLocalAuth: true[\s\S]*DisableLocalAuth: true/],
    ['openai', /disableLocalAuth: true/],
    ['web-pubsub', /disableLocalAuth: true[\s\S]*anonymousConnectPolicy: 'deny'/],
    ['vault', /enableRbacAuthorization: true/],
    ['app', /basicPublishingCredentialsPolicies'[\s\S]*allow: false/],
  ])('%s', (name, pattern) => {
    expect(moduleOf(name)).toMatch(pattern);
  });

  test('nothing asks for a key, and no output is one', () => {
    expect(everything).not.toMatch(/\blist\w*\(|AccountKey|SharedAccessKey/);
    // What the colony's own keys are derived from goes into the vault, and nowhere else; the names of keys are none.
    const secrets = matches(everything, /^@secure\(\)\n(?:@description.*\n)?param (\w+)/gm);
    expect([...new Set(secrets)].sort()).toEqual(['fresh', 'freshKey', 'identitySecret', 'logKey']);
    for (const output of matches(everything, /^(output .+)$/gm))
      expect(output).not.toMatch(/key(?!_VAULT|Id\b|Uri$)|connectionString|password|secret/i);
  });

  test('nobody reaches the API who was not let in', () => {
    expect(moduleOf('app')).toMatch(/ipSecurityRestrictionsDefaultAction: 'Deny'/);
    expect(main).toMatch(/param allowedAddresses string = ''/);
  });
});

describe('duties', () => {
  const given = (name: string) => assignments.filter(({ body }) => body.includes(`principalId: ${name}\n`));
  const idOf = (name: string) => new RegExp(`${name}: (\\w+)!?\\.outputs\\.principalId`).exec(main)?.[1];

  test('each has an identity of its own', () => {
    const names = ['appPrincipalId', 'platformPrincipalId', 'keysPrincipalId', 'volumesPrincipalId'];
    expect(names.map(idOf)).toEqual(['identity', 'platform', 'keys', 'volumes']);
    expect(idOf('secretsPrincipalId')).toBe('platform');
  });

  test('who reads secrets, who signs and who makes volumes touches no receipt', () => {
    expect(given('secretsPrincipalId').map(({ symbol }) => symbol)).toEqual(['platformReadsSecrets']);
    expect(given('keysPrincipalId').map(({ symbol }) => symbol)).toEqual(['appSigns', 'appWraps']);
    expect(given('volumesPrincipalId').map(({ symbol }) => symbol)).toEqual(['appManagesVolumes']);
    expect(given('platformPrincipalId').map(({ symbol }) => symbol)).toEqual(['hostUsesBlobs', 'hostUsesTables']);
  });

  test('keys are used one by one, and by nobody but who does that', () => {
    for (const symbol of ['appSigns', 'appWraps'])
      expect(assignments.find((one) => one.symbol === symbol)?.body).toMatch(/^ {2}scope: vault::(log|personal)$/m);
  });
});

describe('what proves and what opens', () => {
  const vault = moduleOf('vault');

  test('is lost by nobody', () => {
    expect(vault).toMatch(/enablePurgeProtection: true\n +softDeleteRetentionInDays: 90/);
    // An old version that has expired would open nothing of what it has wrapped.
    expect(vault).not.toMatch(/expiryTime|\bexp:/);
    expect(vault).toMatch(/action: \{ type: 'rotate' \}/);
    for (const [module, kept] of [
      ['vault', 'vault'],
      ['cosmos', 'account'],
      ['storage', 'archive'],
      ['storage', 'anchors'],
      ['netapp-payloads', 'pool::volume'],
    ] as const)
      expect(
        resources.filter(
          ({ file, type, body }) => file === module && /locks$/.test(type) && body.includes(`scope: ${kept}\n`),
        ),
      ).toHaveLength(1);
  });

  test('keys are what the app signs and wraps with', () => {
    expect(vault).toMatch(/kty: 'EC', curveName: 'P-256', keyOps: \['sign', 'verify'\]/);
    expect(vault).toMatch(/kty: 'RSA'\n +keySize: 3072\n +keyOps: \['wrapKey', 'unwrapKey'\]/);
  });

  test('a secret that is made at the first deployment is one that the app takes', () => {
    expect(vault).toContain("'${take(replace(freshKey, '-', ''), 42)}A='");
    const made = `${'0123456789abcdef'.repeat(4).slice(0, 42)}A=`;
    expect(readSettings({ FORMICARY_LOG_KEY: made }).logKey).toBe(made);
    expect(made).toHaveLength(44);
  });

  test('checkpoints are immutable for as long as receipts have to be kept', () => {
    expect(moduleOf('storage')).toMatch(/immutableStorageWithVersioning: \{\n +enabled: true/);
    expect(Number(/@minValue\((\d+)\)\n@maxValue\(\d+\)\n@description\(.*\)\nparam anchorDays/.exec(main)?.[1])).toBe(
      MIN_KEPT_DAYS,
    );
  });
});

test('payloads on NetApp Files have snapshots, and what nobody asks for becomes cheaper after a month', () => {
  const payloads = moduleOf('netapp-payloads');
  expect(payloads).toMatch(
    /coolAccess: true\n +coolnessPeriod: 30\n +dataProtection: \{ snapshot: \{ snapshotPolicyId: daily\.id \} \}/,
  );
  expect(payloads).toMatch(/size: bytes, coolAccess: true/);
});

test('each subnet of ours has rules, which let in what is needed and log who changes them', () => {
  const network = moduleOf('network');
  const groups = matches(network, /networkSecurityGroup: \{ id: (\w+)\.id \}/g);
  expect(groups).toHaveLength(matches(network, /^ +resource (\w+) 'subnets'/gm).length);
  for (const group of groups) expect(network).toContain(`scope: ${group}\n`);
  expect(moduleOf('netapp-payloads')).toContain("networkFeatures: 'Standard'");
});

test('agents are told by the hub that the app names, whose role there is to let them in and to tell them', () => {
  expect(matches(moduleOf('web-pubsub'), /resource hub 'hubs' = \{\n +name: '(\w+)'/g)).toEqual([HUB]);
  expect(matches(moduleOf('web-pubsub'), /'Microsoft\.SignalRService\/WebPubSub\/(.+)'$/gm)).toEqual([
    'clientConnection/generateToken/action',
    'clientConnection/write',
    'user/send/action',
    'group/read',
  ]);
});

describe('what is logged', () => {
  test.each([
    ['vault', 'vault', 'AuditEvent'],
    ['cosmos', 'account', 'ControlPlaneRequests'],
    ['messaging', 'eventHubs', 'OperationalLogs'],
    ['messaging', 'serviceBus', 'OperationalLogs'],
    ['storage', 'host::blobs', 'StorageDelete'],
    ['storage', 'archive::blobs', 'StorageDelete'],
    ['storage', 'anchors::blobs', 'StorageWrite'],
    ['openai', 'account', 'Audit'],
    ['web-pubsub', 'service', 'ConnectivityLogs'],
    ['monitoring', 'workspace', 'Audit'],
    ['network', 'appRules', 'NetworkSecurityGroupEvent'],
    ['network', 'endpointRules', 'NetworkSecurityGroupEvent'],
  ])('of %s, %s: %s', (module, scope, category) => {
    const settings = resources.filter(
      ({ file, type, body }) =>
        file === module && /diagnosticSettings$/.test(type) && body.includes(`scope: ${scope}\n`),
    );
    expect(settings.map(({ body }) => body.includes(`category: '${category}', enabled: true`))).toEqual([true]);
  });
});

test('in a private network each service has an endpoint, and no other door', () => {
  const targets = matches(/targets: concat\(([\s\S]*?)\n {4}\)\n/.exec(main)?.[1] ?? '', /\{ name: '([\w-]+)'/g);
  expect(targets).toEqual([
    ...['api', 'cosmos', 'event-hubs', 'service-bus', 'host-blobs', 'host-tables', 'payloads', 'checkpoints'],
    ...['scheduler', 'vault', 'openai', 'web-pubsub'],
  ]);
  for (const name of ['storage', 'cosmos', 'messaging', 'durable', 'vault', 'openai', 'web-pubsub'])
    expect(moduleOf(name)).toMatch(/publicNetworkAccess: isPrivate \? 'Disabled' : 'Enabled'/);
});

describe('settings of the app', () => {
  /** What the Functions host and its triggers read, beside our own settings. */
  const OF_THE_HOST =
    /^(AzureWebJobsStorage__|AzureFunctionsJobHost__|AzureWebJobsDisableHomepage$|APPLICATIONINSIGHTS_AUTHENTICATION_STRING$|DURABLE_TASK_SCHEDULER_CONNECTION_STRING$)|__(credential|clientId)$/;
  const body = resources.find(({ symbol }) => symbol === 'settings')?.body ?? '';
  const given = [...matches(body, /^ {8}(\w+): /gm), ...matches(everything, /^ +(FORMICARY_\w+): /gm)];

  /** What triggers read by themselves, as the host resolves it. */
  const ofTriggers = matches(triggers, /'%(\w+)%'/g);

  test('are all known to the app', () => {
    const known: readonly string[] = [...SETTING_NAMES, ...ofTriggers];
    expect(given.filter((name) => !OF_THE_HOST.test(name) && !known.includes(name))).toEqual([]);
  });

  test('are all that triggers ask for', () => {
    expect(ofTriggers.filter((name) => !given.includes(name))).toEqual([]);
    const connections = matches(triggers, /\bconnection: '(\w+)'/g);
    expect(connections.filter((name) => !given.includes(`${name}__credential`))).toEqual([]);
  });

  test('are all that the profile azure can be told of its services', () => {
    const services = SETTING_NAMES.filter((name) =>
      /__|^AZURE_|^APPLICATIONINSIGHTS_|COSMOS_DATABASE|_HUB$|PROFILE|PUBLIC_URL/.test(name),
    );
    expect(services.filter((name) => !given.includes(name))).toEqual([]);
  });

  test('are in the example for a developer too, but for what only a deployed app has', () => {
    const { Values: values } = JSON.parse(read('local.settings.azure.json.example')) as {
      Values: Record<string, string>;
    };
    const deployed = /NETAPP|OPENAI|WEBPUBSUB|PUBLIC_URL|ISSUERS|TENANT_ACCESS|LOG_KEY|VAULT|ANCHOR/;
    const ours = given.filter(
      (name) => name.startsWith('FORMICARY_') && !OF_THE_HOST.test(name) && !deployed.test(name),
    );
    expect(ours.filter((name) => !(name in values))).toEqual([]);
  });

  test('are enough to start with', () => {
    /** The first that fits. */
    const examples: readonly (readonly [name: RegExp, example: string])[] = [
      [/^APPLICATIONINSIGHTS_CONNECTION_STRING$/, 'InstrumentationKey=00000000-0000-4000-8000-000000000000'],
      [/Namespace$/, 'a.servicebus.windows.net'],
      [/ISSUERS$/, '[]'],
      [/TENANT_ACCESS$/, 'closed'],
      [/LOG_KEY$/, `${'A'.repeat(43)}=`],
      [/VAULT__\w+Key$/, 'https://a.vault.example/keys/a'],
      [/HOURS$/, '24'],
      [/CONNECTIONS$/, '1000'],
      [/SECRET$/, 'drawn at random, thirty-two or more'],
      [/ANCHOR_BLOBS$/, 'https://a.example/checkpoints'],
      [/[eE]ndpoint$|Uri$|URL$/, 'https://a.example/'],
      [/Id$|CLIENT_ID$/, '00000000-0000-4000-8000-000000000000'],
      [/./, 'a'],
    ];
    const example = (name: string) => examples.find(([pattern]) => pattern.test(name))?.[1];
    const environment = Object.fromEntries(given.map((name) => [name, example(name)]));
    const { azure, insights } = readSettings({
      ...environment,
      FORMICARY_PROFILE: /FORMICARY_PROFILE: '(\w+)'/.exec(body)?.[1],
      FORMICARY_NETAPP__subnetId: '/subscriptions/a',
      FORMICARY_NETAPP_REPLICA__subnetId: '/subscriptions/a',
    });
    expect(azure).toMatchObject({
      cosmos: { key: undefined },
      serviceBus: { endpoint: 'a.servicebus.windows.net' },
      eventHubs: { endpoint: 'a.servicebus.windows.net' },
      blobs: { endpoint: 'https://a.example/' },
    });
    expect(insights?.clientId).toBeDefined();
  });

  test('are none that Flex Consumption refuses', () => {
    expect(
      given.filter((name) =>
        /^(FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_RUN_FROM_PACKAGE|ENABLE_ORYX_BUILD)$/.test(
          name,
        ),
      ),
    ).toEqual([]);
  });

  test('the task hub is the one of host.json', () => {
    const { hubName, storageProvider } = JSON.parse(read('host.json')).extensions.durableTask;
    expect(moduleOf('durable')).toContain(`resource hub 'taskHubs' = {\n    name: '${hubName}'`);
    expect(given).toContain(storageProvider.connectionStringName);
  });

  test('orchestrations are kept for no longer than the scheduler takes', () => {
    const most = /@maxValue\((\d+)\)\n@description\('Days that orchestrations are kept/;
    expect([main, moduleOf('durable')].map((file) => most.exec(file)?.[1])).toEqual(['90', '90']);
    expect(read('docs/deploy.md')).toMatch(/`FORMICARY_DURABLE_TASK_DAYS` \| `30` \| .*1 to 90/);
  });
});

describe('stores', () => {
  const cosmos = moduleOf('cosmos');
  const container = (name: string) =>
    resources.find(({ file, symbol }) => file === 'cosmos' && symbol === name)?.body ?? '';

  /** An object of Bicep, read as one of JSON: the same but for quotes, and commas at the ends of lines. */
  const objectIn = (text: string): Record<string, unknown> =>
    JSON.parse(
      text
        .replace(/'/g, '"')
        .replace(/(\w+):/g, '"$1":')
        .replace(/([^{[\s])\n\s*(?=[^}\]\s])/g, '$1,'),
    );
  const definitionOf = (name: string) => {
    const text = /resource: (\{ .+ \}|\{\n[\s\S]*?^ {8}\})$/m.exec(container(name))?.[1] ?? '';
    return objectIn(text);
  };

  test.each(Object.entries(CONTAINERS))('the container %s is as the adapter wants it', (name, definition) => {
    expect(definitionOf(name)).toEqual(definition);
  });

  test('the index of the views has every field that one declares, and no other', () => {
    const sources = globSync('{projections,app}/**/*.ts', { cwd: ROOT }).map(read).join('\n');
    const fields = matches(sources, /^ {2}fields: \[(.*)\]/gm).flatMap((list) => matches(list, /'(.+?)'/g));
    const paths = fields.map((field) => `/doc/${field.replace('[]', '/[]')}/?`);
    expect(CONTAINERS.views.indexingPolicy.includedPaths.map(({ path }) => path).sort()).toEqual(
      [...new Set(['/key/?', '/keys/[]/?', '/source/?', ...paths])].sort(),
    );
  });

  test('views and state have as much throughput as is asked for, also later on', () => {
    for (const name of ['views', 'state']) {
      expect(container(name)).toContain('options: growingOptions');
      expect(container(name)).toMatch(
        /resource throughput 'throughputSettings' = if \(!isServerless\) \{\n[\s\S]*growing/,
      );
    }
    expect(cosmos).toMatch(/^var growing = \{ autoscaleSettings: \{ maxThroughput: viewsMaxThroughput \} \}$/m);
  });

  test('leases expire when the host says so, and are found by their ids alone', () => {
    expect(definitionOf('leases')).toEqual({
      id: 'leases',
      partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 },
      defaultTtl: -1,
      indexingPolicy: {
        indexingMode: 'consistent',
        automatic: true,
        includedPaths: [],
        excludedPaths: [{ path: '/*' }],
      },
    });
  });

  test('what was acknowledged is read by whoever reads next, and can be restored', () => {
    expect(cosmos).toContain("defaultConsistencyLevel: 'Strong'");
    expect(cosmos).toContain('enableMultipleWriteLocations: false');
    expect(cosmos).toContain("type: 'Continuous'");
  });

  describe('queues', () => {
    const messaging = moduleOf('messaging');
    const bodyOf = (text: string, symbol: string) =>
      new RegExp(`^var ${symbol} = ([{[][\\s\\S]*?^[}\\]])$`, 'm').exec(text)?.[1] ?? '';

    test('are those that the code names', () => {
      const named = [
        ...matches(read('adapters/azure/open.ts'), /^const DEADLINES = '(\w+)'/gm),
        ...CONSUMERS.map((name) => `parked-${name}`),
      ];
      const made = [
        ...matches(messaging, /resource \w+ 'queues' = \{\n +name: '(.+)'$/gm),
        ...matches(bodyOf(messaging, 'parked'), /'(.+)'/g),
      ];
      expect(made.sort()).toEqual(named.sort());
      const asked = matches(triggers, /\bqueueName: '(.+)'/g);
      expect(asked.filter((name) => !made.includes(name))).toEqual([]);
    });

    test('look for duplicates, as sends are tried again, and keep what is dead', () => {
      expect(objectIn(bodyOf(messaging, 'queue'))).toEqual({
        lockDuration: 'PT1M',
        maxDeliveryCount: 10,
        deadLetteringOnMessageExpiration: true,
        maxSizeInMegabytes: 5120,
        requiresDuplicateDetection: true,
        duplicateDetectionHistoryTimeWindow: 'PT10M',
      });
      for (const { body } of resources.filter(({ type }) => /(^|\/)queues$/.test(type)))
        expect(body).toMatch(/^ +properties: (queue|union\(queue, .*\))$/m);
    });
  });
});

describe('what is told of sizes and prices', () => {
  const costs = read('docs/cost.md');
  const deploy = read('docs/deploy.md');

  test('signals cost a commit for as many as the intake takes at once', () => {
    expect(main).toContain(`${MAX_ARRIVING} signals at a time`);
    expect(deploy).toContain(`${MAX_ARRIVING} signals at a time`);
    expect(costs).toContain(`**${MAX_ARRIVING} signals are one commit of the intake`);
  });

  test('a private network costs as many endpoints and zones as it makes, without models and Web PubSub', () => {
    const [, always = ''] = /targets: concat\(\n {6}\[\n([\s\S]*?)\n {6}\],/.exec(main) ?? [];
    const endpoints = matches(always, /\{ name: '([\w-]+)'/g).length;
    const zones = new Set(matches(always, /zones: \['(.+?)'\]/g)).size;
    expect([endpoints, zones]).toEqual([10, 7]);
    expect(costs).toContain(`ten endpoints: ${endpoints} × 0.01 × 730 = ${(endpoints * 7.3).toFixed(2)}`);
    expect(costs).toContain(`seven zones: ${(zones / 2).toFixed(2)}`);
  });

  test('zones cost two instances for each group of functions', () => {
    const groups = matches(read('docs/decisions/scale-groups.md'), /^\| `([\w:]+)` \| /gm).length;
    expect(groups).toBeGreaterThan(6);
    const price = 2 * groups * 2 * 2.628 * 4;
    expect(costs).toContain(
      `for each of ${groups} groups: ${2 * groups} × 2 GB × 2.628 million s × 0.000004 = ${price.toFixed(2)}`,
    );
  });

  test('the regions that are offered are those that the guide names', () => {
    const [, list = ''] = /@allowed\(\[\n([^\]]*)\]\)\n@description\('Region of everything/.exec(main) ?? [];
    const regions = matches(list, /'(\w+)'/g);
    expect(regions.length).toBeGreaterThan(5);
    expect(deploy).toContain(`${regions.map((region) => `\`${region}\``).join(', ')}.`);
  });
});

describe('what is watched', () => {
  const workbook = read('bicep/workbook.json');

  test.each([
    'dead-letters',
    'throttled',
    'feed-lag',
    'parked-commits',
    'dead-tasks',
    'failed-approvals',
    'failed-requests',
    'overload',
    'late',
  ])('there is an alert for %s', (name) => {
    expect(moduleOf('watch')).toContain(`name: '${name}'`);
  });

  test('the workbook is one, and its placeholders are filled in', () => {
    const { version, items }: { version: string; items: readonly { content: { resourceIds?: readonly string[] } }[] } =
      JSON.parse(workbook);
    expect(version).toBe('Notebook/1.0');
    const places = items.flatMap(({ content }) => content.resourceIds ?? []);
    expect(places.length).toBeGreaterThan(0);
    for (const place of places) expect(moduleOf('watch')).toMatch(new RegExp(`'${place}',\\s+\\w+Id\\b`));
  });
});

describe('azd', () => {
  const parameters: Record<string, { value: string }> = JSON.parse(read('bicep/main.parameters.json')).parameters;
  const variables = Object.values(parameters).flatMap(({ value }) => /\$\{(\w+)/.exec(value)?.[1] ?? []);

  test('can set every parameter', () => {
    expect(Object.keys(parameters).sort()).toEqual(matches(main, /^param (\w+) /gm).sort());
  });

  test('gets every parameter from the workflow too, and the guide names it', () => {
    const workflow = read('.github/workflows/azure-dev.yml');
    const own = variables.filter((name) => name.startsWith('FORMICARY_'));
    // Without it each run would draw another secret, and end every token.
    expect(workflow).toContain('AZURE_KEY_VAULT_NAME: ${{ vars.AZURE_KEY_VAULT_NAME }}');
    expect(own.filter((name) => !workflow.includes(`${name}: \${{ vars.${name}`))).toEqual([]);
    expect(own.filter((name) => !read('docs/deploy.md').includes(`\`${name}\``))).toEqual([]);
  });

  test('actions are named by commits, which nobody can move', () => {
    const actions = matches(read('.github/workflows/azure-dev.yml'), /^ +- uses: (.+)$/gm);
    expect(actions.length).toBeGreaterThan(5);
    for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('tools are named by exact versions', () => {
    const workflow = read('.github/workflows/azure-dev.yml');
    const versions = matches(workflow, /(?:--version|-RequiredVersion|node-version:|\bversion:) (\S+)/g);
    expect(versions.length).toBeGreaterThanOrEqual(6);
    for (const version of versions) expect(version).toMatch(/^v?\d+\.\d+\.\d+$/);
    const steps = workflow.split(/^ {6}- /m);
    const of = (what: RegExp) => steps.filter((step) => what.test(step));
    expect(of(/^uses: Azure\/setup-azd@/)).not.toEqual([]);
    for (const step of of(/^uses: (Azure\/setup-azd|actions\/setup-node)@/)) expect(step).toMatch(/version: \d/);
    for (const step of of(/Install-Module|az bicep install/))
      for (const line of matches(step, /(.*(?:Install-Module|az bicep install).*)/g))
        expect(line).toMatch(/-RequiredVersion|--version/);
  });

  test('pull requests are checked and shown what they would change, and deploy nothing', () => {
    const jobs = read('.github/workflows/azure-dev.yml').split(/^ {2}(?=\w+:\n {4})/m);
    const job = (name: string) => jobs.find((text) => text.startsWith(`${name}:`)) ?? '';
    expect(job('check')).toMatch(/bicep lint[\s\S]*PSRule\.Rules\.Azure/);
    expect(job('preview')).toMatch(/github\.event_name == 'pull_request'[\s\S]*azd provision --preview/);
    expect(job('deploy')).toContain("if: github.event_name != 'pull_request'");
    expect(job('preview')).not.toMatch(/azd (deploy|up)|azd provision(?! --preview)/);
    // The branch's own hooks run there: somebody looks before, and no secret is in reach.
    expect(job('preview')).toMatch(/^ {4}environment: preview$/m);
    expect(job('preview')).toMatch(
      /AZURE_CLIENT_ID: \$\{\{ vars\.AZURE_PREVIEW_CLIENT_ID \}\}\n +AZURE_KEY_VAULT_NAME: ''/,
    );
    expect(job('preview')).not.toContain('vars.AZURE_CLIENT_ID');
  });

  test('each rule that is left out says why', () => {
    const lines = read('ps-rule.yaml').split('\n');
    const excluded = lines.flatMap((line, index) => (/^ {4}- Azure\./.test(line) ? [index] : []));
    expect(excluded.length).toBeGreaterThan(10);
    for (const index of excluded)
      expect(lines.slice(0, index).findLast((line) => !/^ {4}- Azure\./.test(line))).toMatch(/^ {4}# .+/);
  });

  test('a default is the same in each place', () => {
    for (const [name, { value }] of Object.entries(parameters)) {
      const [, variable, fallback] = /^\$\{(\w+)=(.*)\}$/.exec(value) ?? [];
      if (fallback === undefined) continue;
      expect([name, new RegExp(`^param ${name} \\w+ = '?([^'\\n]*)'?$`, 'm').exec(main)?.[1]]).toEqual([
        name,
        fallback,
      ]);
      if (fallback !== '' && variable?.startsWith('FORMICARY_'))
        expect(read('.github/workflows/azure-dev.yml')).toContain(`vars.${variable} || '${fallback}'`);
    }
  });

  test('finds what it asks the deployment for', () => {
    expect(matches(main, /^output (\w+) /gm)).toEqual(
      expect.arrayContaining(['AZURE_LOCATION', 'AZURE_TENANT_ID', 'SERVICE_API_NAME', 'SERVICE_API_URI']),
    );
  });

  test('registers, builds and asks, each in its time and on both kinds of machine', () => {
    const yaml = read('azure.yaml');
    expect(yaml).toMatch(/^infra:\n {2}provider: bicep\n {2}path: bicep\n/m);
    // What is built before it is packed is what is uploaded, and Azure builds nothing.
    expect(yaml).toMatch(/^ {4}dist: dist\/azure\n {4}remoteBuild: false\n/m);
    for (const [hook, command] of [
      ['prepackage', 'npm run build:azure'],
      ['preprovision', 'node bicep/hooks/providers.mjs'],
      ['postdeploy', 'node bicep/hooks/smoke.mjs'],
    ] as const) {
      const [, text = ''] = yaml.split(`  ${hook}:\n`);
      const [, posix, windows] = /posix:\n([\s\S]*?)windows:\n([\s\S]*?exit \$LASTEXITCODE)/.exec(text) ?? [];
      expect([hook, posix]).toEqual([hook, expect.stringContaining(command)]);
      expect([hook, windows]).toEqual([hook, expect.stringContaining(command)]);
    }
    for (const hook of matches(yaml, /run: node (\S+)/g))
      expect([hook, existsSync(join(ROOT, hook))]).toEqual([hook, true]);
  });
});

describe('.ci/bicep', () => {
  const run = (environment: Record<string, string>) =>
    spawnSync('bash', [join(ROOT, '.ci/bicep')], { encoding: 'utf8', env: { ...process.env, ...environment } });

  test('finds no fault, or says that nobody looked', () => {
    const { status, stdout } = run({});
    expect([status, stdout]).toEqual([0, expect.stringMatching(/0 error\(s\), 0 warning\(s\)|compiled|not checked/)]);
  });

  test('fails when the checker does', () => {
    expect(run({ BICEP_CHECK: 'false' }).status).not.toBe(0);
  });

  test('fails when the compiler does', () => {
    const fake = join(__dirname, 'broken-compiler');
    expect(run({ PATH: [fake, process.env.PATH].join(delimiter) }).status).not.toBe(0);
  });

  test('says it when there is no checker', () => {
    const { status, stdout } = run({ BICEP_CHECK: '/nowhere/bicep-check' });
    expect([status, stdout]).toEqual([0, expect.stringContaining('not checked by bicep-check')]);
  });
});

test('the address of the app leads to its reference, not to a page of the platform', () => {
  expect(moduleOf('app')).toMatch(/AzureWebJobsDisableHomepage: 'true'/);
});

test('deadlines outlast a store that is away', () => {
  expect(resources.find(({ symbol }) => symbol === 'deadlines')?.body).toMatch(/maxDeliveryCount: 100/);
});
