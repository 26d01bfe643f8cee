/** Blobs in an S3-compatible bucket, by content: as Azure NetApp Files shows a folder of a volume. */
import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { type BlobArchive, StoreBusy } from '../../app/engine/ports';
import { AlteredPayload } from '../../domain/kernel/commit';
import { isTenant } from '../../domain/kernel/ids';
import { answeredWithin, PATIENCE_MS } from './patience';

/** Attempts of one request, and the pause before the second; before each further one it is twice as long. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 200;
/** Where the answer doesn't say for how long it wants to be left alone. */
const BUSY_MS = 1_000;

export interface Bucket {
  /** `https://host/bucket`: the bucket is named in the path. */
  readonly url: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** In PEM, whom to believe that the host is who it says; undefined: whom Node believes. */
  readonly certificates?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * An object is named `tenant/ab/abcdef…` by the SHA-256 of its bytes, as the files of a data folder are: the folder of
 * the volume can be read as one. Of what the service understands only reading and writing are used; to write the same
 * bytes twice does no harm. Whoever mounts the volume could change a file, so what is read is held against its
 * name.
 */
export class BucketArchive implements BlobArchive {
  private readonly agent: http.Agent;

  /** @param before where that is which was kept before there was a bucket */
  constructor(
    private readonly bucket: Bucket,
    private readonly before?: BlobArchive,
    private readonly patienceMs = PATIENCE_MS,
  ) {
    const ca = bucket.certificates;
    this.agent = bucket.url.startsWith('https:')
      ? new https.Agent({ keepAlive: true, ca })
      : new http.Agent({ keepAlive: true });
  }

  async put(tenant: string, bytes: Uint8Array): Promise<string> {
    const hash = hashOf(bytes);
    const key = keyOf(tenant, hash);
    const there = await this.ask('GET', key);
    if (passes(there.status)) throw refusal('GET', there);
    // What is there already is not written over while somebody may read it, and what is not those bytes is.
    if (there.status !== 200 || hashOf(there.body) !== hash) {
      const written = await this.ask('PUT', key, bytes);
      if (written.status !== 200) throw refusal('PUT', written);
    }
    return `sha256:${hash}`;
  }

  async get(tenant: string, reference: string): Promise<Uint8Array | undefined> {
    const hash = /^sha256:([0-9a-f]{64})$/.exec(reference)?.[1];
    if (hash === undefined) return undefined;
    const key = keyOf(tenant, hash);
    const answer = await this.ask('GET', key);
    if (answer.status === 404 && codeIn(answer) === 'NoSuchKey') return await this.before?.get(tenant, reference);
    if (answer.status !== 200) throw refusal('GET', answer);
    if (hashOf(answer.body) !== hash) throw new AlteredPayload(reference, 'holds other bytes than were written');
    return answer.body;
  }

  /** Ends its connections. */
  close(): void {
    this.agent.destroy();
  }

  /** The answer, whatever its status, after some attempts where it says that the trouble passes, or none came. */
  private async ask(method: 'GET' | 'PUT', key: string, body?: Uint8Array): Promise<Answer> {
    return await answeredWithin(this.patienceMs, async (signal) => {
      for (let attempt = 1; ; attempt += 1) {
        const last = attempt === ATTEMPTS;
        const answer = await this.send(method, key, signal, body).catch((error: unknown) => {
          if (last || signal.aborted) throw error;
          return undefined;
        });
        if (answer !== undefined && (last || !passes(answer.status))) return answer;
        await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1), undefined, { signal });
      }
    });
  }

  private async send(method: string, key: string, signal: AbortSignal, body?: Uint8Array): Promise<Answer> {
    const { url, accessKey: accessKeyId, secretKey: secretAccessKey } = this.bucket;
    const signer = new AwsV4Signer({
      ...{ method, url: `${url}/${key}`, accessKeyId, secretAccessKey, service: 's3' },
      // The region is a part of the signature; there are none behind such an endpoint.
      region: 'us-east-1',
      // The service refuses bytes that are not those.
      headers: { 'x-amz-content-sha256': hashOf(body ?? '') },
    });
    const signed = await signer.sign();
    const headers = { ...Object.fromEntries(signed.headers), 'content-length': String(body?.length ?? 0) };
    return await new Promise((resolve, reject) => {
      const request: typeof http.request = signed.url.protocol === 'https:' ? https.request : http.request;
      request(signed.url, { method, headers, agent: this.agent, signal }, (response) => {
        const { statusCode: status = 0 } = response;
        buffer(response).then((read) => resolve({ status, headers: response.headers, body: read }), reject);
      })
        .on('error', reject)
        .end(body);
    });
  }
}

function keyOf(tenant: string, hash: string): string {
  if (!isTenant(tenant)) throw new RangeError(`not a tenant: ${tenant}`);
  return `${tenant}/${hash.slice(0, 2)}/${hash}`;
}

function hashOf(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Whether the same request may be answered otherwise a moment later. */
function passes(status: number): boolean {
  return status >= 500 || status === 429;
}

/** The service's own word; a look has none. */
function codeIn({ body }: Answer): string | undefined {
  return /<Code>([^<]+)<\/Code>/.exec(body.toString())?.[1];
}

/** `StoreBusy` where the service asked to be left alone. */
function refusal(method: string, answer: Answer): Error {
  const { status, headers } = answer;
  const said = [status, codeIn(answer)].filter((part) => part !== undefined).join(' ');
  if (status === 503 || status === 429) {
    const retryAfterMs = Number(headers['retry-after']) * 1_000 || BUSY_MS;
    return new StoreBusy(`The bucket is throttled (${said}): try again in ${retryAfterMs} ms`, retryAfterMs);
  }
  const advice = status === 403 ? ' (its keys expire: have new ones made, and set them)' : '';
  return new Error(`The bucket refused ${method}: ${said}${advice}`);
}
