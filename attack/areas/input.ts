/** What is sent: JSON that two readers would understand in two ways, ids that look like others, paths that climb. */
import { asks, type Attempt, family, tries } from '../attempt';
import { speak } from '../http';
import type { World } from '../world';

const INVALID = '400 invalid-request';
const NO_JSON = '400 invalid-json';

const body = (id: string, what: string, expected: string | readonly string[], text: string): Attempt<void> =>
  asks<void>(id, `post a task with ${what}`, expected, () => ['/v1/tasks', { as: 'crm', text }]);
const task = (id: string, what: string, json: object, expected: string | readonly string[] = INVALID): Attempt<void> =>
  asks<void>(id, `post a task with ${what}`, expected, () => [
    '/v1/tasks',
    { as: 'crm', json: { task_type: 'attack.nobody', ...json } },
  ]);
const path = (id: string, what: string, to: string, expected: string | readonly string[], as = 'crm'): Attempt<void> =>
  asks<void>(id, what, expected, () => [to, { as }]);

const LOOK_ALIKES: readonly (readonly [string, string])[] = [
  ['a Cyrillic letter', 'h\u0435ld'],
  ['full-width letters', '\uFF48\uFF45\uFF4C\uFF44'],
  ['a combining accent', 'he\u0301ld'],
  ['a zero-width space', 'he\u200Bld'],
  ['right to left', '\u202Edleh'],
  ['a line break', 'held\n'],
  ['a header', 'held\r\nSet-Cookie: x'],
  ['a slash', 'held/../x'],
  ['a backslash', 'held\\x'],
  ['a percent sign', 'held%2f'],
  ['what a database of documents takes for its own', 'held#x?y'],
  ['a quote', "held'--"],
  ['a dollar', '$where'],
  ['two dots', '..'],
  ['NUL', 'held\u0000'],
];

