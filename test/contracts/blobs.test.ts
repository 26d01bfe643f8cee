/**
 * Blobs and checkpoints on Blob Storage: the contracts against Azurite, and what Azurite doesn't have (immutability)
 * byte by byte.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient, ContainerClient, ContainerSASPermissions } from '@azure/storage-blob';
import { BlobAnchor, openBlobAnchor } from '../../adapters/azure/blob-anchor';
import { AzureBlobArchive } from '../../adapters/azure/blob-archive';
import { AzureClients } from '../../adapters/azure/identity';
import type { KnownCheckpoint } from '../../app/audit/checkpoints';
import { StoreBusy } from '../../app/engine/ports';
import { checkpointName } from '../../domain/audit/log';
import { openColony } from '../../host/composition';
import { readSettings } from '../../host/config';
import { connectionString, startAzurite } from '../support/azurite';
import { chain, newTenant } from '../support/commits';
import { anchorContract } from './anchor.contract';
import { blobArchiveContract } from './blob-archive.contract';
import type { Opened } from './contract';

const NOWHERE = 'Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b';
const clientsOf = (blobs: string) =>
  new AzureClients({
    cosmos: { endpoint: 'http://127.0.0.1:1', key: '' },
    serviceBus: { connectionString: NOWHERE },
    eventHubs: { connectionString: NOWHERE },
    blobs: { connectionString: blobs },
  });

const archiveOf = (blobs: string, container = 'payloads') => {
  const clients = clientsOf(blobs);
  return new AzureBlobArchive(() => clients.blobs.getContainerClient(container));
};

describe('Azurite', () => {
  let azurite: Awaited<ReturnType<typeof startAzurite>>;

  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite.stop());

  blobArchiveContract('Azure', async (): Promise<Opened<AzureBlobArchive>> => {
    const open = () => archiveOf(azurite.connection);
    return {
      store: open(),
      reopen: async () => await Promise.resolve(open()),
      close: async () => await Promise.resolve(),
    };
  });

  describe('a container of checkpoints', () => {
    const container = () =>
      BlobServiceClient.fromConnectionString(azurite.connection).getContainerClient('checkpoints');
    let url: string;

    beforeAll(async () => {
      await container().create();
      // What whoever keeps the anchor gives away: to create and to read, not to write or delete.
      const permissions = ContainerSASPermissions.parse('cr');
      url = await container().generateSasUrl({ permissions, expiresOn: new Date(Date.now() + 3_600_000) });
    });

    anchorContract('Blob Storage', () => ({
      anchor: openBlobAnchor(url, undefined),
      kept: async (tenant) => {
        const kept: (readonly [string, string])[] = [];
        for await (const { name } of container().listBlobsFlat({ prefix: `${tenant}/` }))
          kept.push([name, (await container().getBlobClient(name).downloadToBuffer()).toString()]);
        return kept;
      },
    }));

    test('a host that is told of it keeps its checkpoints there', async () => {
      const data = mkdtempSync(join(tmpdir(), 'formicary-anchored-'));
      const settings = { FORMICARY_DATA: data, FORMICARY_LOG: 'silent', FORMICARY_ANCHOR_BLOBS: url };
      const colony = await openColony(readSettings(settings));
      try {
        const tenant = newTenant();
        const stream = `${tenant}/note/a`;
        await colony.ports.store.append({ stream, expected: -1, commits: chain(stream, 2) });
        const made = (await colony.checkpoints.make(tenant)) as KnownCheckpoint;
        const kept = container().getBlobClient(checkpointName(tenant, made.size));
        expect((await kept.downloadToBuffer()).toString()).toBe(made.note);
      } finally {
        await colony.stop();
        rmSync(data, { recursive: true, force: true });
      }
    });

    test('who may not create is told so, and nothing is kept', async () => {
      const reads = await container().generateSasUrl({
        permissions: ContainerSASPermissions.parse('r'),
        expiresOn: new Date(Date.now() + 3_600_000),
      });
      await expect(openBlobAnchor(reads, undefined).keep('acme', 2, 'one\n')).rejects.toThrow(/authoriz/i);
    });
  });

  test('a container that is not there is a fault, never an unknown blob', async () => {
    const archive = archiveOf(azurite.connection, 'elsewhere');
    await expect(archive.put('acme', Buffer.from('content'))).rejects.toThrow('container does not exist');
    await expect(archive.get('acme', `sha256:${'0'.repeat(64)}`)).rejects.toThrow('container does not exist');
  });
});

describe('a service that answers as the test says', () => {
  interface Request {
    readonly what: string;
    readonly headers: http.IncomingHttpHeaders;
  }
  type Answer = readonly [status: number, headers?: Readonly<Record<string, string>>];

  let server: http.Server;
  let requests: Request[];
  let answers: Answer[];

  beforeEach(async () => {
    requests = [];
    server = http.createServer((request, response) => {
      request.resume().on('end', () => {
        const { searchParams } = new URL(request.url as string, 'http://localhost');
        requests.push({ what: `${request.method} ${searchParams.get('comp') ?? 'blob'}`, headers: request.headers });
        const answer = answers.shift();
        if (answer === undefined) return void response.destroy(); // written, and the answer lost
        response.writeHead(answer[0], { etag: '"1"', ...answer[1] }).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const NOW = Date.parse('2026-11-21T10:00:00.000Z');
  const archive = (days?: number) => {
    const clients = clientsOf(connectionString((server.address() as AddressInfo).port));
    return new AzureBlobArchive(
      () => clients.blobs.getContainerClient('anchors'),
      days === undefined ? undefined : { days, clock: { now: () => NOW } },
    );
  };
  const bytes = Buffer.from('anchor');
  const reference = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const exists: Answer = [409, { 'x-ms-error-code': 'BlobAlreadyExists' }];
  const until = (time: string): Answer => [
    200,
    { 'x-ms-immutability-policy-until-date': new Date(time).toUTCString(), 'x-ms-immutability-policy-mode': 'locked' },
  ];

  test('a checkpoint is not waited for where nothing is answered', async () => {
    const silent = http.createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const container = new ContainerClient(`http://127.0.0.1:${(silent.address() as AddressInfo).port}/account/kept`);
    try {
      await expect(new BlobAnchor(container, 200).keep('acme', 2, 'one\n')).rejects.toThrow('no answer within 200 ms');
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  test('without retention nothing is asked of it, and a name is written once', async () => {
    answers = [[201], exists];
    expect([await archive().put('acme', bytes), await archive().put('acme', bytes)]).toEqual([reference, reference]);
    expect(
      requests.map(({ what, headers }) => [
        what,
        headers['if-none-match'],
        headers['x-ms-immutability-policy-until-date'],
      ]),
    ).toEqual([
      ['PUT blob', '*', undefined],
      ['PUT blob', '*', undefined],
    ]);
  });

  test('a blob is locked as it is written', async () => {
    answers = [[201]];
    await archive(30).put('acme', bytes);
    expect(requests[0]?.headers).toMatchObject({
      'x-ms-immutability-policy-until-date': 'Mon, 21 Dec 2026 10:00:00 GMT',
      'x-ms-immutability-policy-mode': 'Locked',
    });
  });

  test.each<[string, Answer, string[]]>([
    [
      'ends sooner: it is made longer',
      until('2026-12-01T10:00:00Z'),
      ['PUT blob', 'HEAD blob', 'PUT immutabilityPolicies'],
    ],
    ['has no lock: it gets one', [200], ['PUT blob', 'HEAD blob', 'PUT immutabilityPolicies']],
    ['ends then: nothing is left to do', until('2026-12-21T10:00:00Z'), ['PUT blob', 'HEAD blob']],
    ['ends later: it is never made shorter', until('2027-12-21T10:00:00Z'), ['PUT blob', 'HEAD blob']],
  ])('what is there already and %s', async (_, properties, expected) => {
    answers = [exists, properties, [200]];
    expect(await archive(30).put('acme', bytes)).toBe(reference);
    expect(requests.map(({ what }) => what)).toEqual(expected);
    if (expected.length === 3)
      expect(requests[2]?.headers['x-ms-immutability-policy-until-date']).toBe('Mon, 21 Dec 2026 10:00:00 GMT');
  });

  test.each<[string, Answer, number]>([
    ['503', [503, { 'x-ms-error-code': 'ServerBusy' }], 1_000],
    ['503 with a time', [503, { 'x-ms-error-code': 'ServerBusy', 'retry-after': '3' }], 3_000],
    ['429', [429], 1_000],
  ])(
    'a service that goes on answering %s is busy; it was asked for some seconds at most',
    async (_, answer, retryAfterMs) => {
      const started = performance.now();
      for (const attempt of [() => archive().put('acme', bytes), () => archive().get('acme', reference)]) {
        answers = Array.from({ length: 20 }, () => answer);
        const error = await attempt().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(StoreBusy);
        expect((error as StoreBusy).retryAfterMs).toBe(retryAfterMs);
      }
      expect(performance.now() - started).toBeLessThan(10_000);
    },
  );

  test('what passes is waited for', async () => {
    answers = [[503], [503], [201]];
    expect(await archive().put('acme', bytes)).toBe(reference);
  });

  test.each(['ContainerBeingDeleted', 'AccountBeingCreated', 'LeaseIdMissing'])(
    '%s is not taken for the blob',
    async (code) => {
      answers = [[409, { 'x-ms-error-code': code }]];
      await expect(archive().put('acme', bytes)).rejects.toMatchObject({ details: { errorCode: code } });
    },
  );
});
