/**
 * What a hostile caller may send, one row a request. Each is refused with a problem document that says so and gives
 * nothing away, and none leaves anything in the log.
 */
import net from 'node:net';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { call, type Reply, settled, speak } from './support';

// ----------------------------------------------------------------------------------------------------- the requests

interface Request {
  readonly method?: string;
  /** The path and query as they are sent. */
  readonly to: string;
  /** `a` when left out. */
  readonly tenant?: string;
  /** The principal; `developer`, who may do everything, when left out. */
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is, as `application/json` unless the headers say otherwise. */
  readonly body?: string | Buffer;
  /** Sent as JSON. */
  readonly json?: unknown;
}

/** Bytes as they are, in Latin-1; `HOST` stands for the header that names the host. */
type Bytes = string | Buffer;

/** What it is, what is sent, the status and the type of the problem that must come back. */
type Row = readonly [name: string, sent: Request | Bytes, status: number, type: string];

const GET = (to: string, more: Partial<Request> = {}): Request => ({ to, ...more });
const POST = (to: string, json: unknown, more: Partial<Request> = {}): Request => ({
  method: 'POST',
  to,
  json,
  ...more,
});
const PUT = (to: string, json: unknown, more: Partial<Request> = {}): Request => ({ method: 'PUT', to, json, ...more });
/** A task with something wrong. */
const task = (wrong: Record<string, unknown>): Request => POST('/v1/tasks', { task_type: 'nobody_does', ...wrong });
/** A task whose body is this text. */
const text = (body: string | Buffer, headers?: Record<string, string>): Request => ({
  method: 'POST',
  to: '/v1/tasks',
  body,
  headers,
});
/** Raw: a request line, headers and what follows. */
const raw = (first: string, headers: readonly string[], rest: Bytes = ''): Buffer =>
  Buffer.concat([
    Buffer.from([first, 'HOST', 'Connection: close', ...headers, '', ''].join('\r\n'), 'latin1'),
    Buffer.from(rest as string, 'latin1'),
  ]);
const POST_LINE = 'POST /v1/tasks HTTP/1.1';
const JSON_TYPE = 'Content-Type: application/json';

const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));
const TOOL = { tool_name: 'Hammer', description: 'Hits', schema: {}, version: '1.1.0' };
const SIGNAL = { type: 'resource_needed', strength: 0.5, location: 'dock/1' };
const CLAIM = { agent: 'worker', award: 1 };

const INVALID = 'invalid-request';

