/** Where a request comes from: what a proxy that is trusted has appended, and nothing that its caller has written. */
import { addressOf } from '../../functions/edge/address';

const of = (value: string | null, proxies = 0) =>
  addressOf((name) => (name === 'x-forwarded-for' ? value : null), proxies);

test.each([
  [null, 'unknown'],
  ['', 'unknown'],
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:4711', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['[::ffff:203.0.113.7]:4711', '203.0.113.7'],
  ['2001:db8:0:1::7', '2001:db8:0:1::/64'],
  ['[2001:DB8:0:1:ffff:ffff:ffff:ffff]:443', '2001:db8:0:1::/64'],
  ['2001:0db8::0001:0:0:0:9', '2001:db8:0:1::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['1.2.3.4, 203.0.113.7', '203.0.113.7'],
  ['1.2.3.4, evil', 'unknown'],
  [`${'9'.repeat(10_000)}`, 'unknown'],
])('%.40s is %s', (header, address) => {
  expect(of(header)).toBe(address);
});

test('behind proxies that append as well, the one before them counts, and never what the caller wrote', () => {
  expect(of('6.6.6.6, 203.0.113.7, 10.0.0.1', 1)).toBe('203.0.113.7');
  expect(of('203.0.113.7, 10.0.0.1, 10.0.0.2', 2)).toBe('203.0.113.7');
  // Whoever comes past them: as near as it is known.
  expect(of('10.0.0.2', 2)).toBe('10.0.0.2');
});
