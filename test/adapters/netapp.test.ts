/** Volumes through the unmodified SDK, against the REST answers of the service. */
import { NetAppManagementClient } from '@azure/arm-netapp';
import { NetAppFiles } from '../../adapters/azure/netapp';
import { NetAppServer } from '../servers/netapp';

const ACCOUNT = {
  subscription: '0b1f6471-1bf0-4dda-aec3-111122223333',
  resourceGroup: 'rg-colony',
  account: 'colony',
  location: 'westeurope',
  subnet: '/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/n/subnets/volumes',
};

let server: NetAppServer;
let netapp: NetAppFiles;
let elsewhere: NetAppFiles;

beforeEach(async () => {
  server = new NetAppServer();
  const endpoint = await server.start();
  const client = new NetAppManagementClient(
    { getToken: async () => await Promise.resolve({ token: 't', expiresOnTimestamp: Infinity }) },
    ACCOUNT.subscription,
    { endpoint, $host: endpoint, allowInsecureConnection: true, retryOptions: { maxRetries: 0 } },
  );
  client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' }); // it sends no token without TLS
  netapp = new NetAppFiles(() => client, ACCOUNT, 1);
  elsewhere = new NetAppFiles(() => client, { ...ACCOUNT, account: 'colony-north', location: 'northeurope' }, 1);
});
afterEach(() => server.stop());

const MEMORY = { pool: 'hot', volume: 'memory' };
const writes = () => server.requests.filter((request) => !request.startsWith('GET'));

test('a pool and a volume are there when the command has ended, whoever gives it again', async () => {
  for (let time = 0; time < 2; time += 1) {
    expect(await netapp.pool('hot', 'Premium', 1)).toMatchObject({
      name: 'hot',
      serviceLevel: 'Premium',
      size: 2 ** 40,
      provisioningState: 'Succeeded',
    });
    expect(await netapp.volume(MEMORY, 100)).toMatchObject({
      usageThreshold: 100 * 2 ** 30,
      creationToken: 'memory',
      subnetId: ACCOUNT.subnet,
      provisioningState: 'Succeeded',
    });
  }
  expect(writes()).toEqual(['PUT /capacityPools/hot', 'PUT /capacityPools/hot/volumes/memory']);
  expect(server.questions).toBeGreaterThanOrEqual(6); // each operation was followed to its end
});

test('a snapshot is restored into a volume of its own', async () => {
  await netapp.pool('hot', 'Premium', 1);
  await netapp.volume(MEMORY, 100);
  const { snapshotId } = await netapp.snapshot(MEMORY, 'before');
  await netapp.snapshot(MEMORY, 'before');
  for (let time = 0; time < 2; time += 1)
    expect(await netapp.restore(MEMORY, 'before', 'memory-2')).toMatchObject({
      snapshotId,
      usageThreshold: 100 * 2 ** 30,
    });
  expect(writes().slice(2)).toEqual([
    'PUT /capacityPools/hot/volumes/memory/snapshots/before',
    'PUT /capacityPools/hot/volumes/memory-2',
  ]);
});

test('a copy elsewhere follows every 10 minutes, and the source lets it', async () => {
  await netapp.pool('hot', 'Premium', 1);
  await netapp.volume(MEMORY, 100);
  await elsewhere.pool('cold', 'Standard', 1);
  const copy = await elsewhere.replicate({ netapp, name: MEMORY }, { pool: 'cold', volume: 'memory-copy' });
  expect(copy).toMatchObject({
    volumeType: 'DataProtection',
    location: 'northeurope',
    dataProtection: {
      replication: { endpointType: 'dst', replicationSchedule: '_10minutely', remoteVolumeRegion: 'westeurope' },
    },
  });
  expect(copy.dataProtection?.replication?.remoteVolumeResourceId).toMatch(
    /netAppAccounts\/colony\/capacityPools\/hot\/volumes\/memory$/,
  );
  expect(writes().at(-1)).toBe('POST /capacityPools/hot/volumes/memory/authorizeReplication');
  expect(await elsewhere.replication({ pool: 'cold', volume: 'memory-copy' })).toMatchObject({
    healthy: true,
    mirrorState: 'Mirrored',
  });
});

test('a volume moves to a pool of another tier, once', async () => {
  await netapp.pool('hot', 'Premium', 1);
  await netapp.pool('cold', 'Standard', 1);
  await netapp.volume(MEMORY, 100);
  for (let time = 0; time < 2; time += 1)
    expect(await netapp.move(MEMORY, 'cold')).toMatchObject({ serviceLevel: 'Standard' });
  expect(writes().filter((request) => request.endsWith('poolChange'))).toHaveLength(1);
});

test('after a lost answer the command is given again, and finds what was begun', async () => {
  server.loseNext = true;
  await expect(netapp.pool('hot', 'Premium', 1)).rejects.toThrow();
  expect(await netapp.pool('hot', 'Premium', 1)).toMatchObject({ provisioningState: 'Succeeded' });
  expect(writes()).toEqual(['PUT /capacityPools/hot']);
});

test('an operation that fails is reported in the words of the service, and can be begun again', async () => {
  server.failNext = 'no capacity in the region';
  await expect(netapp.pool('hot', 'Premium', 1)).rejects.toThrow('no capacity in the region');
  expect(await netapp.pool('hot', 'Premium', 1)).toMatchObject({ provisioningState: 'Succeeded' });
});

test.each([
  ['a pool of half a tebibyte', () => netapp.pool('hot', 'Premium', 0.5), 'multiple of 1 TiB'],
  ['a volume in no pool', () => netapp.volume(MEMORY, 100), 'not found'],
])('what the service refuses is refused: %s', async (_, command, message) => {
  await expect(command()).rejects.toThrow(message);
});