const json = family<void>('input', 'json', {
  prepare: () => undefined,
  attempts: [
    body('doubled', 'a name twice', [INVALID, NO_JSON], '{"task_type":"attack.nobody","task_type":"attack.other"}'),
    body('proto', '__proto__', INVALID, '{"task_type":"attack.nobody","__proto__":{"level":"critical"}}'),
    body(
      'proto-payload',
      '__proto__ in its payload',
      INVALID,
      '{"task_type":"attack.nobody","payload":{"a":{"__proto__":{"level":"critical"}}}}',
    ),
    body(
      'proto-escaped',
      '__proto__, escaped',
      INVALID,
      '{"task_type":"attack.nobody","payload":{"\\u005f_proto__":1}}',
    ),
    body('case', 'a name in other letters', INVALID, '{"Task_Type":"attack.nobody"}'),
    body('tenant-case', 'a tenant in capitals', INVALID, '{"task_type":"attack.nobody","Tenant":"beta"}'),
    body('infinite', 'a number that has no end', INVALID, '{"task_type":"attack.nobody","payload":1e400}'),
    body(
      'rounded',
      'a number that would be rounded',
      INVALID,
      '{"task_type":"attack.nobody","payload":9007199254740993}',
    ),
    body('nan', 'what is no number', NO_JSON, '{"task_type":"attack.nobody","priority":NaN}'),
    body('half', 'half a character', INVALID, '{"task_type":"attack.nobody","payload":"\\ud800"}'),
    body('mark', 'a byte-order mark', NO_JSON, '\uFEFF{"task_type":"attack.nobody"}'),
    body('two', 'two values', NO_JSON, '{"task_type":"attack.nobody"}{"task_type":"attack.nobody"}'),
    body('comment', 'a comment', NO_JSON, '{"task_type":"attack.nobody"/**/}'),
    body(
      'deep',
      'a hundred thousand levels',
      INVALID,
      `{"task_type":"x","payload":${'[{"a":'.repeat(50_000)}1${'}]'.repeat(50_000)}}`,
    ),
    body('brackets', 'half a million brackets', NO_JSON, '['.repeat(500_000)),
    body(
      'large',
      'thirty million characters',
      '413 payload-too-large',
      `{"task_type":"x","payload":"${'x'.repeat(30_000_000)}"}`,
    ),
    task('constructor', 'a field that every object has', { constructor: { prototype: { level: 'critical' } } }),
    task('requester', 'a field that only the colony sets', { requester: 'human:owner' }),
    task('status', 'a status of its own', { status: 'completed' }),
    task('object-id', 'an id that is an object', { id: { toString: 'x' } }),
    task('priority', 'more than all priority', { priority: 1.000001 }),
    ...LOOK_ALIKES.map(([what, id], n) => task(`id-${n}`, `an id with ${what}`, { id })),
    asks<void>('form', 'post a task as a form', '415 unsupported-media-type', () => [
      '/v1/tasks',
      { as: 'crm', text: 'task_type=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ]),
    asks<void>('origin', 'post a task from a page of another site', '403 cross-origin', () => [
      '/v1/tasks',
      { as: 'crm', json: { task_type: 'x' }, headers: { origin: 'https://evil.example' } },
    ]),
    asks<void>('null-origin', 'post a task from a page of no site', '403 cross-origin', () => [
      '/v1/tasks',
      { as: 'crm', json: { task_type: 'x' }, headers: { origin: 'null' } },
    ]),
    tries<void>('polluted', 'have all objects say that they are critical', 'none does', async (world) => {
      const { level } = await world.done('/v1/me', { as: 'watcher' });
      return level === 'read_only' && ({} as Record<string, unknown>)['level'] === undefined ? 'none does' : `${level}`;
    }),
  ],
  control: {
    does: 'a task with a plain id and a payload is posted',
    expected: '201',
    run: (world) =>
      world.says('/v1/tasks', {
        as: 'crm',
        json: { id: world.fresh('plain'), task_type: 'attack.nobody', payload: { a: { b: 'ü' } } },
      }),
  },
});

const speaks = (
  id: string,
  what: string,
  expected: string | readonly string[],
  make: (world: World) => readonly [lines: readonly string[], rest?: string],
): Attempt<void> => tries<void>(id, what, expected, (world) => speak(world.host.url, ...make(world)));
const POST_LINE = 'POST /v1/tasks HTTP/1.1';
const JSON_TYPE = 'Content-Type: application/json';
const bearer = (world: World, as = 'crm') => `Authorization: Bearer ${world.tokenOf(as)}`;
const TASK = '{"task_type":"attack.nobody"}';

const http = family<void>('input', 'http', {
  prepare: () => undefined,
  attempts: [
    speaks('smuggled', 'smuggle a request behind a length and chunks', '400', (world) => [
      [POST_LINE, bearer(world, 'viewer'), JSON_TYPE, 'Content-Length: 6', 'Transfer-Encoding: chunked'],
      `0\r\n\r\n${POST_LINE}\r\nHost: 127.0.0.1\r\n${bearer(world)}\r\n\r\n`,
    ]),
    speaks('smuggled-space', 'smuggle one behind a header with a blank', '400', (world) => [
      [POST_LINE, bearer(world), JSON_TYPE, 'Transfer-Encoding : chunked'],
      '0\r\n\r\n',
    ]),
    speaks('lengths', 'give two lengths', '400', (world) => [
      [POST_LINE, bearer(world), JSON_TYPE, 'Content-Length: 29', 'Content-Length: 2'],
      TASK,
    ]),
    speaks('length-sign', 'give a length with a sign', '400', (world) => [
      [POST_LINE, bearer(world), JSON_TYPE, 'Content-Length: +29'],
      TASK,
    ]),
    speaks('tokens', 'show two tokens', ['400', '401'], (world) => [
      [POST_LINE, bearer(world, 'viewer'), bearer(world), JSON_TYPE, `Content-Length: ${TASK.length}`],
      TASK,
    ]),
    speaks('folded', 'fold a header over two lines', '400', (world) => [
      [POST_LINE, bearer(world), 'X-A: b\r\n c', JSON_TYPE, `Content-Length: ${TASK.length}`],
      TASK,
    ]),
    speaks('nul', 'put NUL into a header', '400', (world) => [
      [POST_LINE, bearer(world), 'X-A: b\0c', JSON_TYPE, `Content-Length: ${TASK.length}`],
      TASK,
    ]),
    speaks('hosts', 'name two hosts', '400', (world) => [
      ['GET /v1/tasks HTTP/1.1', 'Host: evil.example', bearer(world)],
    ]),
    asks<void>('override', 'post by another method, named in a header', '405 method-not-allowed', () => [
      '/v1/tasks',
      { as: 'crm', method: 'PUT', json: { task_type: 'x' }, headers: { 'x-http-method-override': 'POST' } },
    ]),
    path('climb', 'climb out of the API', '/v1/tasks/..%2f..%2f..%2fetc%2fpasswd', [INVALID, '404 not-found']),
    path('climb-encoded', 'climb by a path that is encoded twice', '/v1/tasks/%252e%252e%252fagents', [
      INVALID,
      '404 not-found',
    ]),
    path('backslash', 'climb by backslashes', '/v1/tasks/..%5c..%5cagents', [INVALID, '404 not-found']),
    path('nul-path', 'end a path by NUL', '/v1/tasks/x%00.json', [INVALID, '404 not-found']),
    path('files', 'read a file beside the host', '/host.json', '404 not-found'),
    path('secret', 'read the secret of the host', '/formicary.secret', '404 not-found'),
    path('admin', 'call the administration of the Functions host', '/admin/host/status', '404 not-found'),
    path('runtime', 'call the webhooks of the Functions runtime', '/runtime/webhooks/durabletask/instances', [
      '403 forbidden',
      '404 not-found',
    ]),
    path('filter-key', 'filter by an operator', '/v1/tasks?status[$ne]=open', INVALID),
    path('filter-sql', 'filter by SQL', "/v1/tasks?agent=x'%20OR%20'1'='1", INVALID),
    path('filter-proto', 'filter by what every object has', '/v1/tasks?__proto__=1', INVALID),
    path('filter-twice', 'give a filter twice', '/v1/tasks?agent=ant&agent=bee', INVALID),
    path('limit', 'ask for a billion', '/v1/tasks?limit=1000000000', INVALID),
    path('order', 'order by a field of its own', '/v1/tasks?sort=payload', INVALID),
    path('continuation', 'go on from where nobody was', '/v1/tasks?continuation=eyJhIjoxfQ', INVALID),
    path(
      'as-of',
      'read a task before there was any',
      '/v1/tasks/alphas-secret-task?asOf=1970-01-01T00:00:00Z',
      '404 not-found',
    ),
    path('view', 'rebuild a view that every object has', '/v1/views/__proto__/rebuild', [
      '404 not-found',
      '405 method-not-allowed',
    ]),
  ],
  control: {
    does: 'the same bytes with one length and one token post a task',
    expected: '201',
    run: (world) =>
      speak(world.host.url, [POST_LINE, bearer(world), JSON_TYPE, `Content-Length: ${TASK.length}`], TASK),
  },
});

export const input = [json, http];
