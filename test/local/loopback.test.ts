import { isLoopback, loopbackGuard } from '../../local/loopback';

describe('isLoopback', () => {
  test.each(['localhost', '127.0.0.1', '127.8.9.1', '::1'])('%s is', (name) => expect(isLoopback(name)).toBe(true));
  test.each(['0.0.0.0', '::', '', '10.0.0.1', '127.0.0.1.example.com', 'localhost.example.com', '1127.0.0.1'])(
    '%j is not',
    (name) => expect(isLoopback(name)).toBe(false),
  );
});

describe('loopbackGuard', () => {
  const guard = loopbackGuard(7071);
  const status = (headers: Record<string, string>): number | undefined => guard(headers)?.document.status;

  test.each(['localhost:7071', '127.0.0.1:7071', '[::1]:7071', 'LocalHost:7071'])('answers to %s', (host) =>
    expect(status({ host })).toBeUndefined(),
  );

  test.each([
    'evil.example:7071',
    'localhost',
    'localhost:7072',
    '127.0.0.2:7071',
    'localhost:7071.evil.example',
    'localhost:7071@evil.example',
    '',
  ])('does not answer to %j', (host) => expect(status({ host })).toBe(421));

  test('does not answer without Host', () => expect(status({})).toBe(421));

  test('needs no port in Host on port 80', () => {
    expect(loopbackGuard(80)({ host: 'localhost' })).toBeUndefined();
    expect(loopbackGuard(80)({ host: '[::1]:80' })).toBeUndefined();
  });

  const host = 'localhost:7071';
  test.each(['http://localhost:7071', 'http://127.0.0.1:7071', 'http://[::1]:7071'])(
    'lets pages of %s call',
    (origin) => expect(status({ host, origin })).toBeUndefined(),
  );
  test.each([
    'https://evil.example',
    'null',
    'http://localhost:3000',
    'https://localhost:7071',
    'http://localhost:7071.evil.example',
    '',
  ])('refuses pages of %j', (origin) => expect(status({ host, origin })).toBe(403));

  test('refuses what a browser calls cross-site, and only that', () => {
    expect(status({ host, 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(status({ host, 'sec-fetch-site': 'same-origin' })).toBeUndefined();
    expect(status({ host, 'sec-fetch-site': 'none' })).toBeUndefined();
  });
});
