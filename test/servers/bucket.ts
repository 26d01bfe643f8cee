/**
 * A bucket as Azure NetApp Files shows one: the files of a folder by an API that is compatible with S3, as far as that
 * service has it of what we use (GetObject, PutObject). It verifies each signature (version 4) and the hash
 * of what it is given, and knows no condition: a second PutObject of a name takes the place of the first.
 */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';

interface Answer {
  readonly status: number;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: Buffer | string;
}

/** What comes in place of an answer: a status, nothing at all, or its loss after the work was done. */
export type Fault = number | 'silence' | 'loss';

export interface BucketOptions {
  /** The files. */
  readonly folder: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Speaks TLS with these, in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

const NAME = 'payloads';
const MAX_SKEW_MS = 15 * 60_000;

const refuse = (status: number, code: string): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>as the test server says</Message></Error>`,
});
const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
const hmac = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest();

export class BucketServer {
  /** Method and path of each. */
  readonly requests: string[] = [];
  /** For the next requests, one each; undefined: none. */
  readonly faults: (Fault | undefined)[] = [];
  private readonly server: http.Server;

  constructor(private readonly options: BucketOptions) {
    const serve = (request: http.IncomingMessage, response: http.ServerResponse) => void this.serve(request, response);
    this.server = options.tls === undefined ? http.createServer(serve) : https.createServer(options.tls, serve);
  }

  /** Gives the URL of the bucket. */
  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const { port } = this.server.address() as AddressInfo;
    return this.options.tls === undefined ? `http://127.0.0.1:${port}/${NAME}` : `https://localhost:${port}/${NAME}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await buffer(request);
    this.requests.push(`${request.method} ${request.url}`);
    const fault = this.faults.shift();
    if (fault === 'silence') return;
    const answer = typeof fault === 'number' ? refuse(fault, 'SlowDown') : this.answer(request, body);
    if (fault === 'loss') return void response.destroy();
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  private answer(request: http.IncomingMessage, body: Buffer): Answer {
    const fault = this.faultOf(request, body);
    if (fault !== undefined) return fault;
    const [, bucket, ...key] = (request.url as string).split('/');
    if (bucket !== NAME) return refuse(404, 'NoSuchBucket');
    const file = join(this.options.folder, ...key);
    if (request.method === 'PUT') {
      mkdirSync(dirname(file), { recursive: true });
      const temporary = `${file}.${randomUUID()}`;
      writeFileSync(temporary, body);
      renameSync(temporary, file);
      return { status: 200 };
    }
    if (statSync(file, { throwIfNoEntry: false }) === undefined) return refuse(404, 'NoSuchKey');
    const kept = readFileSync(file);
    return { status: 200, headers: { 'content-length': kept.length }, body: kept };
  }

  /** What is wrong with who asks, or with the bytes. */
  private faultOf({ method, url, headers }: http.IncomingMessage, body: Buffer): Answer | undefined {
    const given =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([\w-]+)\/s3\/aws4_request, SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})$/;
    const [, accessKey, day = '', region = '', signedHeaders = '', signature] =
      given.exec(headers.authorization ?? '') ?? [];
    if (accessKey !== this.options.accessKey) return refuse(403, 'InvalidAccessKeyId');
    const at = String(headers['x-amz-date']);
    const time = Date.parse(at.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
    if (!(Math.abs(Date.now() - time) < MAX_SKEW_MS)) return refuse(403, 'RequestTimeTooSkewed');
    const hash = String(headers['x-amz-content-sha256']);
    const named = signedHeaders.split(';');
    if (!['host', 'x-amz-content-sha256', 'x-amz-date'].every((name) => named.includes(name)))
      return refuse(403, 'AccessDenied');
    const canonical = [
      method,
      url,
      '',
      ...named.map((name) => `${name}:${String(headers[name])}`),
      '',
      signedHeaders,
      hash,
    ];
    const scope = `${day}/${region}/s3/aws4_request`;
    const toSign = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical.join('\n'))].join('\n');
    const key = hmac(hmac(hmac(hmac(`AWS4${this.options.secretKey}`, day), region), 's3'), 'aws4_request');
    if (hmac(key, toSign).toString('hex') !== signature) return refuse(403, 'SignatureDoesNotMatch');
    return hash === sha256(body) ? undefined : refuse(400, 'XAmzContentSHA256Mismatch');
  }
}
