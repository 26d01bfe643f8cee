/** What others wrote, where people and programs read it: the log of the host, pages, tables, exports, the metrics. */
import { jsonLine } from '../../cli/terminal';
import { visible } from '../../domain/kernel/text';
import { asks, type Attempt, family, tries } from '../attempt';
import type { World } from '../world';

const EVIL = 'a\r\n{"level":60,"msg":"human:owner approved"}\u2028b\u001b[31m\u202E","level":"critical';

interface Scene {
  readonly task: string;
  readonly approval: string;
}

async function scene(world: World): Promise<Scene> {
  const task = world.fresh('evil');
  await world.done('/v1/tasks', { as: 'crm', json: { id: task, task_type: 'attack.nobody', payload: { text: EVIL } } });
  const { action } = await world.done('/v1/actions', {
    as: 'ant',
    json: {
      ...{ id: world.fresh('evil'), kind: 'attack.evil', confidence: 1, impact: 'high', risk: 0 },
      action: { text: `<script>alert(1)</script><img src="${world.canary.url}/pixel">${EVIL}` },
      why: `</dd><script>alert(2)</script> ![x](${world.canary.url}/image) ${EVIL}`,
    },
  });
  return { task, approval: /\/approval\/(.+)@/.exec(action.held.ref as string)?.[1] as string };
}

/** Everything the host has printed holds together: each line is one object, and none of them shows what is secret. */
function logOf({ host }: World): string {
  const lines = host
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  const broken = lines.find((line) => {
    try {
      return typeof JSON.parse(line) !== 'object';
    } catch {
      return true;
    }
  });
  if (broken !== undefined) return `a line that is none: ${broken.slice(0, 100)}`;
  const forged = lines.find(
    (line) => (JSON.parse(line) as { msg?: string }).msg?.includes('human:owner approved') === true,
  );
  return forged === undefined && lines.length > 0 ? 'whole lines' : `${forged ?? 'nothing is logged'}`;
}

const SECRETS = ['whsec_', 'eyJhbGciOi', 'PRIVATE KEY'];
const asksEvil = (id: string, what: string, path: string, headers: Record<string, string> = {}): Attempt<Scene> =>
  tries<Scene>(id, `put a line into the log by ${what}`, 'whole lines', async (world) => {
    await world.ask(path, { as: 'crm', headers });
    return logOf(world);
  });

const lines = family<Scene>('logs', 'lines', {
  prepare: scene,
  attempts: [
    asksEvil('path', 'a path', `/v1/tasks/${encodeURIComponent(EVIL)}`),
    asksEvil('query', 'a query', `/v1/why?of=${encodeURIComponent(EVIL)}`),
    asksEvil('agent', 'the name of a program', '/v1/tasks', { 'user-agent': '","msg":"human:owner approved","x":"' }),
    asksEvil('trace', 'a trace', '/v1/tasks', { traceparent: '00-","msg":"human:owner approved' }),
    asksEvil('key', 'a key', '/v1/tasks', { 'idempotency-key': '","msg":"human:owner approved' }),
    asksEvil('forwarded', 'the address of a proxy', '/v1/tasks', {
      'x-forwarded-for': '127.0.0.1","msg":"human:owner approved',
    }),
    tries<Scene>('token', 'find a token or a secret in the log', 'none', async (world) => {
      await world.ask('/v1/tasks', { token: `${world.tokenOf('crm')}x` });
      const text = world.host.output();
      return SECRETS.find((secret) => text.includes(secret)) ?? 'none';
    }),
    tries<Scene>('error', 'have an error repeat a token', 'none', async (world) => {
      const { text } = await world.ask('/v1/tasks', { token: `${world.tokenOf('crm')}x` });
      return text.includes(world.tokenOf('crm').slice(0, 40)) ? text : 'none';
    }),
    tries<Scene>('stack', 'have an error tell how the host is made', 'none', async (world) => {
      const answers = await Promise.all([
        world.ask('/v1/tasks', { as: 'crm', text: '{' }),
        world.ask('/v1/tasks/%E0%A4%A', { as: 'crm' }),
        world.ask('/v1/nothing', { as: 'crm' }),
        world.ask('/oauth/token', { text: 'x' }),
      ]);
      const told = answers.find(({ text }) =>
        /\n\s+at |node_modules|\.[cm]?[jt]s:\d|sqlite|\/(tmp|home|work|usr)\//i.test(text),
      );
      return told?.text ?? 'none';
    }),
  ],
  control: {
    does: 'what is asked for stands in the log, by its route',
    expected: 'listTasks',
    run: async (world) => {
      await world.done('/v1/tasks', { as: 'crm' });
      return await world.eventually(async () => /"route":"(listTasks)"/.exec(world.host.output())?.[1]);
    },
  },
});

