/** Everything that must not succeed, tried against a host that believes nobody without a token. */
import { AREAS, asks, family, tries } from '../../attack/attempt';
import { FAMILIES } from '../../attack/families';
import { attack, holds } from '../../attack/run';
import type { World } from '../../attack/world';
import { openWorld } from './support';

/** What a schedule posts comes with the next minute. */
const FAMILY_MS = 150_000;
let world: World;
beforeAll(async () => void (world = await openWorld()));
afterAll(() => world.close());

test.each(FAMILIES.map((family) => [`${family.area}/${family.name}`, family] as const))(
  '%s',
  async (_, family) => {
    const { results, controlResults } = await attack(world, [family], { profile: 'embedded' });
    expect(results.filter(({ verdict }) => verdict !== 'refused')).toEqual([]);
    expect(controlResults.filter(({ good }) => !good)).toEqual([]);
    expect(results).toHaveLength(family.size);
    expect(new Set(results.map(({ id }) => id)).size).toBe(family.size);
  },
  FAMILY_MS,
);

test('there are at least two hundred, in every area', () => {
  expect(FAMILIES.reduce((sum, { size }) => sum + size, 0)).toBeGreaterThanOrEqual(200);
  expect(new Set(FAMILIES.map(({ area }) => area))).toEqual(new Set(AREAS));
  expect(new Set(FAMILIES.map(({ area, name }) => `${area}/${name}`)).size).toBe(FAMILIES.length);
});

test('what succeeds, is refused for another reason, or could not be done at all is found', async () => {
  const post = (as: string, more: object = {}) =>
    ['/v1/tasks', { as, json: { task_type: 'attack.nobody', ...more } }] as const;
  const unsafe = family<void>('levels', 'unsafe', {
    prepare: () => undefined,
    attempts: [
      asks('let-in', 'a service posts a task', '403 forbidden', () => post('crm')),
      asks('unseen', 'it says that it was refused', '403 forbidden', () => post('viewer')),
      asks('ill-formed', 'a viewer posts no task', '400 invalid-request', () => post('viewer', { task_type: 1 })),
      tries('silent', 'something is written behind a refusal', '403 forbidden', async (world) => {
        await world.done(...post('crm'));
        return '403 forbidden';
      }),
      tries('broken', 'the attempt itself fails', '403 forbidden', () => {
        throw new Error('no scene');
      }),
    ],
    control: { does: 'a viewer posts a task', expected: '201', run: (world) => world.says(...post('viewer')) },
  });
  const report = await attack(world, [unsafe], { profile: 'embedded' });
  expect(report.results.map(({ id, verdict }) => [id.split('/').at(-1), verdict])).toEqual([
    ['let-in', 'succeeded'],
    ['unseen', 'refused'],
    ['ill-formed', 'otherwise'],
    ['silent', 'succeeded'],
    ['broken', 'otherwise'],
  ]);
  expect(report).toMatchObject({ attempts: 5, successes: 2, otherwise: 2, controls: 1, failedControls: 1 });
  expect(holds(report)).toBe(false);
});
