/** Hints by Web PubSub, through the unmodified SDK: the contract of the port, who asks, and a service that is away. */
import { WebPubSubServiceClient } from '@azure/web-pubsub';
import { EVERYBODY, HUB, type PushPatience, WebPubSubPush } from '../../adapters/azure/web-pubsub';
import type { PushConnection } from '../../app/engine/ports-push';
import { WebPubSubServer } from '../servers/web-pubsub';
import { eventually } from '../support/eventually';
import { Listener } from '../support/listener';
import { pushContract } from './push.contract';

const RETRIES = { maxRetries: 0 };
const IMPATIENT: PushPatience = { connectMs: 200, sendMs: 200, listMs: 200 };

let server: WebPubSubServer;
let reports: { message: string; facts: Record<string, unknown> }[] = [];
const report = (message: string, facts: Record<string, unknown>) => void reports.push({ message, facts });

const withKey = (patience?: PushPatience, at = server, connections?: number) => {
  const options = { allowInsecureConnection: true, retryOptions: RETRIES };
  const client = new WebPubSubServiceClient(at.connectionString, HUB, options);
  return new WebPubSubPush(() => client, report, patience, connections);
};
const withIdentity = (scopes: string[] = [], at = server) => {
  const tlsOptions = { rejectUnauthorized: false } as object;
  const client = new WebPubSubServiceClient(at.endpoint, at.credentialOf(scopes), HUB, {
    tlsOptions,
    retryOptions: RETRIES,
  });
  return new WebPubSubPush(() => client, report);
};

const opened = async (isTls: boolean, open: (at: WebPubSubServer) => WebPubSubPush) => {
  const at = await new WebPubSubServer({ isTls }).start();
  let push = open(at);
  return {
    store: push,
    reopen: async () => {
      push.close();
      return await Promise.resolve((push = open(at)));
    },
    close: () => at.stop(),
  };
};

// Node's WebSocket believes no certificate that nobody vouches for: an identity's clients are let in without TLS.
pushContract('Web PubSub, by a key', () => opened(false, (at) => withKey(undefined, at)));

describe('an identity', () => {
  beforeAll(async () => void (server = await new WebPubSubServer({ isTls: true }).start()));
  afterAll(() => server.stop());

  test('asks the service for the token of a client, which is that user, among everybody, and with no role', async () => {
    const scopes: string[] = [];
    const { url, protocol } = (await withIdentity(scopes).connect('acme/agent/ann')) as PushConnection;
    expect(server.requests).toEqual([`POST /api/hubs/${HUB}/:generateToken`]);
    expect(scopes).toContain('https://webpubsub.azure.com/.default');
    expect(protocol).toBe('json.webpubsub.azure.v1');
    expect(url).toMatch(new RegExp(`^wss://127\\.0\\.0\\.1:\\d+/client/hubs/${HUB}\\?access_token=`));
    const [, payload = ''] = new URL(url).searchParams.get('access_token')?.split('.') ?? [];
    const { sub, role, exp, ...rest } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<
      string,
      unknown
    >;
    expect(sub).toMatch(/^[0-9a-f]{80}$/);
    expect([role, rest['webpubsub.group']]).toEqual([[], [EVERYBODY]]);
    // Minutes, not the hour that goes without saying.
    expect(Number(exp) * 1_000 - Date.now()).toBeLessThanOrEqual(5 * 60_000);
  });

  test('sends as that user, and nothing that is worth to be read', async () => {
    server.requests.length = 0;
    withIdentity().tell('acme/agent/ann');
    await eventually(() => server.requests.length > 0, { what: 'a request' });
    expect(server.requests).toEqual([
      expect.stringMatching(/^POST \/api\/hubs\/formicary\/users\/[0-9a-f]{80}\/:send$/),
    ]);
  });
});

describe('the service', () => {
  beforeEach(async () => {
    reports = [];
    server = await new WebPubSubServer().start();
  });
  afterEach(() => server.stop());

  test.each([
    ['has expired', -1, HUB],
    ['is for another hub', 5, 'others'],
  ])('lets nobody in whose token %s', async (_, minutes, hub) => {
    const token = server.tokenFor(hub, { sub: 'ann' }, minutes);
    const url = `${server.endpoint.replace('http', 'ws')}/client/hubs/${HUB}?access_token=${token}`;
    expect(await new Listener({ url, protocol: 'json.webpubsub.azure.v1' }).settled()).toBe('refused');
  });

  test.each([[429], [503], ['silence' as const]])(
    'may be away (%s): nobody waits, and that is said once',
    async (fault) => {
      const push = withKey(IMPATIENT);
      const ann = new Listener((await push.connect('acme/agent/ann')) as PushConnection);
      await ann.settled();
      server.faults.push(fault, fault);
      for (const name of ['a', 'b']) push.tell(name);
      await eventually(() => reports.length > 0 && server.requests.length === 2, { what: 'both to fail' });
      push.tell('acme/agent/ann');
      await eventually(() => ann.told === 1, { what: 'the next to be heard' });
      expect(reports).toEqual([{ message: expect.stringContaining('Web PubSub'), facts: expect.anything() }]);
      ann.close();
    },
  );

  test('has no connection to give while it is away, and says so to nobody but the log', async () => {
    const gone = await new WebPubSubServer({ isTls: true }).start();
    const push = withIdentity([], gone);
    await gone.stop();
    expect(await push.connect('acme/agent/ann')).toBeUndefined();
    expect(reports).toHaveLength(1);
  });

  test('lists everybody page by page; a tenant has at most four fifths of what there is for all', async () => {
    const push = withKey(undefined, server, 300);
    const connect = async (tenant: string, count: number) => {
      const connected = [];
      for (let n = 0; n < count; n += 1) {
        const listener = new Listener((await push.connect(`${tenant}/agent/${n}`)) as PushConnection);
        connected.push(listener);
        await listener.settled();
      }
      return connected;
    };
    const [many, few] = [await connect('acme', 245), await connect('other', 10)];
    server.requests.length = 0;
    await push.trim();
    expect(server.requests.filter((request) => request.startsWith('GET'))).toHaveLength(2);
    expect(server.requests.filter((request) => request.startsWith('DELETE'))).toHaveLength(5);
    expect(reports).toEqual([{ message: expect.stringContaining('Web PubSub were ended'), facts: { ended: 5 } }]);
    await eventually(() => many.filter(({ isOpen }) => isOpen).length === 240, { what: 'five to be gone' });
    expect(few.every(({ isOpen }) => isOpen)).toBe(true);
    for (const listener of [...many, ...few]) listener.close();
  });

  test('that is away is trimmed later', async () => {
    server.faults.push(503);
    await withKey(IMPATIENT).trim();
    expect(reports).toHaveLength(1);
  });

  test('is asked sixteen times at once, and what does not fit into the queue is lost, and counted', async () => {
    const push = withKey({ connectMs: 60_000, sendMs: 60_000, listMs: 60_000 });
    server.faults.push(...Array.from({ length: 16 }, () => 'silence' as const));
    for (let n = 0; n < 10_016; n += 1) push.tell(`acme/agent/${n}`);
    expect(reports).toEqual([]);
    push.tell('acme/agent/one-more');
    expect(reports).toEqual([{ message: expect.anything(), facts: expect.objectContaining({ lost: 1 }) }]);
    push.close();
  });
});
