/** One credential, one client a service, and nothing loaded before it is used. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChainedTokenCredential, ManagedIdentityCredential } from '@azure/identity';
import { AzureClients, type Services } from '../../adapters/azure/identity';
import { compileInto } from '../support/compiled';

const BROKER = 'Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true';
const LOCAL: Services = {
  cosmos: { endpoint: 'http://127.0.0.1:1', key: 'a2V5' },
  serviceBus: { connectionString: BROKER },
  eventHubs: { connectionString: BROKER },
  blobs: { connectionString: 'UseDevelopmentStorage=true' },
};
const AZURE: Services = {
  clientId: '6f8e4f0a-3f5c-4a5e-9a3b-0d8c1c6b7a21',
  cosmos: { endpoint: 'https://colony.documents.azure.com' },
  serviceBus: { endpoint: 'colony.servicebus.windows.net' },
  eventHubs: { endpoint: 'colony.servicebus.windows.net' },
  blobs: { endpoint: 'https://colony.blob.core.windows.net/' },
  netapp: { subscription: '0b1f6471-1bf0-4dda-aec3-111122223333' },
};

/** Every client, by its name. */
const all = (clients: AzureClients) => [clients.cosmos, clients.blobs];

test('on Azure the managed identity, elsewhere who is logged in; one for everybody', () => {
  const [azure, local] = [new AzureClients(AZURE), new AzureClients({ ...AZURE, clientId: undefined })];
  expect(azure.credential).toBeInstanceOf(ManagedIdentityCredential);
  expect(local.credential).toBeInstanceOf(ChainedTokenCredential);
  expect(azure.credential).toBe(azure.credential);
});

test.each([
  ['the identity', AZURE],
  ['test servers', LOCAL],
])('%s: each client is made once, and where it was told', async (_, services) => {
  const clients = new AzureClients(services);
  try {
    const [first, again] = [all(clients), all(clients)];
    for (const [i, client] of first.entries()) expect(again[i]).toBe(client);
    const brokers = [
      clients.connectServiceBus(),
      clients.connectServiceBus(),
      clients.connectEventHub('signals'),
    ] as const;
    expect(brokers[0]).not.toBe(brokers[1]);
    expect([brokers[0].fullyQualifiedNamespace, brokers[2].eventHubName]).toEqual([
      services === AZURE ? 'colony.servicebus.windows.net' : '127.0.0.1',
      'signals',
    ]);
    await Promise.all(brokers.map((broker) => broker.close()));
    expect(clients.blobs.url).toBe(
      services === AZURE ? 'https://colony.blob.core.windows.net/' : 'http://127.0.0.1:10000/devstoreaccount1',
    );
  } finally {
    await clients.close();
  }
});

test('NetApp Files are off unless configured', () => {
  expect(new AzureClients(AZURE).netapp.subscriptionId).toBe('0b1f6471-1bf0-4dda-aec3-111122223333');
  expect(() => new AzureClients(LOCAL).netapp).toThrow('NetApp Files are not configured');
});

test('an SDK is loaded at its first use, and no other with it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'formicary-identity-'));
  try {
    const program = `
      const loaded = () => ['identity', 'cosmos', 'event-hubs', 'service-bus', 'storage-blob', 'arm-netapp'].filter((name) => Object.keys(require.cache).some((file) => file.includes('/@azure/' + name + '/')));
      const { AzureClients } = require(${JSON.stringify(compileInto(folder, 'adapters/azure/identity.ts'))});
      const clients = new AzureClients(${JSON.stringify(LOCAL)});
      const before = loaded();
      clients.blobs;
      console.log(JSON.stringify([before, loaded()]));`;
    expect(JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', cwd: folder }))).toEqual([
      [],
      ['storage-blob'],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