/** As the store on Cosmos DB names a place, of a container that is not there. */
const ELSEWHERE = Buffer.from(
  JSON.stringify({
    token: JSON.stringify({
      rid: 'AAAAAA==',
      Continuation: [{ minInclusive: '', maxExclusive: 'FF', continuationToken: '"4"' }],
    }),
    seen: {},
  }),
).toString('base64url');

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  'bodies that are no JSON': [
    ['nothing', text(''), 400, 'invalid-json'],
    ['cut short', text('{"task_type":"x"'), 400, 'invalid-json'],
    ['more after the end', text('{"task_type":"x"}}'), 400, 'invalid-json'],
    ['two values', text('{"task_type":"x"}{"task_type":"y"}'), 400, 'invalid-json'],
    ['single quotes', text("{'task_type':'x'}"), 400, 'invalid-json'],
    ['a comment', text('{"task_type":"x"/**/}'), 400, 'invalid-json'],
    ['a trailing comma', text('{"task_type":"x",}'), 400, 'invalid-json'],
    ['NaN', text('{"task_type":"x","priority":NaN}'), 400, 'invalid-json'],
    ['Infinity', text('{"task_type":"x","priority":Infinity}'), 400, 'invalid-json'],
    ['a hexadecimal number', text('{"task_type":"x","priority":0x1}'), 400, 'invalid-json'],
    ['a number with leading zeros', text('{"task_type":"x","priority":00}'), 400, 'invalid-json'],
    ['a byte order mark', text(Buffer.from('\uFEFF{"task_type":"x"}')), 400, 'invalid-json'],
    ['UTF-16', text(Buffer.from('{"task_type":"x"}', 'utf16le')), 400, 'invalid-json'],
    ['a byte that UTF-8 never has', text(Buffer.from('{"task_type":"\xFF"}', 'latin1')), 400, 'invalid-json'],
    ['an overlong slash', text(Buffer.from('{"task_type":"\xC0\xAF"}', 'latin1')), 400, 'invalid-json'],
    [
      'half a surrogate pair, in UTF-8',
      text(Buffer.from('{"task_type":"\xED\xA0\x80"}', 'latin1')),
      400,
      'invalid-json',
    ],
    [
      'a character cut in two',
      text(Buffer.from('{"task_type":"x","payload":"\xF0\x9F"}', 'latin1')),
      400,
      'invalid-json',
    ],
    ['a raw control character', text('{"task_type":"x","payload":"\u0001"}'), 400, 'invalid-json'],
    [
      'compressed',
      text(Buffer.from('1f8b0800000000000003', 'hex'), { 'Content-Encoding': 'gzip' }),
      400,
      'invalid-json',
    ],
    ['brackets without end', text('['.repeat(500_000)), 400, 'invalid-json'],
  ],
  'media types': [
    ['none', raw(POST_LINE, ['Content-Length: 17'], '{"task_type":"x"}'), 415, 'unsupported-media-type'],
    ['text', text('{"task_type":"x"}', { 'Content-Type': 'text/plain' }), 415, 'unsupported-media-type'],
    [
      'a form',
      text('task_type=x', { 'Content-Type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported-media-type',
    ],
    ['parts', text('--x--', { 'Content-Type': 'multipart/form-data; boundary=x' }), 415, 'unsupported-media-type'],
    [
      'another character set',
      text('{"task_type":"x"}', { 'Content-Type': 'application/json; charset=utf-16' }),
      415,
      'unsupported-media-type',
    ],
    [
      'a longer name',
      text('{"task_type":"x"}', { 'Content-Type': 'application/jsonp' }),
      415,
      'unsupported-media-type',
    ],
    [
      'two at once',
      text('{"task_type":"x"}', { 'Content-Type': 'text/plain, application/json' }),
      415,
      'unsupported-media-type',
    ],
  ],
  'values of the wrong kind': [
    ['a list for a task', POST('/v1/tasks', []), 400, INVALID],
    ['null for a task', POST('/v1/tasks', null), 400, INVALID],
    ['a string for a task', POST('/v1/tasks', 'task'), 400, INVALID],
    ['a number for a task', POST('/v1/tasks', 7), 400, INVALID],
    ['nothing in it', POST('/v1/tasks', {}), 400, INVALID],
    ['a number as text', task({ priority: '0.5' }), 400, INVALID],
    ['null for a number', task({ priority: null }), 400, INVALID],
    ['true for a number', task({ priority: true }), 400, INVALID],
    ['a list for a number', task({ priority: [0.5] }), 400, INVALID],
    ['an object for an id', task({ id: { toString: 'x' } }), 400, INVALID],
    ['a number for an id', task({ id: 42 }), 400, INVALID],
    ['a text for a list', task({ requires: 'clerk' }), 400, INVALID],
    ['a list in a list', task({ requires: [[{ capability: 'clerk' }]] }), 400, INVALID],
    ['text for a truth', POST('/v1/tasks/held/fail', { ...CLAIM, reason: 'x', retryable: 'false' }), 400, INVALID],
    ['a field nobody knows', task({ surprise: 1 }), 400, INVALID],
    ['a field nobody knows, deeper', task({ requires: [{ capability: 'clerk', surprise: 1 }] }), 400, INVALID],
    ['a field in another case', POST('/v1/tasks', { Task_Type: 'x' }), 400, INVALID],
    ['a field that the server sets', task({ requester: 'somebody' }), 400, INVALID],
    ['a field nobody knows, of a long name', task({ ['x'.repeat(500_000)]: 1 }), 400, INVALID],
    ['NUL under a long name', task({ payload: { ['x'.repeat(500_000)]: '\0' } }), 400, INVALID],
    [
      'a capability of a long name',
      POST('/v1/agents', { agent_type: 'clerk', id: 'new', capabilities: { ['x'.repeat(500_000)]: 1 } }),
      400,
      INVALID,
    ],
    [
      'an override of a long name',
      PUT('/v1/agents/repository/acme.other', {
        based_on: 'finance.reconciliation',
        overrides: { ['x'.repeat(500_000)]: 1 },
      }),
      400,
      INVALID,
    ],
    ['a thousand fields nobody knows', task(Object.fromEntries(many(1_000, (i) => [`x${i}`, i]))), 400, INVALID],
    ['a body where there is only a query', POST('/v1/views/tasks/rebuild', { now: true }), 400, INVALID],
  ],
  'numbers out of bounds': [
    ['a negative priority', task({ priority: -0.001 }), 400, INVALID],
    ['a priority above 1', task({ priority: 1.000001 }), 400, INVALID],
    ['the largest number', task({ priority: Number.MAX_VALUE }), 400, INVALID],
    ['larger than the largest number', text('{"task_type":"x","payload":1e400}'), 400, INVALID],
    ['a number of a million digits', text(`{"task_type":"x","priority":${'9'.repeat(900_000)}}`), 400, INVALID],
    ['no attempts', task({ max_attempts: 0 }), 400, INVALID],
    ['half an attempt', task({ max_attempts: 1.5 }), 400, INVALID],
    ['2^53 attempts', task({ max_attempts: 2 ** 53 }), 400, INVALID],
    ['a negative lease', task({ lease_seconds: -1 }), 400, INVALID],
    ['a lease of a thousand years', task({ lease_seconds: 3.2e10 }), 400, INVALID],
    ['an effort of nothing', task({ effort: 0 }), 400, INVALID],
    ['no capacity', POST('/v1/agents', { agent_type: 'clerk', id: 'new', capacity: 0 }), 400, INVALID],
    ['a capacity of a billion', POST('/v1/agents', { agent_type: 'clerk', id: 'new', capacity: 1e9 }), 400, INVALID],
    [
      'a level above 1',
      POST('/v1/agents', { agent_type: 'clerk', id: 'new', capabilities: { clerk: 2 } }),
      400,
      INVALID,
    ],
    [
      'a presence of no time',
      POST('/v1/agents', { agent_type: 'clerk', id: 'new', limits: { presence_seconds: 0 } }),
      400,
      INVALID,
    ],
    ['more than all of it done', POST('/v1/tasks/held/progress', { ...CLAIM, fraction: 1.5 }), 400, INVALID],
    ['a strength above 1', POST('/v1/signals', { ...SIGNAL, strength: 1.1 }), 400, INVALID],
    ['a negative strength', POST('/v1/signals', { ...SIGNAL, strength: -1 }), 400, INVALID],
    ['a decay above 1', POST('/v1/signals', { ...SIGNAL, decay_rate: 1.5 }), 400, INVALID],
    ['a wait of an hour', GET('/v1/agents/worker/inbox?waitSeconds=3600'), 400, INVALID],
  ],
  'too much': [
    ['a body above the limit', task({ payload: 'x'.repeat(1_000_000) }), 413, 'payload-too-large'],
    ['a body above every limit', task({ payload: 'x'.repeat(9_000_000) }), 413, 'payload-too-large'],
    [
      'a length above every limit, and no body',
      raw(POST_LINE, [JSON_TYPE, 'Content-Length: 9000000000000']),
      413,
      'payload-too-large',
    ],
    [
      'chunks above every limit',
      raw(
        POST_LINE,
        [JSON_TYPE, 'Transfer-Encoding: chunked'],
        `${many(95, () => `186A0\r\n${'x'.repeat(100_000)}\r\n`).join('')}0\r\n\r\n`,
      ),
      413,
      'payload-too-large',
    ],
    [
      'a batch above its limit',
      POST('/v1/tasks/batch', { tasks: [{ task_type: 'x', payload: 'x'.repeat(4_000_000) }] }),
      413,
      'payload-too-large',
    ],
    ['501 tasks', POST('/v1/tasks/batch', { tasks: many(501, () => ({ task_type: 'x' })) }), 400, INVALID],
    [
      '10,000 tasks',
      POST('/v1/tasks/batch', { tasks: many(10_000, (i) => ({ task_type: 'x', id: `t${i}` })) }),
      400,
      INVALID,
    ],
    ['no tasks', POST('/v1/tasks/batch', { tasks: [] }), 400, INVALID],
    [
      'one bad task among good ones',
      POST('/v1/tasks/batch', { tasks: [{ task_type: 'x' }, { task_type: 'x', priority: 2 }] }),
      400,
      INVALID,
    ],
    ['10,000 signals', POST('/v1/signals', { signals: many(10_000, () => SIGNAL) }), 400, INVALID],
    ['17 requirements', task({ requires: many(17, (i) => ({ capability: `c${i}` })) }), 400, INVALID],
    ['no requirements', task({ requires: [] }), 400, INVALID],
    [
      '65 capabilities',
      POST('/v1/agents', { agent_type: 'clerk', id: 'new', capabilities: many(65, (i) => `c${i}`) }),
      400,
      INVALID,
    ],
    [
      '1,001 claims',
      POST('/v1/agents/worker/heartbeat', { holding: many(1_001, () => ({ task: 'held', award: 1 })) }),
      400,
      INVALID,
    ],
    ['a note too long', POST('/v1/tasks/bidding/bids', { agent: 'worker', note: 'x'.repeat(2_001) }), 400, INVALID],
    ['65 levels', task({ payload: JSON.parse(`${'['.repeat(65)}${']'.repeat(65)}`) as unknown }), 400, INVALID],
    [
      '100,000 levels',
      text(`{"task_type":"x","payload":${'[{"a":'.repeat(50_000)}1${'}]'.repeat(50_000)}}`),
      400,
      INVALID,
    ],
    [
      'a tool larger than a receipt',
      PUT('/v1/tools/huge', { ...TOOL, schema: { a: 'x'.repeat(300_000) } }),
      422,
      'too-large',
    ],
    ['code larger than its limit', PUT('/v1/tools/huge', { ...TOOL, code: 'x'.repeat(200_000) }), 422, 'tool-invalid'],
    [
      'headers above the limit',
      raw('GET /v1/tasks HTTP/1.1', [`X-Padding: ${'x'.repeat(100_000)}`]),
      431,
      'headers-too-large',
    ],
    ['a path above the limit', raw(`GET /v1/tasks/${'x'.repeat(100_000)} HTTP/1.1`, []), 431, 'headers-too-large'],
    ['a long path', GET(`/v1/tasks/${'x'.repeat(8_000)}`), 400, INVALID],
    ['a path of many parts', GET(`/v1${'/x'.repeat(3_000)}`), 404, 'not-found'],
    [
      'the extension of a chunk',
      raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: chunked'], `2;${'x'.repeat(50_000)}\r\n{}\r\n0\r\n\r\n`),
      413,
      'payload-too-large',
    ],
  ],
  'names that JavaScript knows': [
    ['__proto__ as a field', text('{"task_type":"x","__proto__":{"priority":1}}'), 400, INVALID],
    ['__proto__ in a payload', text('{"task_type":"x","payload":{"a":{"__proto__":{"polluted":true}}}}'), 400, INVALID],
    ['__proto__, escaped', text('{"task_type":"x","payload":{"\\u005f_proto__":1}}'), 400, INVALID],
    ['constructor as a field', task({ constructor: { prototype: { polluted: true } } }), 400, INVALID],
    [
      '__proto__ as a capability',
      { method: 'POST', to: '/v1/agents', body: '{"agent_type":"clerk","id":"new","capabilities":{"__proto__":1}}' },
      400,
      INVALID,
    ],
    ['__proto__ as a parameter', GET('/v1/tasks?__proto__=1'), 400, INVALID],
    ['constructor as a parameter', GET('/v1/tasks?constructor=1'), 400, INVALID],
    ['__proto__ as an id', GET('/v1/tasks/__proto__'), 400, INVALID],
    ['constructor as an id', GET('/v1/tasks/constructor'), 404, 'not-found'],
    ['toString as an agent', GET('/v1/agents/toString'), 404, 'not-found'],
    ['constructor as a route', GET('/v1/constructor'), 404, 'not-found'],
    ['__proto__ as a view', POST('/v1/views/__proto__/rebuild', {}), 404, 'not-found'],
    [
      'constructor as an override',
      PUT('/v1/agents/repository/acme.other', { based_on: 'finance.reconciliation', overrides: { constructor: 1 } }),
      422,
      'agent-type-invalid',
    ],
  ],
  'text that should not be stored': [
    ['NUL in a payload', task({ payload: 'a\0b' }), 400, INVALID],
    ['NUL in the name of a field', task({ payload: { 'a\0b': 1 } }), 400, INVALID],
    ['half a surrogate pair in a payload', text('{"task_type":"x","payload":"\\ud800"}'), 400, INVALID],
    ['half a surrogate pair in a name', text('{"task_type":"x","payload":{"\\udfff":1}}'), 400, INVALID],
    ['NUL in a query', GET('/v1/why?id=a%00b'), 400, INVALID],
    ['a line break in an id', task({ id: 'a\nb' }), 400, INVALID],
    ['a line break after an id', task({ id: 'a\n' }), 400, INVALID],
    ['a header in an id', POST('/v1/agents', { agent_type: 'clerk', id: 'new\r\nSet-Cookie: x' }), 400, INVALID],
    ['nothing as a reason', POST('/v1/tasks/open/cancel', { reason: '' }), 400, INVALID],
    ['blanks as a name', PUT('/v1/tools/blank', { ...TOOL, tool_name: ' \t ' }), 422, 'tool-invalid'],
  ],
  'ids that look like others': [
    ...[
      ['a Cyrillic letter', 'h\u0435ld'],
      ['full-width letters', '\uFF48\uFF45\uFF4C\uFF44'],
      ['a combining accent', 'he\u0301ld'],
      ['an accent', 'h\u00E9ld'],
      ['a zero-width space', 'he\u200Bld'],
      ['a zero-width joiner', 'he\u200Dld'],
      ['right to left', '\u202Edleh'],
      ['an emoji', '\u{1F41C}'],
      ['a soft hyphen', 'he\u00ADld'],
      ['a Kelvin sign', '\u212A'],
      ['a no-break space after it', 'held\u00A0'],
      ['a space before it', ' held'],
    ].flatMap(([name, id]): Row[] => [
      [`${name}, in a path`, GET(`/v1/tasks/${encodeURIComponent(id as string)}`), 400, INVALID],
      [`${name}, in a body`, task({ id }), 400, INVALID],
    ]),
    ['nothing', task({ id: '' }), 400, INVALID],
    ['two dots', task({ id: '..' }), 400, INVALID],
    ['two dots within', task({ id: 'a..b' }), 400, INVALID],
    ['a dot at the end', task({ id: 'held.' }), 400, INVALID],
    ['a slash', task({ id: 'a/b' }), 400, INVALID],
    ['a backslash', task({ id: 'a\\b' }), 400, INVALID],
    ['what Cosmos DB refuses', task({ id: 'a#b?c' }), 400, INVALID],
    ['a percent sign', task({ id: 'a%2fb' }), 400, INVALID],
    ['129 characters', task({ id: 'x'.repeat(129) }), 400, INVALID],
    ['a quote for SQL', GET("/v1/tasks/x'--"), 400, INVALID],
    ['SQL in a filter', GET("/v1/tasks?agent=x'%20OR%20'1'='1"), 400, INVALID],
    ['the name of a route', POST('/v1/agents', { agent_type: 'clerk', id: 'repository' }), 400, INVALID],
    ['an id in another case', GET('/v1/tasks/HELD'), 404, 'not-found'],
  ],
  paths: [
    ['two slashes before', GET('//v1/tasks'), 404, 'not-found'],
    ['two slashes within', GET('/v1//tasks'), 404, 'not-found'],
    ['two slashes after', GET('/v1/tasks//'), 404, 'not-found'],
    ['dots before', GET('/../v1/tasks?x=1'), 400, INVALID],
    ['dots within lead where they say', GET('/v1/tasks/../agents/nobody'), 404, 'not-found'],
    ['dots after', GET('/v1/tasks/..'), 404, 'not-found'],
    ['one dot', GET('/v1/./tasks/nobody'), 404, 'not-found'],
    ['encoded dots', GET('/v1/tasks/%2e%2e/agents/nobody'), 404, 'not-found'],
    ['an encoded slash and dots', GET('/v1/tasks/..%2f..'), 400, INVALID],
    ['an encoded slash', GET('/v1/tasks/a%2Fb'), 400, INVALID],
    ['an encoded backslash', GET('/v1/tasks/..%5c..'), 400, INVALID],
    ['a backslash', GET('/v1\\tasks'), 404, 'not-found'],
    ['encoded twice', GET('/v1/tasks/%252e%252e%252f'), 400, INVALID],
    ['an encoded NUL', GET('/v1/tasks/%00'), 400, INVALID],
    ['an encoded NUL after an id', GET('/v1/tasks/held%00'), 400, INVALID],
    ['an encoded line break', GET('/v1/tasks/held%0d%0aSet-Cookie:x'), 400, INVALID],
    ['an overlong slash', GET('/v1/tasks/%c0%af'), 400, INVALID],
    ['an overlong dot', GET('/v1/tasks/%c0%ae%c0%ae'), 400, INVALID],
    ['a byte that UTF-8 never has', GET('/v1/tasks/%ff'), 400, INVALID],
    ['a lone percent sign', GET('/v1/tasks/%'), 400, INVALID],
    ['no hexadecimal digits', GET('/v1/tasks/%zz'), 400, INVALID],
    ['matrix parameters', GET('/v1/tasks/held;version=0'), 400, INVALID],
    ['a fragment', GET('/v1/tasks/held#top'), 400, INVALID],
    ['a raw byte above ASCII', raw('GET /v1/tasks/h\xE9ld HTTP/1.1', []), 400, INVALID],
    ['a space', raw('GET /v1/tasks/a b HTTP/1.1', []), 400, INVALID],
    ['a whole URL of another host', raw('GET http://evil.example/v1/tasks HTTP/1.1', []), 400, INVALID],
    ['no path', raw('GET  HTTP/1.1', []), 400, INVALID],
    ['an asterisk', raw('OPTIONS * HTTP/1.1', []), 400, INVALID],
    ['dots in a pool', GET('/v1/pools/..%2f../history'), 400, INVALID],
    ['dots in a location', GET('/v1/signals/resource_needed/a/../b'), 404, 'not-found'],
    ['encoded dots in a location', GET('/v1/signals/resource_needed/a%2f..%2fb'), 400, INVALID],
    ['an empty part in a location', GET('/v1/signals/resource_needed/a//b'), 400, INVALID],
    ['dots in the location of a task', task({ location: '../../etc/passwd' }), 400, INVALID],
    [
      'dots in the location of an agent',
      POST('/v1/agents', { agent_type: 'clerk', id: 'new', location: 'a/../b' }),
      400,
      INVALID,
    ],
    ['an absolute location', POST('/v1/signals', { ...SIGNAL, location: '/etc/passwd' }), 400, INVALID],
    ['a location of 257 characters', POST('/v1/signals', { ...SIGNAL, location: 'x'.repeat(257) }), 400, INVALID],
    ['dots in a category', GET('/v1/streams/../tasks/nobody'), 404, 'not-found'],
    ['a category that is none', GET('/v1/streams/Task/held'), 400, INVALID],
    ['a blob by a path', GET('/v1/tasks/big/blobs/..%2f..%2fetc%2fpasswd'), 400, INVALID],
    ['a file', GET('/.env'), 404, 'not-found'],
    ['another version', GET('/v2/tasks'), 404, 'not-found'],
    ['the host of Azure', GET('/admin/host/keys'), 404, 'not-found'],
  ],
  methods: [
    ['PUT on a list', PUT('/v1/tasks', {}), 405, 'method-not-allowed'],
    ['DELETE of a task', { method: 'DELETE', to: '/v1/tasks/held' }, 405, 'method-not-allowed'],
    [
      'PATCH of a task',
      { method: 'PATCH', to: '/v1/tasks/held', json: { status: 'completed' } },
      405,
      'method-not-allowed',
    ],
    ['GET of a command', GET('/v1/tasks/held/cancel'), 405, 'method-not-allowed'],
    ['HEAD of a command', { method: 'HEAD', to: '/v1/tasks/held/cancel' }, 405, 'method-not-allowed'],
    [
      'OPTIONS, as a browser asks',
      { method: 'OPTIONS', to: '/v1/tasks', headers: { 'Access-Control-Request-Method': 'POST' } },
      405,
      'method-not-allowed',
    ],
    ['TRACE', { method: 'TRACE', to: '/v1/tasks' }, 405, 'method-not-allowed'],
    ['CONNECT', raw('CONNECT evil.example:443 HTTP/1.1', []), 405, 'method-not-allowed'],
    ['PROPFIND', { method: 'PROPFIND', to: '/v1/tasks' }, 405, 'method-not-allowed'],
    [
      'another method in a header',
      { method: 'PUT', to: '/v1/tasks', json: { task_type: 'x' }, headers: { 'X-HTTP-Method-Override': 'POST' } },
      405,
      'method-not-allowed',
    ],
    ['a method that is none', raw('STEAL /v1/tasks HTTP/1.1', []), 400, INVALID],
    ['a method in lower case', raw('get /v1/tasks HTTP/1.1', []), 400, INVALID],
  ],
  queries: [
    ['a parameter twice', GET('/v1/tasks?limit=10&limit=20'), 400, INVALID],
    ['a parameter nobody knows', GET('/v1/tasks?order=desc'), 400, INVALID],
    ['a parameter in another case', GET('/v1/tasks?Limit=10'), 400, INVALID],
    ['a parameter as a list', GET('/v1/tasks?limit[]=10'), 400, INVALID],
    ['a parameter of an operator', GET('/v1/tasks?status[$ne]=open'), 400, INVALID],
    ['limit 0', GET('/v1/tasks?limit=0'), 400, INVALID],
    ['limit −1', GET('/v1/tasks?limit=-1'), 400, INVALID],
    ['limit 1e9', GET('/v1/tasks?limit=1e9'), 400, INVALID],
    ['limit a billion', GET('/v1/tasks?limit=1000000000'), 400, INVALID],
    ['limit 1.5', GET('/v1/tasks?limit=1.5'), 400, INVALID],
    ['limit of nothing', GET('/v1/tasks?limit='), 400, INVALID],
    ['limit in other digits', GET(`/v1/tasks?limit=${encodeURIComponent('\u0665')}`), 400, INVALID],
    ['a status that is none', GET('/v1/tasks?status=stolen'), 400, INVALID],
    ['a continuation that is none', GET('/v1/tasks?continuation=abc'), 400, INVALID],
    [
      'a continuation of other things',
      GET(`/v1/agents?continuation=${Buffer.from('[1,{}]').toString('base64url')}`),
      400,
      INVALID,
    ],
    [
      'a continuation with more after it',
      GET(`/v1/agents?continuation=${Buffer.from('["*","h/agent/worker"]').toString('base64url')}.`),
      400,
      INVALID,
    ],
    ['a continuation too long', GET(`/v1/agents?continuation=${'x'.repeat(2_001)}`), 400, INVALID],
    ['a continuation of another tenant', GET('/v1/feed/views/parked?continuation=b%2Ftask%2Fown%401'), 400, INVALID],
    ['a negative place', GET('/v1/receipts?continuation=-1'), 400, INVALID],
    ['a place beyond numbers', GET('/v1/receipts?continuation=9999999999999999'), 400, INVALID],
    ['a place of another log', GET(`/v1/receipts?continuation=${ELSEWHERE}`), 400, INVALID],
    ['a place of another log to follow from', GET(`/v1/receipts/stream?after=${ELSEWHERE}`), 400, INVALID],
    ['a place to follow from beyond numbers', GET('/v1/receipts/stream?after=9999999999999999'), 400, INVALID],
    ['a Last-Event-ID that is none', GET('/v1/receipts/stream', { headers: { 'Last-Event-ID': 'abc' } }), 400, INVALID],
    [
      'a Last-Event-ID beyond numbers',
      GET('/v1/receipts/stream', { headers: { 'Last-Event-ID': '9999999999999999' } }),
      400,
      INVALID,
    ],
    ...['05', '00', '1-0', '1-05', '999999999999', '999999999999-1'].flatMap((place): Row[] => [
      [`the place ${place} in the log`, GET(`/v1/receipts?continuation=${place}`), 400, INVALID],
      [`the place ${place} to follow from`, GET(`/v1/receipts/stream?after=${place}`), 400, INVALID],
      [`the Last-Event-ID ${place}`, GET('/v1/receipts/stream', { headers: { 'Last-Event-ID': place } }), 400, INVALID],
      [`the place ${place} in a stream`, GET(`/v1/streams/task/held?continuation=${place}`), 400, INVALID],
    ]),
    ['a time that is none', GET('/v1/tasks/held?asOf=yesterday'), 400, INVALID],
    ['a time without a zone', GET('/v1/tasks/held?asOf=2026-11-21T10:00:00'), 400, INVALID],
    [
      'a time without milliseconds, before there were any',
      GET('/v1/tasks/held?asOf=2020-11-21T10:00:00Z'),
      404,
      'not-found',
    ],
    [
      'a time in another zone, before there were any',
      GET('/v1/tasks/held?asOf=2020-11-21T10:00:00.000%2B01:00'),
      404,
      'not-found',
    ],
    ['a plus that became a space', GET('/v1/tasks/held?asOf=2026-11-21T10:00:00+01:00'), 400, INVALID],
    ['30 February', GET('/v1/tasks/held?asOf=2026-02-30T10:00:00.000Z'), 400, INVALID],
    ['a time beyond the calendar', GET('/v1/tasks/held?asOf=%2B275760-09-13T00:00:00.001Z'), 400, INVALID],
    ['a task before there were any', GET('/v1/tasks/held?asOf=0000-01-01T00:00:00.000Z'), 404, 'not-found'],
    ['an agent before there were any', GET('/v1/agents/worker?asOf=1970-01-01T00:00:00.000Z'), 404, 'not-found'],
    ['a tool before there were any', GET('/v1/tools/hammer?asOf=1970-01-01T00:00:00.000Z'), 404, 'not-found'],
    [
      'a trail before there were any',
      GET('/v1/signals/resource_needed/dock/1?asOf=1970-01-01T00:00:00.000Z'),
      404,
      'not-found',
    ],
    ['a version of a tool that never was', GET('/v1/tools/hammer?version=9.9.9'), 404, 'not-found'],
    ['NaN as a minimum', GET('/v1/signals?minimum=NaN'), 400, INVALID],
    ['an award that never was', GET('/v1/tasks/held/recompute?award=7'), 404, 'award-not-found'],
    ['a consumer that is none', GET('/v1/feed/nobody/parked'), 400, INVALID],
    ['a deadline in the past', task({ deadline: '2020-01-01T00:00:00.000Z' }), 422, 'deadline-passed'],
    ['a deadline that is none', task({ deadline: '9999-99-99T00:00:00.000Z' }), 400, INVALID],
    ['why of nothing known', GET('/v1/why?id=..%2F..%2Fetc'), 404, 'nothing-known'],
  ],
  'another tenant': [
    ['reads a task', GET('/v1/tasks/held', { tenant: 'b' }), 404, 'not-found'],
    ['reads an agent', GET('/v1/agents/worker', { tenant: 'b' }), 404, 'not-found'],
    ['reads a tool', GET('/v1/tools/hammer', { tenant: 'b' }), 404, 'not-found'],
    ['reads a trail', GET('/v1/signals/resource_needed/dock/1', { tenant: 'b' }), 404, 'not-found'],
    ['reads a stream', GET('/v1/streams/task/held', { tenant: 'b' }), 404, 'not-found'],
    ['reads a stream by its whole name', GET('/v1/streams/task/a%2Ftask%2Fheld', { tenant: 'b' }), 400, INVALID],
    ['reads a blob', GET('/v1/tasks/big/blobs/BLOB', { tenant: 'b' }), 404, 'not-found'],
    ['reads a blob through a task of its own', GET('/v1/tasks/own/blobs/BLOB', { tenant: 'b' }), 404, 'not-found'],
    ['asks why of a task', GET('/v1/why?id=held', { tenant: 'b' }), 404, 'nothing-known'],
    ['asks why of a stream', GET('/v1/why?id=a/task/held', { tenant: 'b' }), 404, 'nothing-known'],
    ['asks why of a receipt', GET('/v1/why?id=a/task/held@0', { tenant: 'b' }), 404, 'nothing-known'],
    ['asks why of a correlation', GET('/v1/why?id=CORRELATION', { tenant: 'b' }), 404, 'nothing-known'],
    ['recomputes an award', GET('/v1/tasks/held/recompute', { tenant: 'b' }), 404, 'award-not-found'],
    ['reads a type of agents', GET('/v1/agents/repository/acme.custom', { tenant: 'b' }), 404, 'agent-type-not-found'],
    [
      'deploys a type of agents',
      POST('/v1/agents/deploy', { agent_type: 'acme.custom' }, { tenant: 'b' }),
      404,
      'agent-type-not-found',
    ],
    [
      'deploys for it',
      POST('/v1/agents/deploy', { agent_type: 'finance.reconciliation', tenant_id: 'a' }, { tenant: 'b' }),
      403,
      'forbidden',
    ],
    ['bids', POST('/v1/tasks/bidding/bids', { agent: 'intruder' }, { tenant: 'b' }), 404, 'task-not-found'],
    ['accepts', POST('/v1/tasks/awarded/accept', CLAIM, { tenant: 'b' }), 404, 'task-not-found'],
    [
      'completes',
      POST('/v1/tasks/held/complete', { ...CLAIM, result: 'stolen' }, { tenant: 'b' }),
      404,
      'task-not-found',
    ],
    [
      'completes as an agent of the same name',
      POST('/v1/tasks/held/complete', { award: 1 }, { tenant: 'b', as: 'worker' }),
      404,
      'task-not-found',
    ],
    ['hands off', POST('/v1/tasks/held/handoff', { ...CLAIM, to: 'intruder' }, { tenant: 'b' }), 404, 'task-not-found'],
    ['extends the lease', POST('/v1/tasks/held/heartbeat', CLAIM, { tenant: 'b' }), 404, 'task-not-found'],
    ['cancels', POST('/v1/tasks/held/cancel', {}, { tenant: 'b' }), 404, 'task-not-found'],
    ['redrives', POST('/v1/tasks/dead/redrive', {}, { tenant: 'b' }), 404, 'task-not-found'],
    ['deregisters an agent', { method: 'DELETE', to: '/v1/agents/worker', tenant: 'b' }, 404, 'agent-not-found'],
    ['reads an inbox', GET('/v1/agents/rival/inbox', { tenant: 'b' }), 404, 'agent-not-found'],
    [
      'moves its agents',
      POST('/v1/pools/b/reorganisations', { moves: [{ agent: 'worker', to: 'b' }], reason: 'mine' }, { tenant: 'b' }),
      404,
      'agent-not-found',
    ],
    [
      'gives its pool an objective',
      PUT('/v1/pools/clerk/objective', { description: 'mine', capabilities: ['x'] }, { tenant: 'b' }),
      404,
      'pool-not-found',
    ],
    ['deprecates a tool', POST('/v1/tools/hammer/deprecate', { reason: 'mine' }, { tenant: 'b' }), 404, 'tool-unknown'],
    [
      'names its receipt as a cause',
      POST('/v1/tasks', { task_type: 'x', cause: 'a/task/held@0' }, { tenant: 'b' }),
      422,
      'cause-not-found',
    ],
    ['names a receipt that never was', task({ cause: 'a/task/held@999' }), 422, 'cause-not-found'],
    ['names no receipt', task({ cause: 'because' }), 422, 'cause-not-found'],
    [
      'redrives its parked work',
      POST('/v1/feed/views/redrive', { id: 'a/task/held@0' }, { tenant: 'b' }),
      404,
      'not-found',
    ],
    ['is given in a query', GET('/v1/tasks?tenant=a', { tenant: 'b' }), 400, INVALID],
    [
      'is given twice',
      raw('GET /v1/tasks/held HTTP/1.1', ['X-Formicary-Tenant: b', 'X-Formicary-Tenant: a']),
      400,
      INVALID,
    ],
    ['is given as a path', GET('/v1/tasks/held', { tenant: 'b/../a' }), 400, INVALID],
    ['is given in capitals', GET('/v1/tasks/held', { tenant: 'A' }), 400, INVALID],
    ['is given as nothing', GET('/v1/tasks/held', { tenant: '' }), 400, INVALID],
    ['is given in 64 characters', GET('/v1/tasks/held', { tenant: 'a'.repeat(64) }), 400, INVALID],
    ['is given on two lines', raw('GET /v1/tasks/held HTTP/1.1', ['X-Formicary-Tenant: b,\r\n a']), 400, INVALID],
    [
      'is smuggled behind a principal',
      raw('GET /v1/tasks/held HTTP/1.1', ['X-Formicary-Principal: ada\rX-Formicary-Tenant: a']),
      400,
      INVALID,
    ],
    [
      'is smuggled behind an encoded line break',
      GET('/v1/tasks/held', { tenant: 'b', as: 'ada%0d%0aX-Formicary-Tenant: a' }),
      400,
      INVALID,
    ],
  ],
  'another principal': [
    ['a name that is none', GET('/v1/tasks', { as: '../root' }), 400, INVALID],
    ['no name', GET('/v1/tasks', { as: '' }), 400, INVALID],
    [
      'two names',
      raw('GET /v1/tasks HTTP/1.1', ['X-Formicary-Principal: rival', 'X-Formicary-Principal: worker']),
      400,
      INVALID,
    ],
    ['a name in raw bytes', raw('GET /v1/tasks HTTP/1.1', ['X-Formicary-Principal: w\xF6rker']), 400, INVALID],
    ['completes for another', POST('/v1/tasks/held/complete', CLAIM, { as: 'rival' }), 403, 'forbidden'],
    [
      'completes with the award of another',
      POST('/v1/tasks/held/complete', { award: 1 }, { as: 'rival' }),
      409,
      'not-the-holder',
    ],
    ['accepts for another', POST('/v1/tasks/awarded/accept', CLAIM, { as: 'rival' }), 403, 'forbidden'],
    [
      'accepts the award of another',
      POST('/v1/tasks/awarded/accept', { award: 1 }, { as: 'rival' }),
      409,
      'not-the-holder',
    ],
    [
      'declines the award of another',
      POST('/v1/tasks/awarded/decline', { award: 1 }, { as: 'rival' }),
      409,
      'not-the-holder',
    ],
    ['bids for another', POST('/v1/tasks/bidding/bids', { agent: 'worker' }, { as: 'rival' }), 403, 'forbidden'],
    [
      'takes back the bid of another',
      POST('/v1/tasks/bidding/withdraw-bid', { agent: 'worker' }, { as: 'rival' }),
      403,
      'forbidden',
    ],
    ['registers another', POST('/v1/agents', { agent_type: 'clerk', id: 'new' }, { as: 'rival' }), 403, 'forbidden'],
    [
      'changes another',
      PUT('/v1/agents/worker', { agent_type: 'clerk', capacity: 1 }, { as: 'rival' }),
      403,
      'forbidden',
    ],
    ['deregisters another', { method: 'DELETE', to: '/v1/agents/worker', as: 'rival' }, 403, 'forbidden'],
    ['gives a sign of life for another', POST('/v1/agents/worker/heartbeat', {}, { as: 'rival' }), 403, 'forbidden'],
    ['reads the inbox of another', GET('/v1/agents/worker/inbox', { as: 'rival' }), 403, 'forbidden'],
    [
      'emits for another',
      POST('/v1/signals', { ...SIGNAL, emitter_agent: 'worker' }, { as: 'rival' }),
      403,
      'emitter-mismatch',
    ],
    ['rebuilds a view', POST('/v1/views/tasks/rebuild', {}, { as: 'rival' }), 403, 'forbidden'],
    ['looks at what is parked', GET('/v1/feed/views/parked', { as: 'rival' }), 403, 'forbidden'],
    ['bids without being registered', POST('/v1/tasks/bidding/bids', {}, { as: 'stranger' }), 409, 'agent-not-active'],
    [
      'reads an inbox without being registered',
      GET('/v1/agents/stranger/inbox', { as: 'stranger' }),
      404,
      'agent-not-found',
    ],
  ],
  'awards and versions': [
    ['award 0', POST('/v1/tasks/held/complete', { agent: 'worker', award: 0 }), 400, INVALID],
    ['award −1', POST('/v1/tasks/held/complete', { agent: 'worker', award: -1 }), 400, INVALID],
    ['award 1.5', POST('/v1/tasks/held/complete', { agent: 'worker', award: 1.5 }), 400, INVALID],
    ['award 2^53', POST('/v1/tasks/held/complete', { agent: 'worker', award: 2 ** 53 }), 400, INVALID],
    ['award as text', POST('/v1/tasks/held/complete', { agent: 'worker', award: '1' }), 400, INVALID],
    ['no award', POST('/v1/tasks/held/complete', { agent: 'worker' }), 400, INVALID],
    ['an award yet to come', POST('/v1/tasks/held/complete', { agent: 'worker', award: 2 }), 409, 'not-the-holder'],
    [
      'completes late, after the lease',
      POST('/v1/tasks/late/complete', { ...CLAIM, result: 'late' }),
      409,
      'award-superseded',
    ],
    ['fails late', POST('/v1/tasks/late/fail', { ...CLAIM, reason: 'late' }), 409, 'award-superseded'],
    ['gives back late', POST('/v1/tasks/late/release', CLAIM), 409, 'award-superseded'],
    ['hands off late', POST('/v1/tasks/late/handoff', { ...CLAIM, to: 'rival' }), 409, 'award-superseded'],
    ['extends late', POST('/v1/tasks/late/heartbeat', CLAIM), 409, 'award-superseded'],
    ['says late how far it is', POST('/v1/tasks/late/progress', { ...CLAIM, fraction: 0.5 }), 409, 'award-superseded'],
    ['completes before it accepts', POST('/v1/tasks/awarded/complete', CLAIM), 409, 'not-accepted'],
    ['declines after it accepted', POST('/v1/tasks/held/decline', CLAIM), 409, 'already-accepted'],
    [
      'completes again with another result',
      POST('/v1/tasks/done/complete', { ...CLAIM, result: { n: 2 } }),
      409,
      'task-already-completed',
    ],
    [
      'completes what another completed',
      POST('/v1/tasks/done/complete', { agent: 'rival', award: 1 }),
      409,
      'task-completed',
    ],
    ['completes what was cancelled', POST('/v1/tasks/gone/complete', CLAIM), 409, 'task-cancelled'],
    ['completes a dead letter', POST('/v1/tasks/dead/complete', CLAIM), 409, 'task-dead'],
    ['accepts what nobody was awarded', POST('/v1/tasks/open/accept', CLAIM), 409, 'award-superseded'],
    ['cancels what is completed', POST('/v1/tasks/done/cancel', {}), 409, 'task-completed'],
    ['redrives what is not dead', POST('/v1/tasks/held/redrive', {}), 409, 'task-not-dead'],
    ['bids for what is awarded', POST('/v1/tasks/held/bids', { agent: 'rival' }), 409, 'bids-closed'],
    ['hands off to nobody', POST('/v1/tasks/held/handoff', { ...CLAIM, to: 'nobody' }), 409, 'agent-not-active'],
    ['hands off to itself', POST('/v1/tasks/held/handoff', { ...CLAIM, to: 'worker' }), 409, 'hand-off-to-itself'],
    ['posts an id again', POST('/v1/tasks', { id: 'open', task_type: 'nobody_does' }), 409, 'task-exists'],
    ['completes what is not there', POST('/v1/tasks/nowhere/complete', CLAIM), 404, 'task-not-found'],
    [
      'If-Match of another version',
      POST('/v1/tasks/open/cancel', {}, { headers: { 'If-Match': '"99"' } }),
      412,
      'version-mismatch',
    ],
    [
      'If-Match of a new task',
      POST('/v1/tasks', { id: 'new', task_type: 'x' }, { headers: { 'If-Match': '"0"' } }),
      412,
      'version-mismatch',
    ],
    [
      'If-Match of another version, with a hand-off',
      POST('/v1/tasks/held/handoff', { ...CLAIM, to: 'rival' }, { headers: { 'If-Match': '"0"' } }),
      412,
      'version-mismatch',
    ],
    ['If-Match *', POST('/v1/tasks/open/cancel', {}, { headers: { 'If-Match': '*' } }), 400, INVALID],
    ['If-Match, weak', POST('/v1/tasks/open/cancel', {}, { headers: { 'If-Match': 'W/"0"' } }), 400, INVALID],
    ['If-Match without quotes', POST('/v1/tasks/open/cancel', {}, { headers: { 'If-Match': '0' } }), 400, INVALID],
    ['If-Match of two', POST('/v1/tasks/open/cancel', {}, { headers: { 'If-Match': '"0", "1"' } }), 400, INVALID],
    ['If-Match, negative', POST('/v1/tasks/open/cancel', {}, { headers: { 'If-Match': '"-1"' } }), 400, INVALID],
    [
      'If-Match beyond numbers',
      POST('/v1/tasks/open/cancel', {}, { headers: { 'If-Match': '"99999999999999999999"' } }),
      400,
      INVALID,
    ],
    [
      'a version of a tool again, with another content',
      PUT('/v1/tools/hammer', { ...TOOL, description: 'Hits harder' }),
      409,
      'tool-version-exists',
    ],
    ['a lower version of a tool', PUT('/v1/tools/hammer', { ...TOOL, version: '1.0.9' }), 409, 'tool-version-too-low'],
    ['a version that is none', PUT('/v1/tools/hammer', { ...TOOL, version: '01.2.3' }), 400, INVALID],
    [
      'a version beyond numbers',
      PUT('/v1/tools/hammer', { ...TOOL, version: '1.99999999999999999999.0' }),
      422,
      'tool-invalid',
    ],
    ['a schema that is a list', PUT('/v1/tools/other', { ...TOOL, schema: [] }), 400, INVALID],
    ['code by a path', PUT('/v1/tools/other', { ...TOOL, code_ref: 'sha256:../../etc/passwd' }), 422, 'tool-invalid'],
    [
      'a tool that replaces itself',
      POST('/v1/tools/hammer/deprecate', { reason: 'old', replacement: 'hammer' }),
      422,
      'replacement-invalid',
    ],
  ],
  'agents and their types': [
    [
      'a built-in type',
      PUT('/v1/agents/repository/finance.reconciliation', { based_on: 'hr.recruitment' }),
      409,
      'agent-type-built-in',
    ],
    [
      'a base that never was',
      PUT('/v1/agents/repository/acme.other', { based_on: 'no.such' }),
      404,
      'agent-type-not-found',
    ],
    ['a type with dots', PUT('/v1/agents/repository/..%2facme', { based_on: 'finance.reconciliation' }), 400, INVALID],
    [
      'a type that looks like none',
      PUT('/v1/agents/repository/acme', { based_on: 'finance.reconciliation' }),
      422,
      'agent-type-invalid',
    ],
    [
      'an override nobody knows',
      PUT('/v1/agents/repository/acme.other', { based_on: 'finance.reconciliation', overrides: { price: 0 } }),
      422,
      'agent-type-invalid',
    ],
    [
      'a revision of a type that never was',
      { method: 'PATCH', to: '/v1/agents/repository/no.such', json: { overrides: {} } },
      404,
      'agent-type-unknown',
    ],
    [
      'a deployment of a type that never was',
      POST('/v1/agents/deploy', { agent_type: 'no.such' }),
      404,
      'agent-type-not-found',
    ],
    ...[
      ['dots', '..'],
      ['a path', '../../etc/cron.d'],
      ['four fields', '* * * *'],
      ['minute 60', '60 * * * *'],
      ['a command', '* * * * * ;reboot'],
      ['a line break', '0 0 * * *\n'],
    ].map(([name, cron]): Row => [
      `a schedule of ${name}`,
      POST('/v1/agents/deploy', { agent_type: 'finance.reconciliation', schedule: { cron } }),
      400,
      INVALID,
    ]),
    [
      'a time zone that is none',
      POST('/v1/agents/deploy', {
        agent_type: 'finance.reconciliation',
        schedule: { cron: '0 9 * * 1', timezone: 'Mars/Olympus' },
      }),
      400,
      INVALID,
    ],
    [
      'a time zone by a path',
      POST('/v1/agents/deploy', {
        agent_type: 'finance.reconciliation',
        schedule: { cron: '0 9 * * 1', timezone: '../../etc/localtime' },
      }),
      400,
      INVALID,
    ],
    [
      'a location with dots',
      POST('/v1/agents/deploy', { agent_type: 'finance.reconciliation', location: '../x' }),
      400,
      INVALID,
    ],
    [
      'resources that are none',
      POST('/v1/agents/deploy', { agent_type: 'finance.reconciliation', resources: { cpu: '-1', memory: 'all' } }),
      400,
      INVALID,
    ],
    [
      'a lifecycle that is none',
      POST('/v1/agents/deploy', { agent_type: 'finance.reconciliation', lifecycle: 'forever' }),
      400,
      INVALID,
    ],
    ['a type of signal in capitals', POST('/v1/signals', { ...SIGNAL, type: 'Threat' }), 400, INVALID],
    ['a signal of an emitter that is none', POST('/v1/signals', { ...SIGNAL, emitter_agent: '../root' }), 400, INVALID],
    [
      'a move of an agent that never was',
      POST('/v1/pools/clerk/reorganisations', { moves: [{ agent: 'nobody', to: 'clerk' }], reason: 'x' }),
      404,
      'agent-not-found',
    ],
    [
      'a move to where it is',
      POST('/v1/pools/clerk/reorganisations', { moves: [{ agent: 'worker', to: 'clerk' }], reason: 'x' }),
      409,
      'nothing-to-move',
    ],
    [
      'a move between others',
      POST('/v1/pools/third/reorganisations', { moves: [{ agent: 'worker', to: 'rival_clerk' }], reason: 'x' }),
      422,
      'move-elsewhere',
    ],
    [
      'an agent moved twice',
      POST('/v1/pools/third/reorganisations', {
        moves: [
          { agent: 'worker', to: 'third' },
          { agent: 'worker', to: 'third' },
        ],
        reason: 'x',
      }),
      422,
      'moved-twice',
    ],
    [
      '501 moves',
      POST('/v1/pools/third/reorganisations', {
        moves: many(501, (i) => ({ agent: `a${i}`, to: 'third' })),
        reason: 'x',
      }),
      400,
      INVALID,
    ],
    [
      'a move without a reason',
      POST('/v1/pools/third/reorganisations', { moves: [{ agent: 'worker', to: 'third' }] }),
      400,
      INVALID,
    ],
    [
      'an objective for nobody',
      PUT('/v1/pools/nobody/objective', { description: 'x', capabilities: ['x'] }),
      404,
      'pool-not-found',
    ],
    ['an objective of nothing', PUT('/v1/pools/clerk/objective', { description: 'x', capabilities: [] }), 400, INVALID],
    ['a view that is none', POST('/v1/views/secrets/rebuild', {}), 404, 'not-found'],
  ],
  'idempotency keys': [
    ['nothing', POST('/v1/tasks', { task_type: 'x' }, { headers: { 'Idempotency-Key': '' } }), 400, INVALID],
    ['a space within', POST('/v1/tasks', { task_type: 'x' }, { headers: { 'Idempotency-Key': 'a b' } }), 400, INVALID],
    [
      '201 characters',
      POST('/v1/tasks', { task_type: 'x' }, { headers: { 'Idempotency-Key': 'x'.repeat(201) } }),
      400,
      INVALID,
    ],
    [
      'a byte above ASCII',
      raw(POST_LINE, [JSON_TYPE, 'Idempotency-Key: k\xE9y', 'Content-Length: 17'], '{"task_type":"x"}'),
      400,
      INVALID,
    ],
    [
      'a tab',
      raw(POST_LINE, [JSON_TYPE, 'Idempotency-Key: a\tb', 'Content-Length: 17'], '{"task_type":"x"}'),
      400,
      INVALID,
    ],
    [
      'two',
      raw(
        POST_LINE,
        [JSON_TYPE, 'Idempotency-Key: a', 'Idempotency-Key: b', 'Content-Length: 17'],
        '{"task_type":"x"}',
      ),
      400,
      INVALID,
    ],
    [
      'one used before, with another body',
      POST('/v1/tasks', { task_type: 'nobody_does', priority: 1 }, { headers: { 'Idempotency-Key': 'key-1' } }),
      422,
      'idempotency-key-reused',
    ],
    [
      'one used before for that id, with another body',
      POST(
        '/v1/tasks',
        { id: 'keyed', task_type: 'nobody_does', priority: 1 },
        { headers: { 'Idempotency-Key': 'key-2' } },
      ),
      422,
      'idempotency-key-reused',
    ],
    [
      'one used before for another command',
      POST('/v1/tasks/held/complete', CLAIM, { headers: { 'Idempotency-Key': 'key-3' } }),
      422,
      'idempotency-key-reused',
    ],
  ],
  'where it comes from': [
    ['another host', GET('/v1/tasks', { headers: { Host: 'evil.example' } }), 421, 'misdirected-request'],
    ['another port', GET('/v1/tasks', { headers: { Host: '127.0.0.1:1' } }), 421, 'misdirected-request'],
    [
      'a name that only begins like it',
      GET('/v1/tasks', { headers: { Host: 'localhost.evil.example' } }),
      421,
      'misdirected-request',
    ],
    ['no host', 'GET /v1/tasks HTTP/1.1\r\nConnection: close\r\n\r\n', 400, INVALID],
    [
      'two types of a body',
      raw(POST_LINE, [JSON_TYPE, 'Content-Type: text/plain', 'Content-Length: 17'], '{"task_type":"x"}'),
      400,
      INVALID,
    ],
    ['two tokens', raw('GET /v1/tasks HTTP/1.1', ['Authorization: Bearer a', 'Authorization: Bearer b']), 400, INVALID],
    ['two hosts', raw('GET /v1/tasks HTTP/1.1', ['Host: evil.example']), 400, INVALID],
    [
      'another host by another header',
      GET('/v1/tasks', { headers: { Host: 'evil.example', 'X-Forwarded-Host': 'localhost' } }),
      421,
      'misdirected-request',
    ],
    ['a page of another site', text('{"task_type":"x"}', { Origin: 'https://evil.example' }), 403, 'cross-origin'],
    ['a page of no site', GET('/v1/tasks', { headers: { Origin: 'null' } }), 403, 'cross-origin'],
    ['a page of another port', GET('/v1/tasks', { headers: { Origin: 'http://localhost:3000' } }), 403, 'cross-origin'],
    [
      'an image of another site',
      GET('/v1/tasks', { headers: { 'Sec-Fetch-Site': 'cross-site' } }),
      403,
      'cross-origin',
    ],
  ],
  'what is hardly HTTP': [
    [
      'a length and chunks',
      raw(
        POST_LINE,
        [JSON_TYPE, 'Content-Length: 6', 'Transfer-Encoding: chunked'],
        '0\r\n\r\nGET /v1/tasks/held HTTP/1.1\r\n\r\n',
      ),
      400,
      INVALID,
    ],
    [
      'chunks and a length',
      raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: chunked', 'Content-Length: 6'], '0\r\n\r\nGET'),
      400,
      INVALID,
    ],
    ['chunks that are not', raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: xchunked'], '0\r\n\r\n'), 400, INVALID],
    [
      'chunks, and then not',
      raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: chunked, identity'], '0\r\n\r\n'),
      400,
      INVALID,
    ],
    [
      'chunks twice',
      raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      400,
      INVALID,
    ],
    ['a space before the colon', raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding : chunked'], '0\r\n\r\n'), 400, INVALID],
    [
      'two lengths',
      raw(POST_LINE, [JSON_TYPE, 'Content-Length: 17', 'Content-Length: 2'], '{"task_type":"x"}'),
      400,
      INVALID,
    ],
    ['two lengths in one', raw(POST_LINE, [JSON_TYPE, 'Content-Length: 17, 17'], '{"task_type":"x"}'), 400, INVALID],
    ['a length with a sign', raw(POST_LINE, [JSON_TYPE, 'Content-Length: +17'], '{"task_type":"x"}'), 400, INVALID],
    ['a negative length', raw(POST_LINE, [JSON_TYPE, 'Content-Length: -1'], '{"task_type":"x"}'), 400, INVALID],
    [
      'a length beyond numbers',
      raw(POST_LINE, [JSON_TYPE, 'Content-Length: 99999999999999999999999'], '{"task_type":"x"}'),
      400,
      INVALID,
    ],
    [
      'a length that is too short',
      raw(POST_LINE, [JSON_TYPE, 'Content-Length: 5'], '{"task_type":"x"}'),
      400,
      'invalid-json',
    ],
    [
      'a chunk longer than it says',
      raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: chunked'], '1\r\n{"task_type":"x"}\r\n0\r\n\r\n'),
      400,
      INVALID,
    ],
    [
      'a chunk of no number',
      raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: chunked'], 'ZZ\r\n{}\r\n0\r\n\r\n'),
      400,
      INVALID,
    ],
    [
      'a chunk beyond numbers',
      raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: chunked'], 'FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n'),
      400,
      INVALID,
    ],
    [
      'a negative chunk',
      raw(POST_LINE, [JSON_TYPE, 'Transfer-Encoding: chunked'], '-2\r\n{}\r\n0\r\n\r\n'),
      400,
      INVALID,
    ],
    ['lines without returns', 'GET /v1/tasks HTTP/1.1\nHOST\nConnection: close\n\n', 400, INVALID],
    ['a header over two lines', raw('GET /v1/tasks HTTP/1.1', ['X-Formicary-Principal: worker\r\n -2']), 400, INVALID],
    ['NUL in a header', raw('GET /v1/tasks HTTP/1.1', ['X-Formicary-Principal: worker\0']), 400, INVALID],
    ['a header without a name', raw('GET /v1/tasks HTTP/1.1', [': x']), 400, INVALID],
    ['a header without a colon', raw('GET /v1/tasks HTTP/1.1', ['garbage']), 400, INVALID],
    [
      'an expectation',
      raw(POST_LINE, [JSON_TYPE, 'Expect: the-unexpected', 'Content-Length: 17'], '{"task_type":"x"}'),
      417,
      'expectation-failed',
    ],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, INVALID],
    ['HTTP/9', raw('GET /v1/tasks HTTP/9.9', []), 400, INVALID],
    ['TLS', Buffer.from(`160301020001000001fc0303${'61'.repeat(200)}`, 'hex'), 400, INVALID],
    ['nothing but noise', Buffer.from('000102030405ffff0d0a0d0a', 'hex'), 400, INVALID],
  ],
};

// ---------------------------------------------------------------------------------------------------- the machinery

let host: TestHost;
/** What rows name in capitals, known only once the host runs. */
const names: Record<string, string> = {};
let slow: Promise<Reply[]>;
let places: Record<string, string>;
let before: Record<string, string[]>;

function bytesOf(sent: Request | Bytes): Buffer {
  if (typeof sent === 'string' || Buffer.isBuffer(sent))
    return replaced(Buffer.from(sent as string, 'latin1'), 'HOST', `Host: 127.0.0.1:${host.port}`);
  const { method = 'GET', tenant = 'a', as, json, body = json === undefined ? undefined : JSON.stringify(json) } = sent;
  const payload = body === undefined ? undefined : Buffer.from(body as string);
  const headers: Record<string, string> = {
    Host: `127.0.0.1:${host.port}`,
    Connection: 'close',
    'X-Formicary-Tenant': tenant,
    ...(as === undefined ? {} : { 'X-Formicary-Principal': as }),
    ...(payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(payload.length) }),
    ...sent.headers,
  };
  const to = sent.to.replace(/[A-Z]{4,}/, (name) => names[name] ?? name);
  const head = `${method} ${to} HTTP/1.1\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), payload ?? Buffer.alloc(0)]);
}

/** Replaces the first `name`, which stands alone on its line. */
function replaced(bytes: Buffer, name: string, by: string): Buffer {
  const at = bytes.indexOf(`${name}\r\n`) >= 0 ? bytes.indexOf(`${name}\r\n`) : bytes.indexOf(`${name}\n`);
  return at < 0 ? bytes : Buffer.concat([bytes.subarray(0, at), Buffer.from(by), bytes.subarray(at + name.length)]);
}

const LEAKS = [
  /\n\s+at /,
  /node_modules|node:internal|\/dist\/|\/adapters\//,
  /\.[cm]?[jt]s:\d/,
  /\/(tmp|home|work|usr|var)\//,
  /sqlite/i,
  /undefined is not|Cannot read|is not a function/,
];

function expectProblem(reply: Reply | undefined, status: number, type: string, bodiless = false): void {
  // All in one, so that a failure shows the whole answer.
  expect({ status: reply?.status, type: reply?.body?.type, text: reply?.text }).toEqual({
    status,
    type: bodiless ? undefined : `https://formicary.dev/problems/${type}`,
    text: expect.anything(),
  });
  const { headers, body, text } = reply as Reply;
  expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  expect(headers).not.toHaveProperty('set-cookie');
  expect(headers).not.toHaveProperty('access-control-allow-origin');
  if (bodiless) return;
  expect(body).toMatchObject({ title: expect.stringMatching(/./), status, detail: expect.stringMatching(/.{5}/) });
  expect(text.length).toBeLessThan(64_000);
  for (const leak of LEAKS) expect(text).not.toMatch(leak);
}

