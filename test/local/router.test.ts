import { Router } from '../../local/router';

function routerOf(...routes: [method: string, template: string][]): Router<string> {
  const router = new Router<string>();
  for (const [method, template] of routes) router.add(method, template, `${method} ${template}`);
  return router;
}

describe('Router', () => {
  const router = routerOf(
    ['GET', ''],
    ['GET', 'v1/agents/{id}'],
    ['GET', 'v1/agents/repository'],
    ['POST', 'v1/agents/deploy'],
    ['GET', 'v1/agents/{id}/tasks/{task}'],
    ['PUT', 'v1/agents/repository/{entry}'],
    ['GET', 'v1/{*rest}'],
    ['GET', 'openapi.json'],
  );
  const find = (method: string, path: string): unknown => {
    const match = router.find(method, path);
    return match.kind === 'found' ? [match.value, match.params] : match.kind === 'method' ? match.allow : undefined;
  };

  test.each([
    ['/', 'GET ', {}],
    ['/openapi.json', 'GET openapi.json', {}],
    ['/v1/agents/a1', 'GET v1/agents/{id}', { id: 'a1' }],
    ['/v1/agents/a1/', 'GET v1/agents/{id}', { id: 'a1' }],
    ['/v1/agents/a%20b', 'GET v1/agents/{id}', { id: 'a b' }],
    ['/v1/agents/a%2Fb', 'GET v1/agents/{id}', { id: 'a%2Fb' }],
    ['/V1/%41gents/a1', 'GET v1/agents/{id}', { id: 'a1' }],
    ['/v1/agents/x/tasks/y', 'GET v1/agents/{id}/tasks/{task}', { id: 'x', task: 'y' }],
    ['/v1/agents/repository/tasks/y', 'GET v1/agents/{id}/tasks/{task}', { id: 'repository', task: 'y' }],
    ['/v1/agents/x/y', 'GET v1/{*rest}', { rest: 'agents/x/y' }],
    ['/v1/agents/x/y/', 'GET v1/{*rest}', { rest: 'agents/x/y/' }],
    ['/v1/x/../agents/./a1', 'GET v1/agents/{id}', { id: 'a1' }],
    ['/v1/x/%2e%2E/agents/a1', 'GET v1/agents/{id}', { id: 'a1' }],
    ['/../v1/agents/a1', 'GET v1/agents/{id}', { id: 'a1' }],
    ['/v1/agents/a1/x/..', 'GET v1/agents/{id}', { id: 'a1' }],
    ['/v1', 'GET v1/{*rest}', { rest: '' }],
  ])('GET %s', (path, value, params) => expect(find('GET', path)).toEqual([value, params]));

  test('the first that fits serves, whatever is more specific', () => {
    expect(find('GET', '/v1/agents/repository')).toEqual(['GET v1/agents/{id}', { id: 'repository' }]);
    const other = routerOf(['GET', 'v1/agents/repository'], ['GET', 'v1/agents/{id}']);
    expect(other.find('GET', '/V1/Agents/Repository')).toMatchObject({ value: 'GET v1/agents/repository' });
  });

  test('what takes every path is no path of its own', () => {
    const other = routerOf(['GET', 'things'], ['POST', '{*path}']);
    expect(other.find('POST', '/things')).toMatchObject({ kind: 'found', params: { path: 'things' } });
    expect(other.find('POST', '/')).toMatchObject({ kind: 'found', params: { path: '' } });
    expect(other.find('PUT', '/things')).toEqual({ kind: 'method', allow: ['GET'] });
    expect(other.find('PUT', '/else')).toEqual({ kind: 'none' });
  });

  test('a literal of another method does not hide a placeholder', () => {
    expect(find('GET', '/v1/agents/deploy')).toEqual(['GET v1/agents/{id}', { id: 'deploy' }]);
    expect(find('POST', '/v1/agents/deploy')).toEqual(['POST v1/agents/deploy', {}]);
  });

  test('knows the methods of a path', () => {
    expect(find('DELETE', '/v1/agents/deploy')).toEqual(['GET', 'POST']);
    expect(find('PUT', '/openapi.json')).toEqual(['GET']);
  });

  test.each(['/v2', '/v2/agents', '/openapi.json/x', '//x'])('%s is unknown', (path) =>
    expect(find('GET', path)).toBeUndefined(),
  );

  test('a placeholder takes no empty segment', () =>
    expect(routerOf(['GET', 'a/{b}/c']).find('GET', '/a//c').kind).toBe('none'));

  test('bad encoding throws', () => expect(() => router.find('GET', '/v1/agents/%zz')).toThrow(URIError));

  test.each(['v1/{id:int}', 'v1/{id?}', 'v1/a{id}', '{}'])('does not support %s', (template) =>
    expect(() => routerOf(['GET', template])).toThrow('not supported'),
  );

  test('the same route twice is refused', () => {
    expect(() => routerOf(['GET', 'a/{b}'], ['GET', 'a/{c}'])).toThrow('the same for GET');
    expect(() => routerOf(['GET', 'a/{b}'], ['POST', 'a/{c}'])).not.toThrow();
  });
});
