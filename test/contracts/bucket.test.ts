/** Blobs in a bucket of NetApp Files: the contract, and what only a bucket has, against its API. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bucket, BucketArchive } from '../../adapters/azure/bucket-archive';
import { FileBlobArchive } from '../../adapters/embedded/small-stores';
import { StoreBusy } from '../../app/engine/ports';
import { reachable } from '../../app/engine/reachable';
import { AlteredPayload } from '../../domain/kernel/commit';
import { openColony } from '../../host/composition';
import { readSettings } from '../../host/config';
import { BucketServer } from '../servers/bucket';
import { startServers } from '../servers/servers';
import { MemoryBlobs } from '../support/memory-database';
import { blobArchiveContract } from './blob-archive.contract';

const KEYS = { accessKey: 'ANT', secretKey: 'leaf' };
const bytes = Buffer.from('content');
const hash = createHash('sha256').update(bytes).digest('hex');
const reference = `sha256:${hash}`;
const PATH = `/payloads/acme/${hash.slice(0, 2)}/${hash}`;

let folder: string;
let server: BucketServer;
let bucket: Bucket;
let archive: BucketArchive;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-volume-'));
  server = new BucketServer({ folder, ...KEYS });
  bucket = { url: await server.start(), ...KEYS };
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

blobArchiveContract('bucket', async () => {
  const opened = new BucketArchive(bucket);
  return {
    store: opened,
    reopen: async () => {
      opened.close();
      return await Promise.resolve(new BucketArchive(bucket));
    },
    close: async () => await Promise.resolve(opened.close()),
  };
});

describe('a bucket', () => {
  beforeEach(() => {
    rmSync(join(folder, 'acme'), { recursive: true, force: true });
    server.requests.length = 0;
    server.faults.length = 0;
    archive = new BucketArchive(bucket);
  });
  afterEach(() => archive.close());

  const fileOf = () => join(folder, 'acme', hash.slice(0, 2), hash);

  test('is a folder of files, named as a data folder names them', async () => {
    const mounted = new FileBlobArchive(folder);
    await archive.put('acme', bytes);
    expect(Buffer.from((await mounted.get('acme', reference)) ?? []).toString()).toBe('content');
    const other = await mounted.put('acme', Buffer.from('by NFS'));
    expect(Buffer.from((await archive.get('acme', other)) ?? []).toString()).toBe('by NFS');
  });

  test('is not written to again with what is there, and is where that is something else', async () => {
    await archive.put('acme', bytes);
    await archive.put('acme', bytes);
    expect(server.requests).toEqual([`GET ${PATH}`, `PUT ${PATH}`, `GET ${PATH}`]);
    for (const other of ['con', 'CONTENT']) {
      writeFileSync(fileOf(), other);
      await archive.put('acme', bytes);
      expect(readFileSync(fileOf(), 'utf8')).toBe('content');
    }
  });

  test('does not hand out a file that somebody has changed', async () => {
    await archive.put('acme', bytes);
    writeFileSync(fileOf(), 'CONTENT');
    // As the product asks: an archive that can't be reached is another answer, and is asked again.
    await expect(reachable('the archive', archive).get('acme', reference)).rejects.toThrow(AlteredPayload);
  });

  test('does not hide what was kept elsewhere before', async () => {
    const before = new MemoryBlobs();
    await before.put('acme', bytes);
    const both = new BucketArchive(bucket, before);
    expect(Buffer.from((await both.get('acme', reference)) ?? []).toString()).toBe('content');
    expect(await both.get('other', reference)).toBeUndefined();
    both.close();
  });

  test.each([503, 429, 500, 'loss'] as const)('%s passes: it is asked again', async (fault) => {
    server.faults.push(fault, undefined, fault);
    await archive.put('acme', bytes);
    expect(server.requests).toEqual([`GET ${PATH}`, `GET ${PATH}`, `PUT ${PATH}`, `PUT ${PATH}`]);
    server.faults.push(fault);
    expect(Buffer.from((await archive.get('acme', reference)) ?? []).toString()).toBe('content');
  });

  test.each([503, 429])('one that goes on answering %i is busy', async (fault) => {
    await archive.put('acme', bytes);
    server.faults.push(fault, fault, fault, fault);
    const error = await archive.get('acme', reference).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreBusy);
    expect((error as StoreBusy).retryAfterMs).toBe(1_000);
  });

  test('one that is silent is waited for so long, and no longer', async () => {
    const impatient = new BucketArchive(bucket, undefined, 200);
    server.faults.push('silence');
    await expect(impatient.get('acme', reference)).rejects.toThrow('no answer within 200 ms');
    impatient.close();
  });

  test.each([
    ['another secret', { secretKey: 'twig' }, /403 SignatureDoesNotMatch.*keys expire/],
    ['a key that is none', { accessKey: 'BEE' }, /403 InvalidAccessKeyId/],
  ])('lets nobody in with %s, and says so', async (_, keys, said) => {
    const stranger = new BucketArchive({ ...bucket, ...keys });
    await expect(stranger.put('acme', bytes)).rejects.toThrow(said);
    await expect(stranger.get('acme', reference)).rejects.toThrow(said);
    stranger.close();
  });

  test('that is not there is a fault, never an unknown blob', async () => {
    const elsewhere = new BucketArchive({ ...bucket, url: bucket.url.replace('payloads', 'elsewhere') });
    await expect(elsewhere.put('acme', bytes)).rejects.toThrow('404 NoSuchBucket');
    await expect(elsewhere.get('acme', reference)).rejects.toThrow('404 NoSuchBucket');
    elsewhere.close();
  });
});

test('a colony that is told of a bucket puts there what is large, and reads what is in Blob Storage', async () => {
  const servers = await startServers();
  const settings = { ...servers.settings, FORMICARY_LOG: 'silent', FORMICARY_IDENTITY_SECRET: 'a'.repeat(32) };
  const bucketOf = {
    FORMICARY_BUCKET: bucket.url,
    FORMICARY_BUCKET_ACCESS_KEY: KEYS.accessKey,
    FORMICARY_BUCKET_SECRET_KEY: KEYS.secretKey,
  };
  const before = await openColony(readSettings(settings));
  const old = await before.ports.blobs.put('acme', Buffer.from('from before'));
  await before.stop();
  const colony = await openColony(readSettings({ ...settings, ...bucketOf }));
  try {
    const fresh = await colony.ports.blobs.put('acme', Buffer.from('large'));
    const [mounted, { blobs }] = [new FileBlobArchive(folder), colony.ports];
    expect(Buffer.from((await mounted.get('acme', fresh)) ?? []).toString()).toBe('large');
    expect(await mounted.get('acme', old)).toBeUndefined();
    expect(Buffer.from((await blobs.get('acme', old)) ?? []).toString()).toBe('from before');
  } finally {
    await colony.stop();
    await servers.stop();
  }
});

test('a host is believed by the certificate that was set, and by no other', async () => {
  const made = mkdtempSync(join(tmpdir(), 'formicary-certificate-'));
  const [key, cert] = [join(made, 'key.pem'), join(made, 'cert.pem')] as const;
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  );
  const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  const secure = new BucketServer({ folder, ...KEYS, tls });
  const url = await secure.start();
  const [trusting, wary] = [{ certificates: tls.cert }, {}].map((more) => new BucketArchive({ url, ...KEYS, ...more }));
  try {
    expect(await trusting?.put('acme', bytes)).toBe(reference);
    await expect(wary?.get('acme', reference)).rejects.toThrow('self-signed certificate');
  } finally {
    trusting?.close();
    wary?.close();
    await secure.stop();
    rmSync(made, { recursive: true, force: true });
  }
});
