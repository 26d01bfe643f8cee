/** How what a request holds is read: versions, bodies, values of several forms, and those out of bounds. */
import { z } from 'zod';
import { refusals } from '../../contract/problems';
import { bindRoute, type Call, type RequestInfo, setEdge } from '../../functions/edge/route';
import { ADA, call, post } from './support';

jest.mock('@azure/functions-core', () => jest.requireActual<object>('../../local/core'), { virtual: true });

let seen: Call | undefined;
const infos: RequestInfo[] = [];
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

describe('routes', () => {
  beforeAll(() =>
    setEdge({
      principalOf: () => ADA,
      permits: () => ({ allowed: true }),
      claim: async ({ request }) => ({ request, kept: Promise.resolve() }),
      onRequest: (info) => void infos.push(info),
    }),
  );

  beforeEach(() => {
    seen = undefined;
    infos.length = 0;
  });

  describe('reading', () => {
    beforeAll(() => {
      bindRoute(
        {
          ...common,
          name: 'versioned',
          method: 'GET',
          path: '/versioned',
        },
        () => ({ status: 200, body: { a: 1 }, etag: 7 }),
      );
      bindRoute(
        {
          ...common,
          name: 'streamed',
          method: 'GET',
          path: '/streamed',
        },
        () => ({ status: 200, contentType: 'text/event-stream', stream: unread() }),
      );
      bindRoute(
        {
          ...common,
          name: 'place',
          method: 'GET',
          path: '/place/{*rest}',
          params: z.object({ rest: z.string() }),
        },
        keep,
      );
    });
    const unread = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.reject(new Error('it was read'));
    };

    test.each(['"7"', 'W/"7"', '*', '"1", "7"', ' "7" '])(
      'what the caller knows as %s is not sent again',
      async (known) => {
        const reply = await call('versioned', { headers: { 'if-none-match': known } });
        expect([reply.status, reply.body, reply.headers['etag']]).toEqual([304, undefined, '"7"']);
      },
    );

    test.each(['"6"', '7', '"77"', ''])('what it knows as %j is', async (known) =>
      expect((await call('versioned', { headers: { 'if-none-match': known } })).status).toBe(200),
    );

    test('without the body has the same head', async () => {
      const [head, whole] = await Promise.all([call('versioned', { method: 'HEAD' }), call('versioned')]);
      expect([head.status, head.headers]).toEqual([200, whole.headers]);
      expect(infos.map(({ method }) => method).sort()).toEqual(['GET', 'HEAD']);
    });

    test('the head of a stream begins none', async () =>
      expect((await call('streamed', { method: 'HEAD' })).body).toBeUndefined());

    test('a slash at the end of a path counts nowhere', async () => {
      await call('place', { params: { rest: 'a/b/' } });
      expect(seen?.params).toEqual({ rest: 'a/b' });
    });
  });

  describe('a body that needs no field', () => {
    beforeAll(() =>
      bindRoute(
        {
          ...common,
          name: 'optional',
          method: 'POST',
          path: '/optional',
          body: z.strictObject({ reason: z.string().default('none') }),
        },
        keep,
      ),
    );

    test.each([undefined, 'application/json', 'text/plain', 'application/x-www-form-urlencoded'])(
      'may be left out, with the content type %s',
      async (type) => {
        expect(
          (await call('optional', { method: 'POST', headers: type === undefined ? {} : { 'content-type': type } }))
            .status,
        ).toBe(204);
        expect(seen?.body).toEqual({ reason: 'none' });
      },
    );

    test('is read when it is there', async () => {
      expect(
        (await call('optional', { method: 'POST', body: '{"reason":"x"}', headers: { 'content-type': 'text/plain' } }))
          .status,
      ).toBe(415);
      expect((await post('optional', { reason: 1 })).status).toBe(400);
    });

    test('is not what another command needs', async () => {
      const body = z.strictObject({ title: z.string() });
      bindRoute({ ...common, name: 'create', method: 'POST', path: '/things', body }, keep);
      expect((await call('create', { method: 'POST', headers: { 'content-type': 'application/json' } })).status).toBe(
        400,
      );
    });
  });

  describe('a value of several forms', () => {
    beforeAll(() => {
      const Voter = z.strictObject({ id: z.string(), why: z.string() });
      const Search = z.strictObject({ capability: z.string(), limit: z.number().optional() });
      bindRoute(
        {
          ...common,
          name: 'forms',
          method: 'POST',
          path: '/forms',
          body: z.strictObject({
            voters: z.union([z.array(Voter), Search]),
            names: z
              .record(z.string().regex(/^[a-z]+$/, 'must be small letters'), z.union([z.number(), z.string()]))
              .optional(),
          }),
        },
        keep,
      );
    });

    test.each([
      [{ voters: [{ id: 'a' }] }, [{ pointer: '#/voters/0/why', message: 'is missing: it must be a text' }]],
      [
        { voters: { capability: 'x', limit: 'y' } },
        [{ pointer: '#/voters/limit', message: 'must be a number, not a text' }],
      ],
      [{ voters: { capability: 'x', more: 1 } }, [{ pointer: '#/voters/more', message: 'is not a known field' }]],
      [
        { voters: 7 },
        [{ pointer: '#/voters', message: 'must be a list, not a number; or: must be an object, not a number' }],
      ],
      [
        { voters: [], names: { a: true } },
        [
          {
            pointer: '#/names/a',
            message: 'must be a number, not true or false; or: must be a text, not true or false',
          },
        ],
      ],
      [
        { voters: [], names: { A: 1 } },
        [{ pointer: '#/names/A', message: 'has a name that is not accepted: must be small letters' }],
      ],
    ])('%j says what is wrong with the form that was meant', async (body, errors) =>
      expect((await post('forms', body)).json()['errors']).toEqual(errors),
    );
  });

  describe('a value that is out of bounds', () => {
    beforeAll(() => {
      const body = z.strictObject({
        share: z.number().min(0).max(1),
        name: z.string().min(1).max(3),
        list: z.array(z.number()).max(2),
        whole: z.int().positive(),
        way: z.enum(['up', 'down']),
        on: z.literal(true),
      });
      bindRoute({ ...common, name: 'bounds', method: 'POST', path: '/bounds', body }, keep);
    });
    const good = { share: 1, name: 'a', list: [], whole: 1, way: 'up', on: true };

    test.each<[object, string, string]>([
      [{ share: 2 }, 'share', 'must be at most 1'],
      [{ share: -1 }, 'share', 'must be at least 0'],
      [{ name: 'abcd' }, 'name', 'must have at most 3 characters'],
      [{ name: '' }, 'name', 'must have at least 1 characters'],
      [{ list: [1, 2, 3] }, 'list', 'must have at most 2 items'],
      [{ whole: 0 }, 'whole', 'must be more than 0'],
      [{ whole: 1.5 }, 'whole', 'must be a whole number'],
      [{ way: 'left' }, 'way', 'must be one of "up", "down"'],
    ])('%j says what it must be', async (given, field, message) => {
      expect((await post('bounds', { ...good, ...given })).json()['errors']).toEqual([
        { pointer: `#/${field}`, message },
      ]);
    });

    test('nothing of it is what the library says of itself', async () => {
      const { errors } = (await post('bounds', { on: 1 })).json() as { errors: { message: string }[] };
      expect(errors).toHaveLength(6);
      for (const { message } of errors) expect(message).not.toMatch(/expected|received|undefined/);
    });
  });
});
