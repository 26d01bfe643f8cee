/**
 * Deliveries over the real stores, through real sockets: the receivers are HTTP and SMTP servers on loopback, the
 * signatures are checked by the library that receivers use, and a process can die at any time.
 */
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { SMTPServer } from 'smtp-server';
import { SmtpMail } from '../../adapters/outbound/mail';
import type { Commit } from '../../domain/kernel/commit';
import { plusSeconds, toTime } from '../../domain/kernel/time';
import type { Channel } from '../../domain/notices/channel';
import { MAX_ATTEMPTS } from '../../domain/notices/delivery';
import { eventually } from '../support/eventually';
import { randomOf } from '../support/shuffle';
import { as, type Received, Receiver, SECRET, World } from './world';

let world: World;
beforeEach(async () => void (world = await World.open()));
afterEach(() => world.end());

const statusOf =
  (status: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end();

describe('a notice', () => {
  test('goes out signed, and says where to decide', async () => {
    await world.set('ops');
    await world.notify(world.notice('n-1'));
    await world.fire();
    const [received] = world.receiver.received as [Received];
    expect(world.verify(received)).toMatchObject({
      type: 'approval-requested',
      data: { id: 'n-1', link: 'https://formicary.example/approvals/1' },
    });
    expect(received.headers['content-type']).toBe('application/json');
    expect(() => world.verify({ ...received, body: `${received.body} ` })).toThrow();
    expect(() => world.verify(received, `whsec_${Buffer.alloc(32, 8).toString('base64')}`)).toThrow();
    expect(world.histories()).toEqual([['DeliveryRequested', 'Delivered']]);
    await world.pass(24 * 3600);
    expect(world.receiver.received).toHaveLength(1);
  });

  test('goes to every channel of the group and of all groups, in the form of its kind, and to no other', async () => {
    const mails: string[] = [];
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData(stream, _, done) {
        let text = '';
        stream.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => (mails.push(text), done()));
      },
    });
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    world.mail = new SmtpMail({
      host: '127.0.0.1',
      port: (smtp.server.address() as AddressInfo).port,
      security: 'none',
      from: 'formicary@example.org',
    });
    await world.restart();
    world.environment.FORMICARY_SECRET_ACME__HOOK = `${world.receiver.url}/hook?token=abc`;
    await world.set('standard');
    await world.set('teams', { kind: 'teams', address: 'env:HOOK', secret: undefined, groups: ['*'] });
    await world.set('slack', { kind: 'slack', address: 'env:HOOK', secret: undefined });
    await world.set('mail', { kind: 'mail', address: 'ops@example.org', secret: undefined });
    await world.set('other-group', { groups: ['leads'] });
    await world.set('other-event', { events: ['round-escalated'] });
    await world.set('other-tenant', {}, 'umbrella');
    await world.notify(world.notice('n-1'));
    await world.fire();
    const bodies = world.receiver.received
      .map(({ url, body }) => [
        url,
        Object.keys(JSON.parse(body) as object)
          .sort()
          .join(),
      ])
      .sort();
    expect(bodies).toEqual([
      ['/hook?token=abc', 'attachments,type'],
      ['/hook?token=abc', 'blocks,mrkdwn,parse,text,unfurl_links,unfurl_media'],
      ['/standard', 'data,timestamp,type'],
    ]);
    expect(mails).toEqual([expect.stringMatching(/^Message-ID: <[0-9a-f-]{36}@formicary\.example>\r$/m)]);
    expect(world.histories()).toEqual(Array(4).fill(['DeliveryRequested', 'Delivered']));
    const log = JSON.stringify(world.log());
    expect(log).not.toContain('whsec_');
    expect(log).not.toContain('token=abc');
    await new Promise<void>((resolve) => smtp.close(resolve));
  });

  test('told again changes nothing; another one is another', async () => {
    await world.set('ops');
    await Promise.all([world.notify(world.notice('n-1')), world.notify(world.notice('n-1'))]);
    await world.fire();
    await world.notify(world.notice('n-1'));
    await world.fire();
    expect(world.receiver.received).toHaveLength(1);
    await world.notify(world.notice('n-2'));
    await world.fire();
    expect(new Set(world.receiver.ids).size).toBe(2);
  });

  test('goes out though the process died right after the intent', async () => {
    await world.set('ops');
    await world.process.deliveries.notify('acme', world.notice('n-1'), 'on-call', undefined);
    await world.restart();
    await world.fire();
    expect(world.histories()).toEqual([['DeliveryRequested', 'Delivered']]);
  });
});