const pages = family<Scene>('logs', 'pages', {
  prepare: scene,
  attempts: [
    tries<Scene>('page', 'have the page of an approval run a script', 'text', async (world, { approval }) => {
      const { text, headers } = await world.ask(`/v1/approvals/${approval}`, {
        as: 'approver',
        headers: { accept: 'text/html' },
      });
      if (!(headers['content-type'] ?? '').startsWith('text/html')) return 'no page';
      return /<(script|img|iframe|a) /i.test(text) || text.includes('<script>') ? text.slice(0, 200) : 'text';
    }),
    tries<Scene>(
      'page-policy',
      'have that page fetch what it names',
      "default-src 'none'",
      async (world, { approval }) => {
        const { headers } = await world.ask(`/v1/approvals/${approval}`, {
          as: 'approver',
          headers: { accept: 'text/html' },
        });
        return /default-src 'none'/.exec(headers['content-security-policy'] ?? '')?.[0] ?? 'no policy';
      },
    ),
    tries<Scene>('sniffed', 'have a payload taken for a page', 'nosniff', async (world, { task }) => {
      const { headers } = await world.ask(`/v1/tasks/${task}`, { as: 'crm', headers: { accept: 'text/html' } });
      return headers['x-content-type-options'] ?? 'sniffed';
    }),
    tries<Scene>('lines', 'break a line of an export', 'one line', async (world, { task }) => {
      const { body } = await world.ask(`/v1/streams/task/${task}`, { as: 'auditor' });
      const [line] = body.value as object[];
      return JSON.stringify(line).includes('\n') ? 'two lines' : 'one line';
    }),
    tries<Scene>('json-terminal', 'act on the terminal of who reads it as JSON', 'seen, not done', () =>
      /[\u001b\u202E\u2028\r]/.test(jsonLine({ text: EVIL })) ? 'it acts' : 'seen, not done',
    ),
    tries<Scene>('text-terminal', 'act on the terminal of who reads it as text', 'seen, not done', () =>
      /[\u001b\u202E\u2028\r]/.test(visible(EVIL)) ? 'it acts' : 'seen, not done',
    ),
    tries<Scene>('metrics', 'put a line into the metrics', 'whole lines', async (world) => {
      await world.ask('/v1/agents/x', { as: 'crm', method: 'PUT', json: { agent_type: 'x"} 1\nformicary_forged 1' } });
      const { text } = await world.ask('/metrics', { as: 'pia' });
      return text.includes('formicary_forged') ? 'a line more' : 'whole lines';
    }),
    asks<Scene>('event-stream', 'put an event into a stream of receipts', '400 invalid-request', () => [
      '/v1/receipts/stream?after=0%0Aevent:%20forged',
      { as: 'auditor' },
    ]),
    tries<Scene>('fetched', 'have anybody fetch what a text names', 'nobody was led there', (world) =>
      world.canary.seen.some((seen) => /pixel|image/.test(seen)) ? world.canary.seen.join() : 'nobody was led there',
    ),
  ],
  control: {
    does: 'the page of the approval shows what it is about',
    expected: '200 shown',
    run: async (world, { approval }) => {
      const { status, text } = await world.ask(`/v1/approvals/${approval}`, {
        as: 'approver',
        headers: { accept: 'text/html' },
      });
      return `${status} ${text.includes('alert(1)') ? 'shown' : 'not shown'}`;
    },
  },
});

export const logs = [lines, pages];
