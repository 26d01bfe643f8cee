import fc from 'fast-check';
import { hides, match, overlap, parseTemplate, pathOf, takenAt } from '../../functions/edge/template';

const t = parseTemplate;
const get = (path: string) => ({ method: 'GET', template: t(path) });

describe('hides', () => {
  test.each([
    ['/agents/{id}', '/agents/repository', true],
    ['/agents/repository', '/agents/{id}', false],
    ['/agents/{id}/inbox', '/agents/repository/{type}', true],
    ['/agents/repository/{type}', '/agents/{id}/inbox', false],
    ['/agents/{id}', '/Agents/{agent}', true],
    ['/agents/{id}', '/agents', false],
    ['/agents/{id}', '/agents/{id}/inbox', false],
    ['/{*all}', '/agents', true],
    ['/agents', '/{*all}', false],
    ['/signals/{type}/{*place}', '/signals/{type}/all', true],
    ['/signals/{type}/all', '/signals/{type}/{*place}', false],
    ['/signals/{*place}', '/signals', true],
    ['/a/b', '/a/c', false],
  ])('%s before %s: %s', (earlier, later, hidden) => expect(hides(t(earlier), t(later))).toBe(hidden));
});

describe('takenAt', () => {
  const routes = [
    get('/agents/{id}'),
    get('/agents/{id}/inbox'),
    get('/agents/repository'),
    get('/agents/repository/search'),
    get('/agents/repository/{type}'),
    { method: 'POST', template: t('/agents/deploy') },
  ];

  test.each(['repository', 'Repository', 'REPOSITORY'])("an agent can't be called %s", (id) =>
    expect(takenAt(routes, t('/agents/{id}')).has(id.toLowerCase())).toBe(true),
  );
  test.each(['Search', 'search'])("a type can't be called %s", (id) =>
    expect(takenAt(routes, t('/agents/repository/{type}')).has(id.toLowerCase())).toBe(true),
  );
  test.each(['deploy', 'inbox', 'search', 'repositor'])(
    'an agent can be called %s: no route of the same method hides it',
    (id) => expect(takenAt(routes, t('/agents/{id}')).has(id.toLowerCase())).toBe(false),
  );
  test('a literal below counts too', () =>
    expect(takenAt([get('/a/{id}/x'), get('/a/all/x')], t('/a/{id}')).has('ALL'.toLowerCase())).toBe(true));
});

const segment = fc.constantFrom('a', 'b', '{x}', '{y}');
const template = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
  .map(([parts, rest]) => t(`/${[...parts, ...(rest ? ['{*rest}'] : [])].join('/')}`));
const path = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);

test('templates that share a path overlap, and the more special one is not hidden by being first', () => {
  fc.assert(
    fc.property(template, template, path, (one, other, text) => {
      const both = match(one, pathOf(text)) !== undefined && match(other, pathOf(text)) !== undefined;
      if (both) expect([overlap(one, other), hides(one, other) || hides(other, one)]).toEqual([true, true]);
      if (!overlap(one, other)) expect(hides(one, other)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});
