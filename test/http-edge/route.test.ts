import { setTimeout as sleep } from 'node:timers/promises';
import { HttpRequest, InvocationContext } from '@azure/functions';
import { z } from 'zod';
import { StoreBusy } from '../../app/engine/ports';
import { refusals } from '../../contract/problems';
import { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import { attachEntered, entranceOf } from '../../functions/edge/entrance';
import { Problem, problem, rejected } from '../../functions/edge/problem';
import { bindRoute, type Call, type RequestInfo, setEdge } from '../../functions/edge/route';
import { serverSentEvents } from '../../functions/edge/stream';
import { registrations } from '../../local/core';
import { eventually } from '../support/eventually';
import { ADA, call, post } from './support';

jest.mock('@azure/functions-core', () => jest.requireActual<object>('../../local/core'), { virtual: true });

let caller: Principal | Problem = ADA;
let retryAfterSeconds: number | undefined;
let wait = 0;
/** Seconds after which to come again, of whoever would have to wait for its turn. */
let turn: number | undefined;
/** Of their bodies, of those that asked for a turn. */
const sizes: number[] = [];
const asked: [string, string][] = [];
const askedAgain: [string, string][] = [];
const charged: [string, number][] = [];
const weighed: [string, number][] = [];
const heard: string[] = [];
const paced: string[] = [];
let seen: Call | undefined;
/** Whether the route that waits does so until it is told. */
let waits = false;
/** Tells that what the caller has shown holds no more. */
let over: ((problem: Problem) => void) | undefined;
const infos: RequestInfo[] = [];
const errors = jest.spyOn(console, 'error').mockImplementation(() => {});

const common = {
  summary: 's',
  tag: { name: 't', description: 'd', refusals: refusals('None', []) },
  needs: 'read_write',
  answer: z.unknown(),
  answers: 'd',
  example: {},
} as const;
const keep = (given: unknown): { status: number } => {
  seen = given as Call;
  return { status: 204 };
};

/** Reads a stream. */
function collected(stream: AsyncIterable<Uint8Array>): { text: () => string; ended: Promise<void> } {
  let text = '';
  const ended = (async () => {
    for await (const chunk of stream) text += Buffer.from(chunk).toString();
  })();
  return { text: () => text, ended };
}

test('without an edge nothing is answered', async () => {
  bindRoute({ ...common, name: 'early', method: 'GET', path: '/early' }, keep);
  expect((await call('early')).status).toBe(500);
});

describe('routes', () => {
  beforeAll(() => {
    setEdge({
      principalOf: () => caller,
      permits: () => (retryAfterSeconds === undefined ? { allowed: true } : { retryAfterSeconds }),
      admits: (work, { tenant }) => {
        asked.push([work, tenant]);
        return work === 'underway' ? 0 : wait;
      },
      admitsStill: (work, { tenant }) => {
        askedAgain.push([work, tenant]);
        return work === 'underway' ? 0 : wait;
      },
      turn: (work, _, bytes) => {
        sizes.push(bytes);
        return work === 'underway' ? undefined : turn;
      },
      heard: ({ id }) => void heard.push(id),
      paces: (_, key) => {
        paced.push(key);
        return 0;
      },
      charge: (work, _, cost) => void charged.push([work, cost]),
      weigh: ({ id }, cost) => void weighed.push([id, cost]),
      claim: async ({ request }) => ({ request, kept: Promise.resolve() }),
      watch: (_, end) => {
        over = end;
        return () => (over = undefined);
      },
      onRequest: (info) => void infos.push(info),
    });
    bindRoute({ ...common, name: 'long', method: 'GET', path: '/long' }, async ({ gone }) => {
      await new Promise((resolve) => setImmediate(resolve));
      gone?.throwIfAborted();
      return { status: 204 };
    });
    bindRoute({ ...common, name: 'wait', method: 'GET', path: '/wait' }, async ({ signal }) => {
      await Promise.race([
        new Promise((resolve) => signal.addEventListener('abort', resolve)),
        waits ? new Promise(() => undefined) : sleep(50),
      ]);
      return { body: 'what was found' };
    });
    bindRoute({ ...common, name: 'flow', method: 'GET', path: '/flow' }, ({ signal }) => {
      async function* silent(): AsyncGenerator<never> {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      }
      return serverSentEvents(silent(), signal);
    });
    bindRoute({ ...common, name: 'plain', method: 'GET', path: '/plain' }, keep);
    bindRoute(
      { ...common, name: 'large', method: 'GET', path: '/large', query: z.object({ bytes: z.coerce.number() }) },
      ({ query }) => ({ body: Buffer.alloc(query.bytes), contentType: 'application/octet-stream' }),
    );
    bindRoute(
      { ...common, name: 'letters', method: 'GET', path: '/letters', query: z.object({ letters: z.coerce.number() }) },
      ({ query }) => ({ body: 'я'.repeat(query.letters) }),
    );
    bindRoute(
      {
        ...common,
        name: 'get',
        method: 'GET',
        path: '/things/{id}',
        params: z.object({ id: z.string().max(5) }),
        query: z.object({ limit: z.coerce.number().int().max(10).default(5), q: z.string().optional() }),
      },
      keep,
    );
    bindRoute(
      {
        ...common,
        name: 'create',
        method: 'POST',
        path: '/things',
        body: z.strictObject({ title: z.string(), inner: z.strictObject({ n: z.number() }).optional() }),
      },
      ({ body, principal, now }) => ({
        status: 201,
        body: { title: body.title, by: principal.id, now },
        etag: 0,
        headers: { location: '/things/1' },
      }),
    );
    bindRoute(
      {
        ...common,
        name: 'many',
        method: 'POST',
        path: '/many',
        work: 'new',
        body: z.strictObject({ things: z.array(z.number()) }),
        cost: ({ things }: { readonly things: readonly number[] }) => things.length,
      },
      keep,
    );
    bindRoute({ ...common, name: 'small', method: 'POST', path: '/small', body: z.json(), bodyLimit: 10 }, keep);
    bindRoute(
      {
        ...common,
        name: 'text',
        method: 'GET',
        path: '/text',
      },
      () => ({ status: 200, contentType: 'text/plain', body: 'hello' }),
    );
    bindRoute(
      {
        ...common,
        name: 'stops',
        method: 'GET',
        path: '/stops',
      },
      () => Problem.of('not-found', 'No such thing.'),
    );
    bindRoute(
      {
        ...common,
        name: 'rule',
        method: 'GET',
        path: '/rule',
      },
      () => {
        throw rejected(new Rejection('conflict', 'task-already-completed', 'It is done.', { award: 3 }));
      },
    );
    bindRoute(
      {
        ...common,
        name: 'busy',
        method: 'GET',
        path: '/busy',
      },
      () => {
        throw new StoreBusy('partition 7 of the secret account is out of units', 2_001);
      },
    );
    bindRoute(
      {
        ...common,
        name: 'rule-busy',
        method: 'GET',
        path: '/rule-busy',
      },
      () => {
        throw rejected(new Rejection('unavailable', 'store-busy', 'Later.', { retryAfterSeconds: 4 }));
      },
    );
    bindRoute(
      {
        ...common,
        name: 'fails',
        method: 'POST',
        path: '/fails',
        body: z.json(),
      },
      () => {
        throw new TypeError('inner secret');
      },
    );
  });
  beforeEach(() => {
    caller = ADA;
    retryAfterSeconds = undefined;
    wait = 0;
    seen = undefined;
    infos.length = 0;
    errors.mockClear();
  });

  test('are registered with the runtime', () => {
    const { bindings } = registrations().find(({ name }) => name === 'get')!;
    expect(Object.values(bindings)).toContainEqual(
      expect.objectContaining({
        type: 'httpTrigger',
        route: 'things/{id}',
        methods: ['GET', 'HEAD'],
        authLevel: 'anonymous',
      }),
    );
  });

  test('that contradict themselves are refused at once', () => {
    const bad = { ...common, name: 'bad', method: 'GET' } as const;
    expect(() => bindRoute({ ...bad, path: '/bad/{id}' }, keep)).toThrow('params has nothing');
    expect(() => bindRoute({ ...bad, path: '/bad', params: z.object({ id: z.string() }) }, keep)).toThrow(
      'params has id',
    );
    expect(() => bindRoute({ ...bad, path: '/bad', body: z.json() }, keep)).toThrow('a GET has no body');
  });

  describe('admission', () => {
    test('asks who calls', async () => {
      caller = Problem.of('unauthenticated', 'Who are you?');
      expect((await call('plain')).status).toBe(401);
      expect(seen).toBeUndefined();
    });

    test('needs the level', async () => {
      caller = { ...ADA, level: 'read_only' };
      const reply = await call('plain');
      expect([reply.status, reply.json()['detail']]).toEqual([
        403,
        'This needs the level read_write; ada holds read_only.',
      ]);
      caller = { ...ADA, level: 'critical' };
      expect((await call('plain')).status).toBe(204);
    });

    test('limits the rate, of those without the level too', async () => {
      retryAfterSeconds = 1.2;
      caller = { ...ADA, level: 'read_only' };
      const reply = await call('plain');
      expect([reply.status, reply.headers['retry-after'], reply.json()['retryAfterSeconds']]).toEqual([429, '2', 1.2]);
    });

    test('hears of whoever asks, also of those that it does not let in', async () => {
      heard.length = 0;
      await call('plain');
      retryAfterSeconds = 1;
      await call('plain');
      retryAfterSeconds = undefined;
      expect((await post('create', { nothing: 'that is known' })).status).toBe(400);
      expect(heard).toEqual(['ada', 'ada', 'ada']);
    });

    test('remembers of an Idempotency-Key no more than one may be', async () => {
      paced.length = 0;
      for (const [key, status] of [
        ['k'.repeat(200), 201],
        ['k'.repeat(201), 400],
        ['two words', 400],
      ] as const)
        expect((await post('create', { title: 'T' }, { 'idempotency-key': key })).status).toBe(status);
      expect(paced).toEqual(['k'.repeat(200)]);
    });

    test('hears nothing of whoever sends headers alone', async () => {
      heard.length = 0;
      const entrance = entranceOf(registrations().find(({ name }) => name === 'create')!.callback);
      expect(await entrance?.({ method: 'POST', path: '/things', header: () => null })).toMatchObject({
        entered: { refusal: undefined },
      });
      expect(heard).toEqual([]);
      // Nothing more is asked of whoever is refused.
      retryAfterSeconds = 1;
      expect(await entrance?.({ method: 'POST', path: '/things', header: () => null })).toMatchObject({
        refused: { status: 429 },
      });
      expect(heard).toEqual(['ada']);
    });
  });

  describe('a host that is late', () => {
    test('refuses new work and reads before it looks at them, and lets pass what is under way', async () => {
      wait = 2.4;
      asked.length = 0;
      charged.length = 0;
      const refused = await call('many', { method: 'POST', query: '?a=1', body: 'no JSON at all' });
      expect([refused.status, refused.headers['retry-after']]).toEqual([429, '3']);
      expect(refused.json()).toMatchObject({
        type: 'https://formicary.dev/problems/overloaded',
        retryAfterSeconds: 2.4,
      });
      expect((await call('plain')).status).toBe(429);
      expect((await post('create', { title: 'T' })).status).toBe(201);
      expect(asked).toEqual([
        ['new', 'default'],
        ['read', 'default'],
        ['underway', 'default'],
      ]);
      expect(charged).toEqual([['underway', 1]]);
    });

    test('hears how large a body is before its turn; what is not said may be any size', async () => {
      sizes.length = 0;
      await call('plain');
      await post('create', { title: 'T' }, { 'content-length': '13' });
      await post('create', { title: 'T' });
      expect(sizes).toEqual([0, 13, Infinity]);
    });

    test('says of a refusal whether it is late, or too much of the tenant waits for its turn', async () => {
      wait = 2.4;
      turn = 1.2;
      const late = await call('plain');
      wait = 0;
      const full = await call('plain');
      turn = undefined;
      expect([late.status, full.status]).toEqual([429, 429]);
      expect(late.json()).toMatchObject({ detail: expect.stringMatching(/host is late.* in 2\.4 s/) });
      expect(full.json()).toMatchObject({ detail: expect.stringMatching(/your tenant waits.* in 1\.2 s/) });
    });

    test.each([
      [2.4, 429],
      [0, 204],
    ])(
      'asks again, %s s later, when the body took its time: once counted, and heard all the same',
      async (s, status) => {
        for (const list of [asked, askedAgain, heard]) list.length = 0;
        const request = new HttpRequest({
          method: 'POST',
          url: 'http://localhost:7071/many',
          headers: { 'content-type': 'application/json' },
          body: { bytes: Buffer.from('{"things":[]}') },
        });
        const { callback } = registrations().find(({ name }) => name === 'many')!;
        const letIn = await entranceOf(callback)?.({ method: 'POST', path: '/things', header: () => null });
        if (letIn === undefined || !('entered' in letIn)) throw new Error('it was refused');
        attachEntered(request, { ...letIn.entered, at: letIn.entered.at - 2_000 });
        wait = s;
        expect(await callback(request, new InvocationContext())).toMatchObject({ status });
        expect([asked, askedAgain, heard]).toEqual([[['new', 'default']], [['new', 'default']], ['ada']]);
      },
    );

    test('is told what a request costs when its body is known, and not of one that has no meaning', async () => {
      charged.length = 0;
      await post('many', { things: [1, 2, 3] });
      await post('many', { things: 'none' });
      await call('plain');
      expect(charged).toEqual([
        ['new', 3],
        ['read', 1],
      ]);
    });
  });

  test('a large answer costs by its bytes, whatever work it is', async () => {
    await call('large', { query: `?bytes=${64 * 1024}` });
    await call('large', { query: `?bytes=${160 * 1024}` });
    expect(weighed).toEqual([['ada', 1.5]]);
    await call('letters', { query: `?letters=${80 * 1024 - 1}` });
    expect(weighed[1]).toEqual(['ada', 1.5]);
  });

  describe('parameters', () => {
    test('arrive parsed', async () => {
      expect((await call('get', { params: { id: 'a' }, query: '?limit=7' })).status).toBe(204);
      expect(seen).toMatchObject({ principal: ADA, params: { id: 'a' }, query: { limit: 7 }, body: undefined });
      await call('get', { params: { id: 'a' } });
      expect(seen!.query).toEqual({ limit: 5 });
    });

    test.each([
      ['of the path, too long', { params: { id: 'abcdef' } }, 'id'],
      ['of the path, with NUL', { params: { id: 'a\0' } }, 'id'],
      ['of the query, of a wrong type', { params: { id: 'a' }, query: '?limit=x' }, 'limit'],
      ['of the query, too large', { params: { id: 'a' }, query: '?limit=11' }, 'limit'],
      ['of the query, unknown', { params: { id: 'a' }, query: '?Limit=1' }, 'Limit'],
      ['of the query, repeated', { params: { id: 'a' }, query: '?q=1&q=1' }, 'q'],
      ['of the query, with NUL', { params: { id: 'a' }, query: '?q=%00' }, 'q'],
      ['of the query, no UTF-8', { params: { id: 'a' }, query: '?q=%FF' }, 'q'],
      ['of the query, half a pair of surrogates', { params: { id: 'a' }, query: '?limit=7&q=%ED%A0%80' }, 'q'],
      ['of the query, half an escape', { params: { id: 'a' }, query: '?q=100%' }, 'q'],
      ['of the query, named like a part of every object', { params: { id: 'a' }, query: '?__proto__=1' }, '__proto__'],
    ])('%s, are refused', async (_, sent, parameter) => {
      const reply = await call('get', sent);
      expect([reply.status, reply.json()['type']]).toEqual([400, 'https://formicary.dev/problems/invalid-request']);
      expect(reply.json()['errors']).toEqual([{ parameter, message: expect.any(String) as string }]);
      expect(seen).toBeUndefined();
    });

    test('are refused where none are known', async () =>
      expect((await call('plain', { query: '?a=1' })).status).toBe(400));
  });

  describe('bodies', () => {
    test('arrive parsed; the answer is JSON', async () => {
      const before = Date.now();
      const reply = await post('create', { title: 'T' });
      expect(reply).toMatchObject({
        status: 201,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
          etag: '"0"',
          location: '/things/1',
        },
      });
      expect(reply.json()).toEqual({ title: 'T', by: 'ada', now: expect.any(Number) as number });
      expect(reply.json()['now']).toBeGreaterThanOrEqual(before);
    });

    test('list everything that is wrong', async () => {
      const reply = await post('create', { title: 1, inner: { n: 'x', 'a/b': 1 }, extra: true });
      expect([reply.status, reply.json()['type'], reply.headers['content-type']]).toEqual([
        400,
        'https://formicary.dev/problems/invalid-request',
        'application/problem+json',
      ]);
      expect((reply.json()['errors'] as { pointer: string }[]).map(({ pointer }) => pointer).sort()).toEqual([
        '#/extra',
        '#/inner/a~1b',
        '#/inner/n',
        '#/title',
      ]);
    });

    test.each([
      undefined,
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'application/jsonx',
    ])('of type %s are refused', async (type) => {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
      expect((await call('create', { method: 'POST', body: Buffer.from('{"title":"T"}'), headers })).status).toBe(415);
    });

    test.each([
      ['gzip', 415],
      ['identity, br', 415],
      ['Identity', 201],
    ])('in the encoding %s get %i', async (encoding, status) => {
      const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
      const reply = await call('create', { method: 'POST', body: Buffer.from('{"title":"T"}'), headers });
      expect(reply.status).toBe(status);
    });

    test.each(['application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"', 'application/json'])(
      'of type %s are taken',
      async (type) => {
        expect(
          (await call('create', { method: 'POST', body: '{"title":"T"}', headers: { 'content-type': type } })).status,
        ).toBe(201);
      },
    );

    test('that are not JSON are refused with the place', async () => {
      const reply = await call('create', {
        method: 'POST',
        body: '{"title":}',
        headers: { 'content-type': 'application/json' },
      });
      expect([reply.status, reply.json()['position']]).toEqual([400, 9]);
      expect(
        (await call('create', { method: 'POST', headers: { 'content-type': 'application/json' } })).json(),
      ).toMatchObject({ status: 400, position: 0 });
    });

    test('are limited, by what they say and by what they are', async () => {
      expect((await post('small', '12345678')).status).toBe(204);
      expect((await post('small', '123456789')).json()).toMatchObject({ status: 413, limit: 10 });
      expect((await post('small', '1', { 'content-length': '11' })).status).toBe(413);
      expect((await post('create', { title: 'x'.repeat(1_000_000) })).status).toBe(413);
    });
  });

  describe('headers', () => {
    const with_ = async (headers: Record<string, string>): Promise<number> => (await call('plain', { headers })).status;

    test('are read', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      expect(await with_({ 'Idempotency-Key': 'key-1', 'If-Match': '"12"', traceparent, 'X-Other': 'o' })).toBe(204);
      expect(seen).toMatchObject({ idempotencyKey: 'key-1', ifMatch: 12, traceparent });
      expect([seen!.header('x-other'), seen!.header('x-none')]).toEqual(['o', null]);
      await with_({});
      expect([seen!.idempotencyKey, seen!.ifMatch]).toEqual([undefined, undefined]);
      expect(seen!.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/);
    });

    test.each(['', 'a b', 'ä', 'x'.repeat(201)])('Idempotency-Key %j is refused', async (key) =>
      expect(await with_({ 'idempotency-key': key })).toBe(400),
    );
    test('Idempotency-Key may have 200 characters', async () =>
      expect(await with_({ 'idempotency-key': 'x'.repeat(200) })).toBe(204));

    test.each(['12', 'W/"12"', '*', '"012"', '"-1"', '"1","2"', '""', '"1e3"'])(
      'If-Match %s is refused',
      async (value) => expect(await with_({ 'if-match': value })).toBe(400),
    );

    test.each([
      ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', true],
      ['cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings', true],
      ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more', false],
      ['ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', false],
      ['00-00000000000000000000000000000000-b7ad6b7169203331-01', false],
      ['00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01', false],
      ['00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', false],
      ['nonsense', false],
    ])('traceparent %s: %s', async (traceparent, valid) => {
      expect(await with_({ traceparent })).toBe(204);
      // An ill-formed one is dropped: the request gets a trace of its own.
      if (valid) expect(seen!.traceparent).toBe(`00-${traceparent.slice(3, 55)}`);
      else expect(seen!.traceparent).toMatch(/^00-(?!0{32})[\da-f]{32}-[\da-f]{16}-00$/);
    });
  });

  describe('answers', () => {
    test('of another type are sent as they are', async () => {
      expect(await call('text')).toMatchObject({
        status: 200,
        body: 'hello',
        headers: { 'content-type': 'text/plain' },
      });
    });

    test('may be problems, returned or thrown', async () => {
      expect((await call('stops')).json()).toEqual({
        type: 'https://formicary.dev/problems/not-found',
        title: 'There is no such resource',
        status: 404,
        detail: 'No such thing.',
      });
      expect((await call('rule')).json()).toEqual({
        type: 'https://formicary.dev/problems/task-already-completed',
        title: 'Task already completed',
        status: 409,
        detail: 'It is done.',
        award: 3,
      });
    });

    test('of a busy store say when to come again, to reads too, and fill no log', async () => {
      const reply = await call('busy');
      expect([reply.status, reply.headers['retry-after'], reply.headers['content-type']]).toEqual([
        503,
        '3',
        'application/problem+json',
      ]);
      expect(reply.json()).toEqual({
        type: 'https://formicary.dev/problems/unavailable',
        title: 'Not available at the moment',
        status: 503,
        detail: 'The store has more to do than it can; try again in 3 s, with the same Idempotency-Key.',
        retryAfterSeconds: 3,
      });
      const refused = await call('rule-busy');
      expect([refused.status, refused.headers['retry-after'], refused.json()['type']]).toEqual([
        503,
        '4',
        'https://formicary.dev/problems/store-busy',
      ]);
      expect(errors).not.toHaveBeenCalled();
    });

    test('to a defect tell an id; the log tells the rest, without the payload', async () => {
      const reply = await post('fails', { password: 'hunter2' });
      expect([reply.status, reply.json()['type']]).toEqual([500, 'https://formicary.dev/problems/internal-error']);
      expect(reply.body).not.toContain('secret');
      expect(errors).toHaveBeenCalledTimes(1);
      const line = errors.mock.calls[0]![0] as string;
      expect(JSON.parse(line)).toMatchObject({
        level: 50,
        service: 'formicary',
        msg: 'a request failed',
        route: 'fails',
        errorId: reply.json()['errorId'],
        error: expect.stringContaining('inner secret') as string,
      });
      expect(line).not.toContain('hunter2');
    });

    test('are reported', async () => {
      await call('get', { params: { id: 'too long' } });
      expect(infos).toEqual([
        { route: 'get', method: 'GET', status: 400, milliseconds: expect.any(Number) as number, principal: ADA },
      ]);
    });
  });

  test('what is given up because nobody waits is no defect, and where no host can tell, nothing is given up', async () => {
    const gone = new AbortController();
    const reply = call('long', { signal: gone.signal });
    gone.abort(new Error('the client has gone'));
    expect((await reply).json()).toMatchObject({ status: 503, type: 'https://formicary.dev/problems/unavailable' });
    expect(errors).not.toHaveBeenCalled();
    await call('plain');
    expect(seen!.gone).toBeUndefined();
  });

  test('the signal aborts as the one that the host attached, with its reason', async () => {
    await call('plain');
    expect(seen!.signal.aborted).toBe(false);
    const controller = new AbortController();
    await call('plain', { signal: controller.signal });
    const { signal } = seen!;
    const reason = new Error('the client has gone');
    controller.abort(reason);
    expect([signal.aborted, signal.reason]).toEqual([true, reason]);
  });

  describe('when what the caller has shown holds no more', () => {
    beforeEach(() => (over = undefined));
    const END = Problem.of('unauthenticated', 'The token was revoked.', {}, { 'www-authenticate': 'Bearer' });

    test('whoever waits is told so instead of what was found', async () => {
      waits = true;
      const reply = call('wait');
      await eventually(async () => over !== undefined);
      over!(END);
      waits = false;
      const { status, headers, json } = await reply;
      expect([status, headers['www-authenticate'], json()['detail']]).toEqual([
        401,
        'Bearer',
        'The token was revoked.',
      ]);
      expect(over).toBeUndefined();
    });

    test('a stream ends, and is watched until it does', async () => {
      const { status, body } = await call('flow');
      expect(status).toBe(200);
      const { text, ended } = collected(body as AsyncIterable<Uint8Array>);
      await eventually(async () => text() !== '');
      over!(END);
      await ended;
      expect(text()).toBe('retry: 2000\n\n');
    });

    test('nobody is watched who was answered, or never waited', async () => {
      expect((await call('wait')).status).toBe(200);
      expect(over).toBeUndefined();
      await call('get', { params: { id: '1' } });
      expect(over).toBeUndefined();
    });
  });
});

test('extra members of a problem cannot replace the standard ones', () => {
  expect(problem(400, 's', 't', 'd', { status: 200, more: 1 })).toEqual({
    type: 'https://formicary.dev/problems/s',
    title: 't',
    status: 400,
    detail: 'd',
    more: 1,
  });
});
