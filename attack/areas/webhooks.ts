/** Notices to the outside: led to places inside, past what was checked, or with what others wrote as markup. */
import dns from 'node:dns';
import { EnvironmentSecrets } from '../../adapters/outbound/secrets';
import { HttpWebhooks } from '../../adapters/outbound/webhooks';
import { asMail, asSlack, asTeams, noticeOf } from '../../domain/notices/notice';
import { asks, type Attempt, family, tries } from '../attempt';
import type { World } from '../world';

const CHANNEL = {
  kind: 'standard',
  address: 'https://hooks.example.org/x',
  secret: 'env:OPS',
  groups: ['nobody'],
  events: ['approval-requested'],
};
const INVALID = '422 channel-invalid';

const sets = (
  id: string,
  what: string,
  expected: string | readonly string[],
  more: object,
  as = 'admin',
): Attempt<void> =>
  asks<void>(id, `set a channel ${what}`, expected, (_, world) => [
    `/v1/channels/${world.fresh('channel')}`,
    { as, method: 'PUT', json: { ...CHANNEL, ...more } },
  ]);

const channels = family<void>('webhooks', 'channels', {
  prepare: () => undefined,
  attempts: [
    sets('agent', 'as an agent', '403 forbidden', {}, 'ant'),
    sets('operator', 'as an operator', '403 forbidden', {}, 'operator'),
    sets('http', 'over plain HTTP', INVALID, { address: 'http://hooks.example.org/x' }),
    sets('metadata', 'to the metadata of the machine', INVALID, { address: 'http://169.254.169.254/latest/meta-data' }),
    sets('file', 'to a file', INVALID, { address: 'file:///etc/passwd' }),
    sets('gopher', 'to another protocol', INVALID, { address: 'gopher://127.0.0.1:6379/_FLUSHALL' }),
    sets('javascript', 'to a script', INVALID, { address: 'javascript:alert(1)' }),
    sets('password', 'with a password', '422 secret-refused', { address: 'https://ada:word@hooks.example.org/x' }),
    sets('token', 'with a token in its query', INVALID, { address: 'https://hooks.example.org/x?token=1' }),
    sets('break', 'with a line break', [INVALID, '400 invalid-request'], {
      address: 'https://hooks.example.org/x\r\nHost: 127.0.0.1',
    }),
    sets('secret', 'with the secret itself', INVALID, { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }),
    sets('chat', 'with the address of a chat', INVALID, {
      kind: 'slack',
      address: 'https://hooks.slack.com/services/T0/B0/x',
      secret: undefined,
    }),
    sets('bcc', 'to a mailbox with another header', [INVALID, '400 invalid-request'], {
      kind: 'mail',
      address: 'ada@example.org\r\nBcc: all@example.org',
      secret: undefined,
    }),
    sets('two-mailboxes', 'to two mailboxes', INVALID, {
      kind: 'mail',
      address: 'ada@example.org, eve@example.org',
      secret: undefined,
    }),
    sets('events', 'about everything', '400 invalid-request', { events: ['*'] }),
    asks<void>('redrive', 'have a notice sent again, as an agent', '403 forbidden', () => [
      '/v1/deliveries/x/redrive',
      { as: 'ant', json: {} },
    ]),
    ...(
      [
        ['of another tenant', 'env:BETA__OPS'],
        ['of the process', 'env:FORMICARY_LOG_KEY'],
        ['by a path', 'env:../OPS'],
        ['in small letters', 'env:ops'],
        ['of another kind', 'file:/etc/passwd'],
        ['that every object has', 'env:__PROTO__'],
      ] as const
    ).map(([what, reference], n) =>
      tries<void>(`reference-${n}`, `name a secret ${what}`, 'none', async () => {
        const secrets = new EnvironmentSecrets({
          FORMICARY_SECRET_ALPHA__OPS: 'alphas',
          FORMICARY_SECRET_BETA__OPS: 'betas',
          FORMICARY_LOG_KEY: 'key',
        });
        return (await secrets.get('alpha', reference)) ?? 'none';
      }),
    ),
  ],
  control: {
    does: 'an administrator sets a channel to a public address',
    expected: '200',
    run: (world) => world.says(`/v1/channels/${world.fresh('channel')}`, { as: 'admin', method: 'PUT', json: CHANNEL }),
  },
});

