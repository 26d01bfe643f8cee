/** What goes on for a caller: long polls and streams that outlive a token, or show what is another's. */
import { type Attempt, family, tries } from '../attempt';
import { saidBy, type Sent } from '../http';
import { ALPHA, STAYS, type World } from '../world';

/** A stream of receipts that was opened: what has come, and whether it has ended. */
class Opened {
  text = '';
  ended = false;
  private readonly stop = new AbortController();

  static async by(world: World, token: string, path = '/v1/receipts/stream'): Promise<Opened> {
    const opened = new Opened();
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(world.host.url + path, { headers, signal: opened.stop.signal });
    if (response.status !== 200) throw new Error(`no stream: ${response.status}`);
    void opened.follow(response);
    return opened;
  }

  private async follow(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body as ReadableStream<Uint8Array>) this.text += decoder.decode(chunk);
      this.ended = true;
    } catch {
      // It was closed from here.
    }
  }

  close(): void {
    this.stop.abort();
  }
}

interface Scene {
  readonly agent: string;
  readonly token: string;
  readonly session: string;
}

async function enter(world: World): Promise<Scene> {
  const agent = world.fresh('polls');
  const token = await world.introduce(agent, { tenant: ALPHA, subject: agent });
  await world.done(`/v1/agents/${agent}`, {
    ...{ as: agent, method: 'PUT' },
    json: { agent_type: 'attack.polls', capacity: 1, ...STAYS },
  });
  return { agent, token, session: (await world.done('/v1/me', { token })).token.session as string };
}

const revoke = (world: World, json: object) =>
  world.done('/v1/revocations', { as: 'admin', json: { reason: 'its key may have leaked', ...json } });
const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS = 'urn:ietf:params:oauth:token-type:access_token';
async function renewed(world: World, token: string): Promise<string> {
  const form = new URLSearchParams({ grant_type: GRANT, subject_token_type: ACCESS, subject_token: token });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return (await world.done('/oauth/token', { headers, text: form.toString() })).access_token as string;
}

/** What goes on is taken its ground away: how a long poll is answered, and whether a stream has ended. */
const outlives = (
  id: string,
  what: string,
  end: (world: World, it: Scene) => Promise<unknown>,
  tokenFor: (world: World, it: Scene) => string | Promise<string> = (_, it) => it.token,
): Attempt<void> =>
  tries<void>(
    id,
    `go on waiting after ${what}`,
    '401 unauthenticated, and the stream has ended',
    async (world) => {
      const it = await enter(world);
      const token = await tokenFor(world, it);
      const stream = await Opened.by(world, token);
      const poll = world.ask(`/v1/agents/${it.agent}/inbox?waitSeconds=20`, { token });
      await new Promise((resolve) => setTimeout(resolve, 50));
      await end(world, it);
      const said = saidBy(await poll);
      await world.eventually(async () => stream.ended);
      return `${said}, and the stream has ended`;
    },
    ['access', 'credential', 'agent'],
  );

const asks = (id: string, what: string, expected: string | readonly string[], path: string, sent: Sent) =>
  tries<void>(id, what, expected, (world) => world.says(path, sent));

const ongoing = family<void>('streams', 'ongoing', {
  prepare: () => undefined,
  attempts: [
    outlives('principal', 'all tokens of an agent were taken back', (world, { agent }) =>
      revoke(world, { kind: 'principal', id: agent }),
    ),
    outlives('session', 'its token was taken back', (world, { session }) =>
      revoke(world, { kind: 'token', id: session }),
    ),
    outlives(
      'renewed',
      'the token was taken back that it was renewed from',
      (world, { session }) => revoke(world, { kind: 'token', id: session }),
      (world, { token }) => renewed(world, token),
    ),
    outlives('before', 'the token was taken back that it was renewed to', async (world, { agent, token }) => {
      await renewed(world, token);
      await revoke(world, { kind: 'principal', id: agent });
    }),
    asks('inbox', 'wait for the work of another', '403 forbidden', '/v1/agents/ant/inbox?waitSeconds=1', { as: 'bee' }),
    asks('for-ever', 'wait for ever', '400 invalid-request', '/v1/agents/bee/inbox?waitSeconds=1000000', { as: 'bee' }),
    asks('nobody', 'follow the receipts without a token', '401 unauthenticated', '/v1/receipts/stream', {}),
    asks('place', 'follow from where nobody was', '400 invalid-request', '/v1/receipts/stream?after=99999999999999', {
      as: 'auditor',
    }),
    asks('last-id', 'follow from what is no place', '400 invalid-request', '/v1/receipts/stream', {
      as: 'auditor',
      headers: { 'last-event-id': '../../alpha' },
    }),
    tries<void>(
      'other',
      'hear what another tenant does',
      'nothing of another',
      async (world) => {
        const [theirs, own] = [world.fresh('theirs'), world.fresh('own')];
        const stream = await Opened.by(world, world.tokenOf('spy'));
        try {
          for (const [as, id] of [
            ['crm', theirs],
            ['spy', own],
          ] as const)
            await world.done('/v1/tasks', { as, json: { id, task_type: 'attack.nobody' } });
          await world.eventually(async () => stream.text.includes(own));
          return stream.text.includes(theirs) ? stream.text : 'nothing of another';
        } finally {
          stream.close();
        }
      },
      ['task'],
    ),
    tries<void>('many', 'open fifty streams', '429 too-many-requests', async (world) => {
      const token = world.tokenOf('watcher');
      const opened: Opened[] = [];
      try {
        for (let n = 0; n < 50; n += 1) {
          const said = await Opened.by(world, token).catch((error: Error) => error.message);
          if (typeof said === 'string') break;
          opened.push(said);
        }
        return opened.length <= 20 ? await world.says('/v1/receipts/stream', { token }) : `${opened.length} are open`;
      } finally {
        for (const stream of opened) stream.close();
      }
    }),
  ],
  control: {
    does: 'whose token holds hears of what is done',
    expected: 'heard',
    async run(world) {
      const { token, agent } = await enter(world);
      const stream = await Opened.by(world, token);
      try {
        const id = world.fresh('heard');
        await world.done('/v1/tasks', { as: 'crm', json: { id, task_type: 'attack.nobody' } });
        await world.eventually(async () => stream.text.includes(`alpha/task/${id}`));
        const poll = await world.says(`/v1/agents/${agent}/inbox?waitSeconds=0`, { token });
        return poll === '200' && !stream.ended ? 'heard' : `${poll} ${stream.ended}`;
      } finally {
        stream.close();
      }
    },
  },
});

export const streams = [ongoing];
