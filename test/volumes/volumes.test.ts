/** What people ask of volumes, against the service: what was asked before is the same again only where it is there. */
import { AzureClients } from '../../adapters/azure/identity';
import { NetAppVolumes } from '../../adapters/azure/netapp';
import { Aggregate } from '../../app/engine/aggregate';
import { Volumes } from '../../app/volumes/volumes';
import { volumeDecider } from '../../domain/volumes/volume';
import { NetAppServer } from '../servers/netapp';
import { eventually } from '../support/eventually';
import { Stage } from '../support/stage';

const AT = { subscription: 's', resourceGroup: 'g', account: 'a', location: 'westeurope', subnet: 'n' };
const POOLS = '/subscriptions/s/resourceGroups/g/providers/Microsoft.NetApp/netAppAccounts/a/capacityPools';
const ARCHIVE = { pool: 'payloads', volume: 'archive' };
const PIA = { principal: { tenant: 'platform', id: 'human:pia', kind: 'human', level: 'critical' } } as const;

let server: NetAppServer;
let service: NetAppVolumes;
let stage: Stage;
let volumes: Volumes;

beforeEach(async () => {
  server = new NetAppServer();
  await server.start();
  for (const [pool, serviceLevel] of [
    ['payloads', 'Premium'],
    ['cold', 'Standard'],
  ])
    server.has(`${POOLS}/${pool}`, AT.location, { serviceLevel, size: 2 ** 40 });
  has('payloads/volumes/archive');
  const broker = { endpoint: 'none.invalid' };
  const clients = new AzureClients({
    ...{ cosmos: { endpoint: '' }, serviceBus: broker, eventHubs: broker, blobs: broker },
    netapp: { subscription: AT.subscription, endpoint: server.url },
  });
  service = new NetAppVolumes(() => clients.netapp, AT);
  stage = new Stage();
  await stage.start();
  const { transactor, engine } = stage.colony;
  volumes = new Volumes(new Aggregate(volumeDecider, transactor), service, engine.clock);
});
afterEach(async () => {
  await stage.end();
  await server.stop();
});

function has(place: string): void {
  server.has(`${POOLS}/${place}`, AT.location, {
    serviceLevel: 'Premium',
    usageThreshold: 2 ** 37,
    creationToken: place,
  });
}
const receipts = async () => {
  const commits = await stage.colony.engine.log.read('platform/volume/payloads:archive', 0, 1_000);
  return commits.flatMap(({ events }) => events.map(({ type }) => type));
};

test('a move that is done is told of again, and begins nothing', async () => {
  const move = () => volumes.move(PIA, ARCHIVE, 'cold', 'nobody reads it');
  expect(await move()).toMatchObject({ ok: true, facts: { state: 'underway' } });
  await eventually(() => service.find({ ...ARCHIVE, pool: 'cold' }), { what: 'it to have moved' });
  expect(await move()).toMatchObject({ ok: true, facts: { pool: 'cold', state: 'ready' } });
  expect(await volumes.move(PIA, ARCHIVE, 'payloads', 'back')).toMatchObject({
    rejection: { code: 'volume-not-found' },
  });
  expect(await receipts()).toEqual(['MoveRequested']);
});

test('nothing moves to where another one of its name is', async () => {
  has('cold/volumes/archive');
  expect(await volumes.move(PIA, ARCHIVE, 'cold', 'nobody reads it')).toMatchObject({
    rejection: { code: 'volume-exists' },
  });
  expect(await service.move(ARCHIVE, 'cold')).toMatchObject({ said: expect.stringContaining('another volume') });
  expect(await receipts()).toEqual([]);
});

test("a snapshot that was taken away since is asked for anew, and one of the clock is nobody else's", async () => {
  const take = (name: string) => volumes.snapshot(PIA, ARCHIVE, { name }, 'the upgrade');
  for (let time = 0; time < 2; time += 1) expect(await take('before')).toMatchObject({ ok: true });
  expect(await receipts()).toEqual(['SnapshotRequested']);
  await eventually(async () => (await service.snapshots(ARCHIVE))[0]?.state === 'ready', { what: 'it to be made' });
  await service.drop(ARCHIVE, 'before');
  await eventually(async () => (await service.snapshots(ARCHIVE)).length === 0, { what: 'it to be gone' });
  expect(await take('before')).toMatchObject({ ok: true, repeated: false });
  expect(await take('scheduled-2026-11-30T12')).toMatchObject({ rejection: { code: 'volume-refused' } });
  expect(await receipts()).toEqual(['SnapshotRequested', 'SnapshotRequested']);
});
