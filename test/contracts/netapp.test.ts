/** Volumes through the unmodified SDK, against the REST answers of Azure NetApp Files. */
import { AzureClients } from '../../adapters/azure/identity';
import { NetAppVolumes } from '../../adapters/azure/netapp';
import { VolumeRefusal } from '../../app/engine/ports-volumes';
import { NetAppServer } from '../servers/netapp';
import { done, volumesContract } from './volumes.contract';

const ACCOUNT = {
  subscription: '0b1f6471-1bf0-4dda-aec3-111122223333',
  resourceGroup: 'rg-colony',
  account: 'colony',
  location: 'westeurope',
  subnet: '/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/n/subnets/volumes',
};
const ELSEWHERE = { ...ACCOUNT, account: 'colony-north', location: 'northeurope' };
const accountId = ({ subscription, resourceGroup, account }: typeof ACCOUNT) =>
  `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.NetApp/netAppAccounts/${account}`;

let server: NetAppServer;

const open = (elsewhere?: typeof ACCOUNT) => {
  const broker = { endpoint: 'none.invalid' };
  const clients = new AzureClients({
    ...{ cosmos: { endpoint: '' }, serviceBus: broker, eventHubs: broker, blobs: broker },
    netapp: { subscription: ACCOUNT.subscription, endpoint: server.url },
  });
  return new NetAppVolumes(() => clients.netapp, ACCOUNT, elsewhere);
};

beforeEach(async () => {
  server = new NetAppServer();
  await server.start();
  server.has(`${accountId(ELSEWHERE)}/capacityPools/copies`, ELSEWHERE.location, {
    ...{ serviceLevel: 'Standard', size: 2 ** 40 },
  });
});
afterEach(() => server.stop());

volumesContract('NetApp Files', () => {
  const store = open(ELSEWHERE);
  return Promise.resolve({
    store,
    reopen: () => Promise.resolve(open(ELSEWHERE)),
    close: () => Promise.resolve(),
  });
});

const MEMORY = { pool: 'hot', volume: 'memory' };
const WANTED = { ...MEMORY, level: 'Ultra', gibibytes: 100 } as const;
const writes = () => server.requests.filter((request) => !request.startsWith('GET'));

test('nothing is begun twice, however often it is asked', async () => {
  const volumes = open();
  for (let time = 0; time < 2; time += 1) await done(() => volumes.make(WANTED));
  for (let time = 0; time < 2; time += 1) await done(() => volumes.snapshot(MEMORY, 'before'));
  expect(writes()).toEqual([
    'PUT /capacityPools/hot',
    'PUT /capacityPools/hot/volumes/memory',
    'PUT /capacityPools/hot/volumes/memory/snapshots/before',
  ]);
});

test('after a lost answer it is asked again, and what was begun is found', async () => {
  const volumes = open();
  server.loseNext = true;
  await done(() => volumes.make(WANTED));
  expect(writes()[0]).toBe('PUT /capacityPools/hot');
});

test('what has failed is said to have, and is begun anew when it is asked for again', async () => {
  const volumes = open();
  await done(() => volumes.make(WANTED));
  server.failNext = 'no capacity in the region';
  await volumes.snapshot(MEMORY, 'a');
  const state = async () => (await volumes.snapshots(MEMORY))[0]?.state;
  while ((await state()) === 'underway');
  expect(await state()).toBe('failed');
  await done(() => volumes.snapshot(MEMORY, 'a'));
});

test.each([
  ['a volume of a gibibyte', () => open().make({ ...WANTED, volume: 'tiny', gibibytes: 1 }), 'below 50 GiB'],
  ['a copy where there is nowhere for one', () => open().replicate(MEMORY, 'copies'), 'FORMICARY_NETAPP_REPLICA'],
  ['a copy in a pool that is not there', () => open(ELSEWHERE).replicate(MEMORY, 'none'), 'not found'],
])('what the service refuses is told in its words: %s', async (_, ask, words) => {
  await done(() => open().make(WANTED));
  server.requests.length = 0;
  const answer = await ask();
  if (answer instanceof VolumeRefusal) expect(answer.said).toContain(words);
  else expect(answer).toEqual(words);
});

test('a service that is away is an error, not a refusal', async () => {
  const volumes = open();
  await done(() => volumes.make(WANTED));
  server.isBusy = true;
  await expect(volumes.snapshot(MEMORY, 'a')).rejects.toMatchObject({ statusCode: 429 });
});