// ------------------------------------------------------------------------------------------------ server-side requests

const STRICT = new HttpWebhooks({ privateHosts: [], httpToLoopback: true });
const NAMED = new HttpWebhooks({ privateHosts: ['127.0.0.1', 'named.example'], httpToLoopback: true });
const NOT_SENT = 'not sent';

async function posted(world: World, url: string, by = STRICT): Promise<string> {
  const before = world.canary.seen.length;
  const answer = await by.post({ url, headers: { 'content-type': 'application/json' }, body: '{}', timeoutMs: 2_000 });
  const led = world.canary.seen.length - before;
  if (led > 0) return `sent: ${world.canary.seen.slice(before).join()}`;
  return 'error' in answer && /not public|plain http|no https URL|ENOTFOUND|EAI_AGAIN|no answer/.test(answer.error)
    ? NOT_SENT
    : JSON.stringify(answer);
}

/** Every spelling of addresses that are not public; PORT is where the listener is. */
const ADDRESSES = [
  'http://127.0.0.1:PORT/',
  'http://localhost:PORT/',
  'http://localhost.:PORT/',
  'http://127.1:PORT/',
  'http://0x7f000001:PORT/',
  'http://0x7f.0.0.1:PORT/',
  'http://2130706433:PORT/',
  'http://017700000001:PORT/',
  'http://127.0.0.1.:PORT/',
  'http://0.0.0.0:PORT/',
  'http://0:PORT/',
  'http://[::1]:PORT/',
  'http://[::]:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://[::ffff:7f00:1]:PORT/',
  'http://[0:0:0:0:0:ffff:7f00:0001]:PORT/',
  'http://[64:ff9b::7f00:1]:PORT/',
  'http://127.0.0.1:PORT@127.0.0.1:PORT/',
  'http://evil.example@127.0.0.1:PORT/',
  'http://①②⑦.⓪.⓪.①:PORT/',
  'https://127.0.0.1:PORT/',
  'https://10.0.0.1/',
  'https://172.16.0.1/',
  'https://192.168.0.1/',
  'https://100.64.0.1/',
  'https://169.254.169.254/metadata/instance',
  'https://168.63.129.16/machine',
  'https://[fd00:ec2::254]/',
  'https://[fe80::1]/',
  'https://[::ffff:a9fe:a9fe]/',
  'https://[2002:7f00:1::]/',
  'https://224.0.0.1/',
  'https://255.255.255.255/',
] as const;

/** Has names resolved otherwise for as long as it takes; each look-up gets the next answer. */
async function resolving(answers: readonly (readonly string[])[], run: () => Promise<string>): Promise<string> {
  const real = dns.lookup;
  let asked = 0;
  const lookup = (_: string, __: unknown, done: (error: null, addresses: dns.LookupAddress[]) => void) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] as readonly string[];
    asked += 1;
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  Object.assign(dns, { lookup });
  try {
    return await run();
  } finally {
    Object.assign(dns, { lookup: real });
  }
}