describe('a receiver', () => {
  test('that fails gets the same again, under the same id, freshly signed', async () => {
    await world.set('ops');
    world.receiver.answer = statusOf(500);
    await world.notify(world.notice('n-1'));
    await world.fire();
    await world.pass(29);
    await world.process.deliveries.attempt(world.log().at(-1)?.stream as string);
    expect(world.receiver.received).toHaveLength(1);
    world.receiver.answer = statusOf(200);
    await world.pass(1);
    const [first, second] = world.receiver.received as [Received, Received];
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(second.body).toBe(first.body);
    expect(Number(second.headers['webhook-timestamp']) - Number(first.headers['webhook-timestamp'])).toBe(30);
    world.verify(second);
    expect(world.histories()).toEqual([['DeliveryRequested', 'DeliveryFailed', 'Delivered']]);
    const [intent, ...results] = world.log().filter(({ stream }) => stream.includes('/delivery/')) as [
      Commit,
      ...Commit[],
    ];
    for (const { meta } of results)
      expect(meta).toMatchObject({ causationId: `${intent.stream}@0`, correlationId: intent.meta.correlationId });
  });

  test.each([301, 302, 307, 308])('that redirects (%d) is not followed', async (status) => {
    const other = await new Receiver().open();
    await world.set('ops');
    world.receiver.answer = statusOf(status, { location: `${other.url}/` });
    await world.notify(world.notice('n-1'));
    await world.fire();
    expect(other.received).toEqual([]);
    expect(world.histories()).toEqual([['DeliveryRequested', 'DeliveryFailed']]);
    await other.close();
  });

  test('that asks for time gets it', async () => {
    await world.set('ops');
    world.receiver.answer = statusOf(429, { 'retry-after': '600' });
    await world.notify(world.notice('n-1'));
    await world.fire();
    await world.pass(599);
    expect(world.receiver.received).toHaveLength(1);
    await world.pass(1);
    expect(world.receiver.received).toHaveLength(2);
  });

  test('that is gone makes a dead letter at once; one that always fails, after eight attempts', async () => {
    await world.set('gone');
    await world.set('broken');
    world.receiver.answer = (response, { url }) => void response.writeHead(url === '/gone' ? 410 : 500).end();
    await world.notify(world.notice('n-1'));
    await world.fire();
    expect(await world.dead()).toMatchObject([
      { channel_id: 'gone', notice_id: 'n-1', attempts: 1, failure: { status: 410 } },
    ]);
    for (let hour = 0; hour < 24 * 12; hour += 1) await world.pass(300);
    expect((await world.dead()).map(({ channel_id, attempts }) => [channel_id, attempts]).sort()).toEqual([
      ['broken', MAX_ATTEMPTS],
      ['gone', 1],
    ]);
    expect(await world.dead('umbrella')).toEqual([]);
    expect(world.receiver.received).toHaveLength(MAX_ATTEMPTS + 1);
    expect(new Set(world.receiver.ids).size).toBe(2);
    expect(await world.process.table.due(plusSeconds(toTime(world.clock.time), 1e6), 10)).toEqual([]);
  });

  test('that hangs holds up neither deadlines, nor other tenants, nor more than eight attempts of its own', async () => {
    const held: ServerResponse[] = [];
    world.receiver.answer = (response, { url }) =>
      void (url === '/slow' ? held.push(response) : response.writeHead(204).end());
    await world.set('slow');
    await world.set('quick', {}, 'umbrella');
    for (let i = 0; i < 12; i += 1) await world.notify(world.notice(`n-${i}`));
    await world.notify(world.notice('n-1'), 'umbrella');
    await world.begin();
    await eventually(() => world.receiver.received.length >= 9);
    world.clock.time += 6_000;
    await world.begin();
    await world.process.feed.settled();
    expect(held).toHaveLength(8);
    expect(world.histories().filter((history) => history.includes('Delivered'))).toHaveLength(1);
    world.receiver.answer = statusOf(204);
    for (const response of held) response.writeHead(204).end();
    await world.process.deliveries.settled();
    await world.pass(6);
    expect(world.histories()).toEqual(Array(13).fill(['DeliveryRequested', 'Delivered']));
    expect(new Set(world.receiver.ids).size).toBe(13);
  });
});