const TENANTS = ['a', 'b', 'default'];

interface Receipt {
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  readonly meta: { readonly action: string; readonly actor: { readonly kind: string } };
}

/** What the host does by the clock: it confirms slots, and watches pools. */
function isByClock({ stream, meta }: Receipt): boolean {
  return meta.actor.kind === 'system' && (meta.action === 'agent.confirm' || /^[^/]+\/(pool|trail)\//.test(stream));
}

/** The receipts after a place, and where they end. */
async function receiptsAfter(tenant: string, place: string): Promise<{ receipts: string[]; end: string }> {
  const receipts: string[] = [];
  for (let next = `/v1/receipts?limit=500&continuation=${place}`; ;) {
    const { body } = await call(host, next, { tenant });
    for (const receipt of body.value as Receipt[])
      if (!isByClock(receipt)) receipts.push(`${receipt.stream}@${receipt.index} ${receipt.hash}`);
    if (body.nextLink === undefined) return { receipts, end: body.after as string };
    next = body.nextLink as string;
  }
}

/** What was written since the last time this was asked. */
async function written(): Promise<string[]> {
  const found: string[] = [];
  for (const tenant of TENANTS) {
    const { receipts, end } = await receiptsAfter(tenant, places[tenant] as string);
    found.push(...receipts);
    places[tenant] = end;
  }
  return found;
}

beforeAll(async () => {
  host = await startTestHost();
  // A header a second, and never the last: see the end.
  slow = new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(host.port, '127.0.0.1', () =>
      socket.write(`GET /v1/tasks HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\n`),
    );
    const drip = setInterval(() => socket.write('X-Drip: x\r\n'), 500);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
    socket.on('end', () => {
      clearInterval(drip);
      socket.destroy();
      const [head, body] = Buffer.concat(chunks).toString().split('\r\n\r\n') as [string, string];
      resolve([
        {
          status: Number(head.slice(9, 12)),
          headers: Object.fromEntries(
            head
              .split('\r\n')
              .slice(1)
              .map((line) => line.toLowerCase().split(': ')),
          ),
          text: body,
          body: JSON.parse(body) as unknown,
        },
      ]);
    });
  });

  const done = async (path: string, json?: unknown, more: Record<string, unknown> = {}): Promise<Reply> => {
    const reply = await call(host, path, { tenant: 'a', json, ...more });
    if (reply.status >= 300) throw new Error(`${path}: ${reply.text}`);
    return reply;
  };
  const held = async (id: string, award: number) =>
    eventually(async () => {
      const { body } = await done(`/v1/tasks/${id}`);
      return body.holder?.award === award;
    });
  const post = (id: string, more: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
    done('/v1/tasks', { id, task_type: 'clerk', accept_seconds: 3_600, lease_seconds: 3_600, ...more }, { headers });

  const patient = { limits: { presence_seconds: 3_600 } };
  await done('/v1/agents', { id: 'worker', agent_type: 'clerk', capacity: 100, ...patient });
  await done('/v1/agents', { id: 'rival', agent_type: 'rival_clerk', capacity: 100, ...patient });
  await post('late', { lease_seconds: 1, retry_seconds: 0 });
  await held('late', 1);
  await done('/v1/tasks/late/accept', CLAIM);
  for (const id of ['held', 'awarded', 'done', 'dead', 'gone']) {
    await post(id, id === 'dead' ? { max_attempts: 1 } : {});
    await held(id, 1);
  }
  names['CORRELATION'] = (await done('/v1/tasks/held')).body.correlation_id as string;
  await done('/v1/tasks/held/accept', CLAIM, { headers: { 'Idempotency-Key': 'key-3' } });
  await done('/v1/tasks/done/accept', CLAIM);
  await done('/v1/tasks/done/complete', { ...CLAIM, result: { n: 1 } });
  await done('/v1/tasks/dead/accept', CLAIM);
  await done('/v1/tasks/dead/fail', { ...CLAIM, reason: 'broken' });
  await done('/v1/tasks/gone/cancel', {});
  await post('open', { task_type: 'nobody_does' });
  await post('bidding', { bid_seconds: 3_600 });
  names['BLOB'] = (await post('big', { task_type: 'nobody_does', payload: 'x'.repeat(50_000) })).body.task
    .payload_ref as string;
  await done('/v1/tasks', { task_type: 'nobody_does' }, { headers: { 'Idempotency-Key': 'key-1' } });
  await post('keyed', { task_type: 'nobody_does' }, { 'Idempotency-Key': 'key-2' });
  await done('/v1/tools/hammer', TOOL, { method: 'PUT' });
  await done('/v1/agents/repository/acme.custom', { based_on: 'finance.reconciliation' }, { method: 'PUT' });
  await done('/v1/signals', { ...SIGNAL, decay_rate: 0 });
  await done('/v1/agents', { id: 'intruder', agent_type: 'intruder', ...patient }, { tenant: 'b' });
  await done('/v1/tasks', { id: 'own', task_type: 'nobody_does' }, { tenant: 'b' });

  await held('late', 2);
  await settled(host);
  places = Object.fromEntries(TENANTS.map((tenant) => [tenant, '0']));
  before = {};
  for (const tenant of TENANTS) before[tenant] = (await receiptsAfter(tenant, '0')).receipts;
  await written();
}, 60_000);