const requests = family<void>('webhooks', 'requests', {
  prepare: () => undefined,
  attempts: [
    ...ADDRESSES.map((address, n) =>
      tries<void>(`address-${n}`, `have a notice sent to ${address.replace('PORT', '…')}`, NOT_SENT, (world) =>
        posted(world, address.replaceAll('PORT', String(world.canary.port))),
      ),
    ),
    tries<void>('private-name', 'have it sent to a name of a private address', NOT_SENT, (world) =>
      resolving([['127.0.0.1']], () => posted(world, `http://rebinding.example:${world.canary.port}/`)),
    ),
    tries<void>('one-of-two', 'have it sent to a name of a public and of a private address', NOT_SENT, (world) =>
      resolving([['8.8.8.8', '127.0.0.1']], () => posted(world, `http://rebinding.example:${world.canary.port}/`)),
    ),
    tries<void>('rebinding', 'change what a name leads to between the look and the connection', NOT_SENT, (world) =>
      resolving([['192.0.2.1'], ['127.0.0.1']], () => posted(world, `https://rebinding.example:${world.canary.port}/`)),
    ),
    tries<void>('private-mapped', 'have it sent to a name of a mapped address', NOT_SENT, (world) =>
      resolving([['::ffff:127.0.0.1']], () => posted(world, `http://mapped.example:${world.canary.port}/`)),
    ),
    tries<void>('named-elsewhere', 'have a name that is trusted lead elsewhere over plain HTTP', NOT_SENT, (world) =>
      resolving([['10.0.0.1']], () => posted(world, `http://named.example:${world.canary.port}/`, NAMED)),
    ),
    ...[301, 302, 303, 307, 308].map((status) =>
      tries<void>(`redirect-${status}`, `lead it on by ${status}`, 'one request', async (world) => {
        const before = world.canary.seen.length;
        world.canary.answer = (path) =>
          path === '/on' ? { status: 200 } : { status, headers: { location: `${world.canary.url}/on` } };
        await NAMED.post({ url: `${world.canary.url}/first`, headers: {}, body: '{}', timeoutMs: 2_000 });
        world.canary.answer = () => ({ status: 200 });
        const led = world.canary.seen.slice(before);
        return led.length === 1 && led[0] === 'POST /first' ? 'one request' : led.join();
      }),
    ),
    tries<void>('bomb', 'answer that it is compressed', '{"status":200}', async (world) => {
      world.canary.answer = () => ({ status: 200, headers: { 'content-encoding': 'gzip' } });
      const answer = await NAMED.post({ url: `${world.canary.url}/bomb`, headers: {}, body: '{}', timeoutMs: 2_000 });
      world.canary.answer = () => ({ status: 200 });
      return JSON.stringify(answer);
    }),
  ],
  control: {
    does: 'to a host that the settings name a notice is sent',
    expected: 'sent: POST /meant',
    run: (world) => posted(world, `${world.canary.url}/meant`, NAMED),
  },
});

// ----------------------------------------------------------------------------------------------------------- markup

const notice = (text: string) =>
  noticeOf({
    ...{ id: 'n', event: 'approval-requested', subject: text, summary: text, severity: 'high' },
    ...{ facts: [{ name: text, value: text }], at: '2026-11-29T10:00:00.000Z', deadline: '2026-11-29T11:00:00.000Z' },
    link: 'https://colony.example.org/v1/approvals/x',
  });
/** Whether a rendering holds what would act. */
const renders = (id: string, what: string, make: () => unknown, acting: RegExp): Attempt<void> =>
  tries<void>(id, what, 'shown as text', () => {
    const text = typeof make() === 'string' ? (make() as string) : JSON.stringify(make());
    return acting.test(text) ? `it acts: ${acting.exec(text)?.[0]}` : 'shown as text';
  });

const markup = family<void>('webhooks', 'markup', {
  prepare: () => undefined,
  attempts: [
    renders('slack-channel', 'call a whole channel of Slack', () => asSlack(notice('<!channel> <@U1>')), /<[!@]/),
    renders(
      'slack-link',
      'put a link into a message of Slack',
      () => asSlack(notice('<https://evil.example|click>')),
      /<https:\/\/evil/,
    ),
    renders(
      'teams-macro',
      'put a macro into a card of Teams',
      () => asTeams(notice('{{DATE(2026-01-01,SHORT)}}')),
      /\{\{DATE/,
    ),
    renders(
      'mail-html',
      'put a script into a mail',
      () => asMail(notice('<script>x</script><img src=x onerror=y>')).html,
      /<(script|img)/,
    ),
    renders(
      'mail-header',
      'put a header into a mail',
      () => asMail(notice('a\r\nBcc: eve@example.org')).subject,
      /[\r\n]/,
    ),
    renders('bidi', 'turn text around', () => asMail(notice('abc\u202Etxt.exe\u200B')).text, /[\u202E\u200B]/),
    renders(
      'ansi',
      'colour a terminal',
      () => asMail(notice('\u001b[31mred\u001b]0;title\u0007')).text,
      /[\u001b\u0007]/,
    ),
  ],
  control: {
    does: 'plain text comes through',
    expected: 'Pay 40 EUR & go',
    run: async () => /Pay 40 EUR & go/.exec(asMail(notice('Pay 40 EUR & go')).text)?.[0] ?? 'lost',
  },
});

export const webhooks = [channels, requests, markup];
