/** What is counted is what the streams say, whatever comes late, twice or in another order. */
import fc from 'fast-check';
import { Census } from '../../app/market/census';

test('counts each stream once, by the newest that is known of it', () => {
  const note = fc.record({ stream: fc.nat(5), version: fc.nat(9), late: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(note, { maxLength: 60 }),
      fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
      (notes, counts) => {
        const census = new Census();
        const newest = new Map<string, { version: number; counts: boolean }>();
        // What a stream is at a version never changes.
        const isCounted = (stream: number, version: number) => counts[stream * 10 + version] as boolean;
        for (const { stream, version } of notes) {
          const name = `${stream < 3 ? 'acme' : 'other'}/task/t${stream}`;
          census.update(name, version, isCounted(stream, version));
          if (version > (newest.get(name)?.version ?? -1))
            newest.set(name, { version, counts: isCounted(stream, version) });
        }
        for (const tenant of ['acme', 'other'])
          expect(census.size(tenant)).toBe(
            [...newest].filter(([name, one]) => name.startsWith(`${tenant}/`) && one.counts).length,
          );
        for (const [name, one] of newest) expect(census.has(name)).toBe(one.counts);
      },
    ),
  );
});
