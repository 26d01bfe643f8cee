import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Database } from '../../adapters/embedded/database';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import { plusSeconds } from '../../domain/kernel/time';
import { strengthAt, trailDecider, trailId, type TrailState } from '../../domain/signals/trail';
import { viewName, type ViewRowLike } from '../../projections/projection';
import { NEVER, perceive, strongest, type TrailDoc, trails } from '../../projections/signals/trails';
import { newTenant } from '../support/commits';

const NOW = '2026-11-21T10:00:00.000Z';
const VIEW = viewName(trails);

function state(changes: Partial<TrailState> = {}): TrailState {
  return {
    type: 'load_high',
    location: 'a/b',
    strength: 0.5,
    at: NOW,
    decay_rate: 0.1,
    emissions: 3,
    emitter_agent: 'ant-1',
    timestamp: NOW,
    ...changes,
  };
}

function rowOf(tenant: string, trail: TrailState, version = 0): ViewRowLike<TrailDoc> {
  const id = trailId(trail.type, trail.location);
  return trails.row(
    { tenant, id, stream: `${tenant}/trail/${id}`, version, at: trail.at },
    trail,
  ) as ViewRowLike<TrailDoc>;
}

describe('a row', () => {
  test('stands under its location', () => {
    expect(rowOf('acme', state({ strength: 0.32, decay_rate: 0.5 }), 7)).toEqual({
      tenant: 'acme',
      key: 'a/b',
      source: `acme/trail/${trailId('load_high', 'a/b')}`,
      index: 7,
      doc: {
        type: 'load_high',
        location: 'a/b',
        strength: 0.32,
        at: NOW,
        decay_rate: 0.5,
        goneAt: '2026-11-21T10:05:00.001Z',
        emitter_agent: 'ant-1',
        emissions: 3,
      },
    });
    expect(rowOf('acme', state({ decay_rate: 0 })).doc).toMatchObject({ goneAt: NEVER });
  });

  test('is not there before the first signal', () => {
    expect(rowOf('acme', trailDecider.initial)).toBeUndefined();
  });
});

describe('the field', () => {
  let folder: string;
  let database: Database;
  let views: SqliteViewStore;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'formicary-'));
    database = await Database.open(folder);
    views = new SqliteViewStore(database);
    await views.declare(VIEW, trails.fields);
  });

  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });

  test('is as perceived now, strongest first', async () => {
    const tenant = newTenant();
    const fading = state({ location: 'x/1', strength: 0.9, decay_rate: 0.5 });
    const lasting = state({ location: 'x/2', strength: 0.3, decay_rate: 0 });
    await views.put(VIEW, [rowOf(tenant, fading), rowOf(tenant, lasting)]);

    expect(await strongest(views, VIEW, tenant, { now: NOW, limit: 10 })).toEqual({
      trails: [perceive(fading, NOW), perceive(lasting, NOW)],
      complete: true,
    });
    const later = plusSeconds(NOW, 150);
    const { trails: found } = await strongest(views, VIEW, tenant, { now: later, limit: 10 });
    expect(found).toEqual([
      {
        type: 'load_high',
        location: 'x/2',
        strength: 0.3,
        decay_rate: 0,
        emitter_agent: 'ant-1',
        emissions: 3,
        reinforced_at: NOW,
        gone_at: null,
      },
      {
        type: 'load_high',
        location: 'x/1',
        strength: 0.159099,
        decay_rate: 0.5,
        emitter_agent: 'ant-1',
        emissions: 3,
        reinforced_at: NOW,
        gone_at: '2026-11-21T10:06:29.512Z',
      },
    ]);
    expect((await strongest(views, VIEW, tenant, { now: later, limit: 1 })).trails).toEqual(found.slice(0, 1));
    expect((await strongest(views, VIEW, tenant, { now: '2026-11-21T10:06:29.512Z', limit: 9 })).trails).toHaveLength(
      1,
    );
    expect((await strongest(views, VIEW, newTenant(), { now: NOW, limit: 10 })).trails).toEqual([]);
  });

  test('says when not everything was compared', async () => {
    const tenant = newTenant();
    const rows = Array.from({ length: 10_001 }, (_, i) => rowOf(tenant, state({ location: `many/${i}` })));
    await views.put(VIEW, rows.slice(1));
    const query = { location: 'many', now: NOW, limit: 5 };
    expect(await strongest(views, VIEW, tenant, query)).toMatchObject({ complete: true });
    await views.put(VIEW, rows);
    expect(await strongest(views, VIEW, tenant, query)).toMatchObject({ complete: false });
    expect(await strongest(views, VIEW, tenant, { ...query, minimum: 0.6 })).toEqual({ trails: [], complete: true });
  });

  const segment = fc.constantFrom('a', 'b', 'bc', 'b-', 'b.', 'b0', 'B', '~', '@');
  const location = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
  const anyTrail = fc
    .record({
      type: fc.constantFrom('load_high', 'expertise'),
      location,
      strength: fc.integer({ min: 0, max: 1_000 }).map((n) => n / 1_000),
      decay_rate: fc.constantFrom(0, 0.05, 0.5, 1),
      at: fc.integer({ min: -600, max: 0 }).map((seconds) => plusSeconds(NOW, seconds)),
    })
    .map(state);
  const query = fc.record({
    location: fc.option(location, { nil: undefined }),
    type: fc.option(fc.constantFrom('load_high', 'expertise'), { nil: undefined }),
    minimum: fc.option(fc.constantFrom(0, 0.2, 0.5), { nil: undefined }),
    now: fc.integer({ min: 0, max: 3_600 }).map((seconds) => plusSeconds(NOW, seconds)),
    limit: fc.constantFrom(1, 3, 100),
  });

  test('is what comparing every trail with the question finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyTrail, { selector: ({ type, location: place }) => `${type} ${place}`, maxLength: 25 }),
        query,
        async (states, asked) => {
          const tenant = newTenant();
          await views.put(
            VIEW,
            states.map((trail) => rowOf(tenant, trail)),
          );
          const below = (place: string) => {
            const wanted = asked.location?.split('/') ?? [];
            return wanted.every((part, i) => place.split('/')[i] === part);
          };
          const model = states
            .filter((trail) => below(trail.location) && (asked.type ?? trail.type) === trail.type)
            .filter((trail) => strengthAt(trail, asked.now) > 0 && strengthAt(trail, asked.now) >= (asked.minimum ?? 0))
            .map((trail) => perceive(trail, asked.now))
            .sort(
              (a, b) =>
                b.strength - a.strength ||
                Buffer.compare(Buffer.from(`${a.location} ${a.type}`), Buffer.from(`${b.location} ${b.type}`)),
            )
            .slice(0, asked.limit);
          expect(await strongest(views, VIEW, tenant, asked)).toEqual({ trails: model, complete: true });
        },
      ),
      { numRuns: 150 },
    );
  });
});