afterAll(() => host.stop());

// -------------------------------------------------------------------------------------------------------- the tests

test('there is something to lose', () => {
  expect(before['a']?.length).toBeGreaterThan(20);
  expect(before['b']?.length).toBeGreaterThan(1);
});

for (const [section, rows] of Object.entries(TABLE)) {
  describe(section, () => {
    test.each(rows.map((row) => [...row] as const))('%s', async (_, sent, status, type) => {
      const replies = await speak(host, bytesOf(sent));
      expect(replies).toHaveLength(1);
      expectProblem(replies[0], status, type, (sent as Request).method === 'HEAD');
      expect(await written()).toEqual([]);
    });
  });
}

test('a request that never ends is ended', async () => {
  const [reply] = await slow;
  expectProblem(reply, 408, 'request-timeout');
}, 40_000);

test('a client that leaves in the middle of its body leaves nothing behind', async () => {
  await new Promise<void>((resolve) => {
    const socket = net.connect(host.port, '127.0.0.1', () => {
      socket.write(bytesOf(raw(POST_LINE, [JSON_TYPE, 'Content-Length: 1000'], '{"task_type":"x"}')));
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    socket.on('close', () => resolve());
  });
  expect((await call(host, '/health/live')).body).toEqual({ status: 'live' });
  expect(await written()).toEqual([]);
});

test('what comes whole is answered, whatever comes behind it', async () => {
  const first = `POST /v1/tasks HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\nX-Formicary-Tenant: a\r\n${JSON_TYPE}\r\nContent-Length: 27\r\n\r\n{"task_type":"nobody_does"}`;
  const replies = await speak(host, `${first}\x00\x01 GET /v1/tasks/held`);
  expect(replies.map(({ status }) => status)).toEqual([201, 400]);
  expectProblem(replies[1], 400, INVALID);
  const { stream, hash } = replies[0]?.body.receipt as { stream: string; hash: string };
  expect(await written()).toEqual([`${stream}@0 ${hash}`]);
});

test('one key many times at once is one task', async () => {
  const bodies = many(20, () => ({ task_type: 'nobody_does', priority: 0.25 }));
  const replies = await Promise.all(
    bodies.map((json) => call(host, '/v1/tasks', { tenant: 'a', json, headers: { 'idempotency-key': 'at-once' } })),
  );
  expect(replies.map(({ status }) => status)).toEqual(bodies.map(() => 201));
  expect(
    new Set(replies.map(({ body }) => `${body.receipt.stream}@${body.receipt.version} ${body.receipt.hash}`)).size,
  ).toBe(1);
  expect(replies.filter(({ body }) => body.receipt.repeated === false)).toHaveLength(1);
  expect(await written()).toEqual([`${replies[0]?.body.receipt.stream}@0 ${replies[0]?.body.receipt.hash}`]);
});

test('one key with many bodies at once is one of them', async () => {
  const replies = await Promise.all(
    many(20, (i) =>
      call(host, '/v1/tasks', {
        tenant: 'a',
        json: { task_type: 'nobody_does', priority: i / 20 },
        headers: { 'idempotency-key': 'at-odds' },
      }),
    ),
  );
  const taken = replies.filter(({ status }) => status === 201);
  expect(taken).toHaveLength(1);
  for (const reply of replies) if (reply !== taken[0]) expectProblem(reply, 422, 'idempotency-key-reused');
  expect(await written()).toEqual([`${taken[0]?.body.receipt.stream}@0 ${taken[0]?.body.receipt.hash}`]);
});

test('names that JavaScript knows are names like others', async () => {
  const words = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  for (const word of words) {
    const posted = await call(host, '/v1/tasks', {
      tenant: 'a',
      json: { id: word, task_type: word, bid_seconds: 3_600 },
    });
    expect(posted.status).toBe(201);
    expect(
      (await call(host, `/v1/tasks/${word}/withdraw-bid`, { tenant: 'a', json: { agent: 'worker' } })).body.receipt
        .events,
    ).toEqual([]);
    expect(
      (
        await call(host, '/v1/agents', {
          tenant: 'a',
          json: { id: word, agent_type: `${word}_clerk`, limits: { presence_seconds: 3_600 } },
        })
      ).status,
    ).toBe(201);
    expect(
      (await call(host, `/v1/tasks/${word}/bids`, { tenant: 'a', as: word, json: {} })).body.receipt.events,
    ).toEqual(['BidPlaced']);
    expect(
      (await call(host, `/v1/tasks/${word}/withdraw-bid`, { tenant: 'a', as: word, json: {} })).body.receipt.events,
    ).toEqual(['BidWithdrawn']);
    // Such a name is no capability that every agent has.
    const open = await call(host, '/v1/tasks', {
      tenant: 'a',
      json: { id: `${word}-2`, task_type: 'any', requires: [{ capability: word, level: 0 }] },
    });
    expect(open.body.task.status).toBe('open');
    expect(
      (await call(host, `/v1/tasks/${word}-2/bids`, { tenant: 'a', json: { agent: 'worker' } })).body.task.status,
    ).toBe('open');
  }
  await settled(host);
  for (const word of words) expect((await call(host, `/v1/tasks/${word}-2`, { tenant: 'a' })).body.status).toBe('open');
  // Of each: two tasks, one agent, two bids, and that one was taken back.
  expect(await written()).toHaveLength(words.length * 6);
});

test('after all of it the log begins as before, and nothing failed inside', async () => {
  for (const tenant of TENANTS) {
    const { receipts } = await receiptsAfter(tenant, '0');
    expect(receipts.slice(0, before[tenant]?.length)).toEqual(before[tenant]);
  }
  expect(host.output()).not.toMatch(/"level":("error"|50|60)/);
  expect(host.output()).not.toContain('parked');
  const { body } = await call(host, '/v1/status');
  expect(body.feed.length).toBeGreaterThan(1);
  for (const consumer of body.feed) expect(consumer).toMatchObject({ parked: 0 });
});
