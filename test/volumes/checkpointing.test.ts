/** Snapshots by the clock: which are made, of what, by whom, and which go. */
import { AzureClients } from '../../adapters/azure/identity';
import { NetAppVolumes } from '../../adapters/azure/netapp';
import { Aggregate } from '../../app/engine/aggregate';
import { Checkpointing, KEPT_SNAPSHOTS } from '../../app/volumes/checkpointing';
import { volumeDecider } from '../../domain/volumes/volume';
import { NetAppServer } from '../servers/netapp';
import { eventually } from '../support/eventually';
import { Stage } from '../support/stage';

const AT = { subscription: 's', resourceGroup: 'g', account: 'a', location: 'westeurope', subnet: 'n' };
const PAYLOADS = { pool: 'payloads', volume: 'payloads' };
const POOL = '/subscriptions/s/resourceGroups/g/providers/Microsoft.NetApp/netAppAccounts/a/capacityPools/payloads';

let server: NetAppServer;
let service: NetAppVolumes;
let stage: Stage;

beforeEach(async () => {
  server = new NetAppServer();
  await server.start();
  server.has(POOL, AT.location, { serviceLevel: 'Premium', size: 2 ** 40 });
  server.has(`${POOL}/volumes/payloads`, AT.location, { ...{ serviceLevel: 'Premium', usageThreshold: 2 ** 37 } });
  service = open();
  stage = new Stage();
  await stage.start();
});
afterEach(async () => {
  await stage.end();
  await server.stop();
});

function open(elsewhere?: typeof AT): NetAppVolumes {
  const broker = { endpoint: 'none.invalid' };
  const clients = new AzureClients({
    ...{ cosmos: { endpoint: '' }, serviceBus: broker, eventHubs: broker, blobs: broker },
    netapp: { subscription: AT.subscription, endpoint: server.url },
  });
  return new NetAppVolumes(() => clients.netapp, AT, elsewhere);
}

function every(hours: number, mine = true): Checkpointing {
  const { transactor, engine } = stage.colony;
  const volumes = new Aggregate(volumeDecider, transactor);
  const { clock, report } = engine;
  return new Checkpointing(hours, { volumes, service, clock, report, duty: { mine } });
}
const names = async () => (await service.snapshots(PAYLOADS)).map(({ name }) => name);
const written = async () =>
  (await stage.colony.engine.log.read('platform/volume/payloads:payloads', 0, 1_000)).map(
    ({ meta: { actor }, events }) => [actor.id, ...events.map(({ type }) => type)],
  );

test('one is made as its hour comes, by whoever looks, once, and with a receipt', async () => {
  for (const look of [every(6), every(6), every(6, false)]) await look.look();
  const [first] = await names();
  expect(await names()).toEqual([expect.stringMatching(/^scheduled-\d{4}-\d\d-\d\dT(00|06|12|18)$/)]);
  await stage.pass(6 * 3_600);
  await every(6, false).look();
  expect(await names()).toEqual([first]);
  await every(6).look();
  expect(await names()).toHaveLength(2);
  expect(await written()).toEqual([1, 2].map(() => ['checkpoints', 'SnapshotRequested']));
});

test('the newest are kept, and what people have asked for stays', async () => {
  await service.snapshot(PAYLOADS, 'before-the-upgrade');
  for (let day = 1; day <= KEPT_SNAPSHOTS + 1; day += 1)
    server.has(
      `${POOL}/volumes/payloads/snapshots/scheduled-2020-01-${String(day).padStart(2, '0')}T00`,
      AT.location,
      {},
    );
  await every(1).look();
  await eventually(async () => (await names()).length === KEPT_SNAPSHOTS + 1, { what: 'two to be gone' });
  const left = await names();
  expect(left).toContain('before-the-upgrade');
  expect(left.sort()[1]).toBe('scheduled-2020-01-03T00');
  expect((await written()).filter(([, type]) => type === 'SnapshotRemovalRequested')).toHaveLength(2);
});

test('another region that is away, and a volume that can not be looked at, keep no other from its snapshot', async () => {
  server.has(POOL.replace('/a/', '/b/'), 'northeurope', { serviceLevel: 'Standard', size: 2 ** 40 });
  server.has(`${POOL}/volumes/aside`, AT.location, { ...{ serviceLevel: 'Premium', usageThreshold: 2 ** 37 } });
  server.has(`${POOL}/volumes/zone`, AT.location, { ...{ serviceLevel: 'Premium', usageThreshold: 2 ** 37 } });
  service = open({ ...AT, account: 'b', location: 'northeurope' });
  server.forbidden = '/netAppAccounts/b/';
  await every(1).look();
  expect(await names()).toHaveLength(1);
  await stage.pass(3_600);
  server.forbidden = '/volumes/aside/snapshots';
  await every(1).look();
  expect(await names()).toHaveLength(2);
  expect(await service.snapshots({ pool: 'payloads', volume: 'zone' })).toHaveLength(2);
  expect(stage.reports.at(-1)).toMatchObject({
    message: 'a volume could not be looked at: its snapshot is made later',
  });
});

test('where one is refused the oldest go all the same, each with one receipt, and none that people have made', async () => {
  await service.snapshot(PAYLOADS, 'scheduled-0-before-the-upgrade');
  for (let day = 1; day <= KEPT_SNAPSHOTS; day += 1)
    server.has(
      `${POOL}/volumes/payloads/snapshots/scheduled-2020-01-${String(day).padStart(2, '0')}T00`,
      AT.location,
      {},
    );
  server.full = true;
  for (let look = 0; look < 2; look += 1) await every(1).look();
  await eventually(async () => (await names()).length === KEPT_SNAPSHOTS, { what: 'one to be gone' });
  expect(await names()).toContain('scheduled-0-before-the-upgrade');
  expect((await written()).map(([, type]) => type)).toEqual(['SnapshotRequested', 'SnapshotRemovalRequested']);
});

test('neither a copy, nor what is not there yet, has any; a service that is away is told and keeps nobody up', async () => {
  server.has(`${POOL}/volumes/copy`, AT.location, {
    ...{ serviceLevel: 'Premium', usageThreshold: 2 ** 37 },
    dataProtection: { replication: { endpointType: 'dst', remoteVolumeResourceId: 'x' } },
  });
  await every(1).look();
  expect(await service.snapshots({ pool: 'payloads', volume: 'copy' })).toEqual([]);
  await server.stop();
  await every(1).look();
  expect(stage.reports.at(-1)?.message).toBe('volumes could not be looked at: their snapshots are made later');
  await server.start();
});