describe('what is under way', () => {
  test('is not begun twice, however often it is looked at', async () => {
    let held: ServerResponse | undefined;
    world.receiver.answer = (response) => void (held = response);
    await world.set('ops');
    await world.notify(world.notice('n-1'));
    await world.begin();
    await eventually(() => held !== undefined);
    for (let look = 0; look < 3; look += 1) {
      world.clock.time += 61_000;
      await world.begin();
    }
    held?.writeHead(204).end();
    await world.process.deliveries.settled();
    await world.fire();
    expect(world.receiver.received).toHaveLength(1);
    expect(world.histories()).toEqual([['DeliveryRequested', 'Delivered']]);
  });

  test('is begun again when its process has died', async () => {
    world.receiver.answer = (response) =>
      void (world.receiver.received.length === 1 ? undefined : response.writeHead(204).end());
    await world.set('ops');
    await world.notify(world.notice('n-1'));
    await world.begin();
    await eventually(() => world.receiver.received.length === 1);
    const lost = world.process;
    await world.restart();
    await world.pass(59);
    expect(world.receiver.received).toHaveLength(1);
    await world.pass(1);
    expect(new Set(world.receiver.ids).size).toBe(1);
    expect(world.histories()).toEqual([['DeliveryRequested', 'Delivered']]);
    await world.receiver.close();
    await lost.deliveries.stop();
    expect(world.histories()).toEqual([['DeliveryRequested', 'Delivered']]);
    world.receiver = await new Receiver().open();
  });

  test('in two processes at once is delivered once, for all that the log says', async () => {
    await world.set('ops');
    await world.notify(world.notice('n-1'));
    const other = await world.start();
    const stream = (await world.process.table.due(toTime(world.clock.time), 1))[0]?.stream as string;
    await Promise.all([world.process.deliveries.attempt(stream), other.deliveries.attempt(stream)]);
    expect(new Set(world.receiver.ids).size).toBe(1);
    expect(world.histories()).toEqual([['DeliveryRequested', 'Delivered']]);
    await other.feed.stop();
  });

  test('and can not be recorded is sent again under its id', async () => {
    await world.set('ops');
    await world.notify(world.notice('n-1'));
    world.faults = (operation) => (operation === 'append' ? 'fails' : undefined);
    await world.fire();
    expect(world.histories()).toEqual([['DeliveryRequested']]);
    expect(world.reports).toEqual([expect.stringContaining('could not be finished')]);
    world.faults = () => undefined;
    await world.pass(60);
    expect(world.histories()).toEqual([['DeliveryRequested', 'Delivered']]);
    expect([world.receiver.received.length, new Set(world.receiver.ids).size]).toEqual([2, 1]);
  });

  test('after stop nothing begins', async () => {
    await world.set('ops');
    await world.notify(world.notice('n-1'));
    await world.process.deliveries.stop();
    await world.fire();
    expect(world.receiver.received).toEqual([]);
  });
});

