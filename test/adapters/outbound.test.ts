import dns from 'node:dns';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { type GuardSettings, isPublic } from '../../adapters/outbound/guarded';
import { SmtpMail, type SmtpSettings } from '../../adapters/outbound/mail';
import { EnvironmentSecrets } from '../../adapters/outbound/secrets';
import { HttpWebhooks } from '../../adapters/outbound/webhooks';

const LOCAL: GuardSettings = { privateHosts: ['127.0.0.1', 'localhost', 'named.example'], httpToLoopback: true };

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const close of closing.splice(0)) await close();
});

describe('webhooks', () => {
  let seen: { request: IncomingMessage; body: string }[];
  beforeEach(() => void (seen = []));

  /** A receiver on loopback; returns its port. */
  async function receiver(answer: RequestListener): Promise<number> {
    const server: Server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen.push({ request, body });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())));
    return (server.address() as AddressInfo).port;
  }

  const post = (url: string, settings = LOCAL, timeoutMs = 2_000) =>
    new HttpWebhooks(settings).post({
      url,
      headers: { 'webhook-id': 'm-1', 'content-type': 'application/json' },
      body: '{"ä":1}',
      timeoutMs,
    });

  test('posts what it is given', async () => {
    const port = await receiver((_, response) => response.writeHead(204).end());
    expect(await post(`http://127.0.0.1:${port}/a/b`)).toEqual({ status: 204 });
    const [{ request, body }] = seen as [{ request: IncomingMessage; body: string }];
    expect([request.method, request.url, body]).toEqual(['POST', '/a/b', '{"ä":1}']);
    expect(request.headers).toMatchObject({
      'webhook-id': 'm-1',
      'content-type': 'application/json',
      'content-length': '8',
      host: `127.0.0.1:${port}`,
    });
  });

  test('follows no redirect', async () => {
    const other = await receiver((_, response) => response.writeHead(200).end());
    const port = await receiver((_, response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${other}/` }).end(),
    );
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual({ status: 307 });
    expect(seen).toHaveLength(1);
  });

  test.each<[string, number | undefined]>([
    ['0', 0],
    ['120', 120],
    ['soon', undefined],
    ['-5', undefined],
    ['9'.repeat(400), undefined],
  ])('Retry-After: %.10s', async (header, retryAfter) => {
    const port = await receiver((_, response) => response.writeHead(503, { 'retry-after': header }).end());
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual(
      retryAfter === undefined ? { status: 503 } : { status: 503, retryAfter },
    );
  });

  test('Retry-After as a date', async () => {
    const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString();
    const later = await receiver((_, response) => response.writeHead(429, { 'retry-after': at(100) }).end());
    const earlier = await receiver((_, response) => response.writeHead(429, { 'retry-after': at(-100) }).end());
    const { retryAfter } = (await post(`http://127.0.0.1:${later}/`)) as { retryAfter: number };
    expect(retryAfter).toBeGreaterThan(90);
    expect(retryAfter).toBeLessThanOrEqual(100);
    expect(await post(`http://127.0.0.1:${earlier}/`)).toEqual({ status: 429, retryAfter: 0 });
  });

  test('does not wait for a receiver that hangs', async () => {
    const port = await receiver(() => undefined);
    expect(await post(`http://127.0.0.1:${port}/`, LOCAL, 100)).toEqual({ error: 'no answer within 100 ms' });
  });

  test('does not wait for a body that drips, and keeps the status', async () => {
    const port = await receiver((_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(drip));
    });
    expect(await post(`http://127.0.0.1:${port}/`, LOCAL, 3_000)).toEqual({ status: 200 });
  });

  test('does not read a body without end', async () => {
    let cutOff: Promise<unknown> | undefined;
    const port = await receiver((_, response) => {
      cutOff = new Promise((resolve) => response.on('close', resolve));
      response.writeHead(200);
      const more = () => {
        while (response.write(Buffer.alloc(16 * 1024)));
      };
      response.on('drain', more);
      more();
    });
    expect(await post(`http://127.0.0.1:${port}/`, LOCAL, 60_000)).toEqual({ status: 200 });
    await cutOff;
  });

  test('says so when nobody answers in HTTP', async () => {
    const server = createNetServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('hello\r\n'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual({ error: expect.stringContaining('HPE_') });
    // No TLS is spoken there either: https is really asked for.
    expect(await post(`https://127.0.0.1:${port}/`)).toEqual({ error: expect.stringContaining('the request failed') });
    await new Promise((resolve) => server.close(resolve));
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual({ error: expect.stringContaining('ECONNREFUSED') });
  });

  test.each<[string, GuardSettings]>([
    ['a private address', { ...LOCAL, privateHosts: [] }],
    ['plain http', { ...LOCAL, httpToLoopback: false }],
  ])('%s only by a setting', async (_, settings) => {
    const port = await receiver((__, response) => response.writeHead(200).end());
    for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]', '[::1]', '0.0.0.0']) {
      expect(await post(`http://${host}:${port}/`, settings)).toEqual({
        error: expect.stringMatching(/not public|plain http/),
      });
    }
    expect(seen).toEqual([]);
  });

  test('plain http to loopback alone, whatever the settings name', async () => {
    jest
      .spyOn(dns, 'lookup')
      .mockImplementation(((_: string, __: unknown, done: (error: null, addresses: dns.LookupAddress[]) => void) =>
        done(null, [{ address: '10.0.0.1', family: 4 }])) as never);
    expect(await post('http://named.example/')).toEqual({ error: expect.stringContaining('plain http') });
  });

  test.each(['ftp://127.0.0.1/', 'https://user:word@127.0.0.1/', 'https://user@127.0.0.1/', 'whsec_no-url', ''])(
    'no address: %s',
    async (url) => {
      const answer = (await post(url)) as { error: string };
      expect(answer.error).toContain('no https URL');
      expect(answer.error).not.toContain('word');
      expect(answer.error).not.toContain('whsec');
    },
  );

  test('connects to the address that was checked: a name is looked up once', async () => {
    const port = await receiver((_, response) => response.writeHead(200).end());
    const lookup = jest
      .spyOn(dns, 'lookup')
      .mockImplementation(((_: string, __: unknown, done: (error: null, addresses: dns.LookupAddress[]) => void) =>
        done(null, [{ address: '127.0.0.1', family: 4 }])) as never);
    expect(await post(`http://named.example:${port}/`)).toEqual({ status: 200 });
    expect(lookup).toHaveBeenCalledTimes(1);
    expect(seen[0]?.request.headers.host).toBe(`named.example:${port}`);
  });

  test('one private address among public ones is one too many', async () => {
    const port = await receiver((_, response) => response.writeHead(200).end());
    jest.spyOn(dns, 'lookup').mockImplementation(((
      _: string,
      __: unknown,
      done: (error: null, addresses: dns.LookupAddress[]) => void,
    ) =>
      done(null, [
        { address: '8.8.8.8', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ])) as never);
    expect(await post(`http://rebinding.example:${port}/`)).toEqual({ error: expect.stringContaining('not public') });
    expect(seen).toEqual([]);
  });

  test('a name that nobody resolves takes no longer than the rest', async () => {
    jest.spyOn(dns, 'lookup').mockImplementation(() => undefined);
    expect(await post('https://slow.example/', LOCAL, 50)).toEqual({ error: 'no answer within 50 ms' });
    jest.restoreAllMocks();
    expect(await post('https://nowhere.invalid/')).toEqual({ error: expect.stringContaining('the request failed') });
  });

  test.each<[string, boolean]>([
    ['8.8.8.8', true],
    ['172.15.255.255', true],
    ['172.16.0.0', false],
    ['172.31.255.255', false],
    ['10.1.2.3', false],
    ['192.168.1.1', false],
    ['127.255.0.1', false],
    ['0.0.0.0', false],
    ['100.64.0.1', false],
    ['169.254.169.254', false],
    ['168.63.129.16', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['2606:4700::1111', true],
    ['::1', false],
    ['::', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:8.8.8.8', false],
    ['64:ff9b::a9fe:a9fe', false],
    ['2002:7f00:1::', false],
    ['2001::1', false],
    ['2001:db8::1', false],
    ['fe80::1', false],
    ['fe80::1%eth0', false],
    ['fd00:ec2::254', false],
    ['ff02::1', false],
  ])('%s is public: %s', (address, expected) =>
    expect(isPublic({ address, family: address.includes(':') ? 6 : 4 })).toBe(expected),
  );
});

describe('mail', () => {
  let received: { from: string; to: string[]; text: string }[];
  beforeEach(() => void (received = []));

  const MESSAGE = {
    to: 'ops@example.org',
    subject: '[high] Grüße',
    text: 'Hello\n',
    html: '<p>Hello</p>',
    messageId: '<d-1@formicary.example>',
  };

  /** A mail server on loopback, and our way to it. */
  async function server(options: SMTPServerOptions = {}, settings: Partial<SmtpSettings> = {}): Promise<SmtpMail> {
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData(stream, session, done) {
        let text = '';
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
        stream.on('end', () => {
          const { mailFrom, rcptTo } = session.envelope;
          received.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            text,
          });
          done();
        });
      },
      ...options,
    });
    smtp.on('error', () => undefined);
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise<void>((resolve) => smtp.close(resolve)));
    return new SmtpMail({
      host: '127.0.0.1',
      port: (smtp.server.address() as AddressInfo).port,
      security: 'none',
      from: 'formicary@example.org',
      ...settings,
    });
  }

  const refusing = (responseCode: number): SMTPServerOptions => ({
    onRcptTo: (_, __, done) => done(Object.assign(new Error('no'), { responseCode })),
  });

  test('arrives in text and HTML, under its own id', async () => {
    const mail = await server();
    expect(await mail.send(MESSAGE)).toEqual({ ok: true });
    const [{ from, to, text }] = received as [{ from: string; to: string[]; text: string }];
    expect([from, to]).toEqual(['formicary@example.org', ['ops@example.org']]);
    for (const line of [
      'Message-ID: <d-1@formicary.example>',
      'To: ops@example.org',
      'Auto-Submitted: auto-generated',
      'Content-Type: multipart/alternative',
      'Content-Type: text/plain',
      'Content-Type: text/html',
    ])
      expect(text).toContain(line);
    expect(text).toContain('Subject: =?UTF-8?Q?=5Bhigh=5D_Gr=C3=BC=C3=9Fe?=');
  });

  test('goes to one recipient, and no header gets in', async () => {
    const mail = await server();
    await mail.send({ ...MESSAGE, subject: 'a\r\nBcc: eve@example.org\r\n\r\nbody', text: '.\r\nQUIT\r\n' });
    await mail.send({ ...MESSAGE, to: 'ops@example.org, eve@example.org' });
    for (const { to, text } of received) {
      expect(to).toHaveLength(1);
      expect(text.slice(0, text.indexOf('\r\n\r\n'))).not.toMatch(/^Bcc:/im);
    }
    expect(received[0]?.to).toEqual(['ops@example.org']);
    expect(received.flatMap(({ to }) => to)).not.toContain('eve@example.org');
  });

  test.each<[string, () => Promise<SmtpMail>, string, boolean]>([
    ['a recipient refused for good', () => server(refusing(550)), 'EENVELOPE 550', true],
    ['a recipient refused for now', () => server(refusing(451)), 'EENVELOPE 451', false],
    [
      'a message refused for good',
      () =>
        server({
          onData: (stream, _, done) =>
            void stream.resume().on('end', () => done(Object.assign(new Error('no'), { responseCode: 554 }))),
        }),
      'EMESSAGE 554',
      true,
    ],
    [
      'our own login refused',
      () =>
        server(
          {
            onAuth: (_, __, done) => done(Object.assign(new Error('no'), { responseCode: 535 })),
            authMethods: ['PLAIN'],
            allowInsecureAuth: true,
          },
          { auth: { user: 'u', pass: 'hidden' } },
        ),
      'EAUTH 535',
      false,
    ],
    ['TLS wanted where there is none', () => server({}, { security: 'starttls' }), 'ETLS', false],
    [
      'a certificate that nobody vouches for',
      () => server({ disabledCommands: [] }, { security: 'starttls' }),
      '',
      false,
    ],
  ])('%s', async (_, open, says, permanent) => {
    const answer = await (await open()).send(MESSAGE);
    expect(answer).toEqual({ ok: false, error: expect.stringContaining(says), permanent });
    expect(JSON.stringify(answer)).not.toContain('hidden');
    expect(received).toEqual([]);
  });

  test('nobody there', async () => {
    const mail = await server();
    for (const close of closing.splice(0)) await close();
    expect(await mail.send(MESSAGE)).toEqual({ ok: false, error: expect.any(String), permanent: false });
  });
});

describe('secrets', () => {
  const secrets = new EnvironmentSecrets({
    FORMICARY_SECRET_ACME__OPS: 'whsec_x',
    FORMICARY_SECRET_ACME__EMPTY: '',
    FORMICARY_SECRET_ACME__EU__OPS: 'of acme--eu',
    FORMICARY_SECRET_ACME_BANK__OPS: 'of acme-bank',
    PATH: '/bin',
  });

  test.each<[string, string, string | undefined]>([
    ['acme', 'env:OPS', 'whsec_x'],
    ['acme-bank', 'env:OPS', 'of acme-bank'],
    ['acme--eu', 'env:OPS', 'of acme--eu'],
    ['other', 'env:OPS', undefined],
    ['acme', 'env:EMPTY', undefined],
    ['acme', 'env:OTHER', undefined],
    ['acme', 'env:EU__OPS', undefined],
    ['acme', 'env:_OPS', undefined],
    ['acme', 'env:PATH', undefined],
    ['acme', 'env:constructor', undefined],
    ['acme', 'OPS', undefined],
    ['acme', 'vault:OPS', undefined],
  ])('of %s: %s', async (tenant, reference, secret) => expect(await secrets.get(tenant, reference)).toBe(secret));
});