describe('a channel', () => {
  test('that was removed gets nothing more; set again, its dead letter goes to where it leads now', async () => {
    await world.set('ops');
    world.receiver.answer = statusOf(500);
    await world.notify(world.notice('n-1'));
    await world.fire();
    await world.process.channels.remove(as(), 'ops');
    await world.pass(30);
    expect(world.receiver.received).toHaveLength(1);
    const [letter] = await world.dead();
    expect(letter).toMatchObject({ channel_id: 'ops', failure: { reason: 'the channel was removed' } });
    const id = letter?.delivery_id as string;
    expect(await world.process.deliveries.redrive(as(), id)).toMatchObject({
      ok: false,
      rejection: { code: 'channel-removed' },
    });

    world.receiver.answer = statusOf(204);
    await world.set('ops', { address: `${world.receiver.url}/new` });
    expect(await world.process.deliveries.redrive(as(), id)).toMatchObject({ ok: true });
    await world.process.deliveries.redrive(as(), id);
    await world.fire();
    expect(world.receiver.received.map(({ url }) => url)).toEqual(['/ops', '/new']);
    expect(new Set(world.receiver.ids)).toEqual(new Set([id]));
    expect(await world.dead()).toEqual([]);
    expect(world.histories()).toEqual([
      ['DeliveryRequested', 'DeliveryFailed', 'DeliveryDead', 'DeliveryRedriven', 'Delivered'],
    ]);
    expect(await world.process.deliveries.redrive(as(), 'unknown')).toMatchObject({
      ok: false,
      rejection: { code: 'delivery-not-found' },
    });
    expect(await world.process.deliveries.redrive(as('umbrella'), id)).toMatchObject({
      ok: false,
      rejection: { code: 'delivery-not-found' },
    });
  });

  test.each([
    undefined,
    'short',
    'whsec_',
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
  ])('whose secret is %s sends nothing unsigned, until it is there', async (secret) => {
    if (secret === undefined) delete world.environment.FORMICARY_SECRET_ACME__OPS;
    else world.environment.FORMICARY_SECRET_ACME__OPS = secret;
    await world.set('ops');
    await world.notify(world.notice('n-1'));
    await world.fire();
    expect(world.receiver.received).toEqual([]);
    expect(JSON.stringify(world.log())).not.toContain(`"${String(secret)}"`);
    world.environment.FORMICARY_SECRET_ACME__OPS = SECRET;
    await world.pass(30);
    expect(world.histories()).toEqual([['DeliveryRequested', 'DeliveryFailed', 'Delivered']]);
  });

  test('is what its stream says, where the view has not come so far', async () => {
    await world.set('ops');
    await world.process.feed.stop();
    const { state } = await world.process.channels.load('acme', 'ops');
    await world.process.channels.set(as(), 'ops', { ...(state.channel as Channel), groups: ['leads'] });
    await world.process.deliveries.notify('acme', world.notice('n-1'), 'on-call', undefined);
    expect(world.histories()).toEqual([]);
  });

  test('of mail where there is no mail server makes a dead letter', async () => {
    await world.set('mail', { kind: 'mail', address: 'ops@example.org', secret: undefined });
    await world.notify(world.notice('n-1'));
    await world.fire();
    expect(await world.dead()).toMatchObject([{ failure: { reason: 'no mail server is configured' } }]);
  });

  test('list shows those that are there', async () => {
    await world.set('ops');
    await world.set('night');
    await world.process.channels.remove(as(), 'night');
    await world.process.feed.settled();
    expect((await world.process.channels.list('acme', 10)).docs).toMatchObject([
      { channel_id: 'ops', kind: 'standard' },
    ]);
    expect((await world.process.channels.list('umbrella', 10)).docs).toEqual([]);
  });
});

test('whatever fails, dies or comes again: every notice arrives, and its receiver can tell repetitions', async () => {
  await world.end();
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 31 }), async (seed) => {
      world = await World.open();
      const random = randomOf(seed);
      world.random = random;
      const accepted = new Set<unknown>();
      world.receiver.answer = (response, received) => {
        // Time passes here while something is under way: what is late is signed all the same.
        world.verify(received, SECRET, Number(received.headers['webhook-timestamp']) * 1000);
        const draw = random();
        if (draw < 0.15) return void response.destroy();
        if (draw < 0.3) return void response.writeHead(500 + Math.floor(random() * 4)).end();
        accepted.add(received.headers['webhook-id']);
        // Accepted, and the answer is lost.
        if (draw < 0.4) return void response.destroy();
        response.writeHead(200).end();
      };
      for (const id of ['a', 'b', 'c']) await world.set(id);
      const notices = Array.from({ length: 4 }, (_, i) => world.notice(`n-${i}`));
      world.faults = (operation) =>
        operation === 'append' && random() < 0.1 ? (random() < 0.5 ? 'loses' : 'fails') : undefined;
      for (const notice of notices) {
        // As a reaction does it: told until it was told, and once more.
        for (let told = 0; told < 2;)
          await world.notify(notice).then(
            () => (told += 1),
            () => undefined,
          );
        if (random() < 0.3) await world.restart();
        if (random() < 0.5) await world.begin();
      }
      for (
        let step = 0;
        step < 24 * 4 && world.histories().some((history) => history.at(-1) !== 'Delivered');
        step += 1
      ) {
        await world.pass(900);
        if (random() < 0.1) await world.restart();
        // A dead letter is not lost: somebody redrives it.
        for (const { delivery_id } of await world.dead())
          await world.process.deliveries.redrive(as(), delivery_id).catch(() => undefined);
      }
      world.faults = () => undefined;
      expect(world.histories()).toHaveLength(12);
      expect(
        world
          .histories()
          .map((history) => [history[0], history.at(-1), history.filter((type) => type === 'Delivered').length]),
      ).toEqual(Array(12).fill(['DeliveryRequested', 'Delivered', 1]));
      expect(accepted.size).toBe(12);
      expect(new Set(world.receiver.ids).size).toBe(12);
      await world.end();
    }),
    { numRuns: 8 },
  );
  world = await World.open();
}, 60_000);
