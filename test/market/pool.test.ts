import fc from 'fast-check';
import { Rejection } from '../../domain/kernel/decider';
import { plusSeconds, secondsBetween, toMillis, toTime } from '../../domain/kernel/time';
import type { AgentProfile } from '../../domain/market/agent';
import { gini } from '../../domain/market/market';
import {
  changeObjective,
  conditionOf,
  COOLDOWN_SECONDS,
  type DonorPool,
  isCoolingDown,
  isDegraded,
  MAX_DONATION,
  MAX_MOVES,
  meets,
  missingSlots,
  type Move,
  type Need,
  observe,
  planMoves,
  poolDecider,
  type PoolEvent,
  type PoolSample,
  type PoolState,
  reorganise,
  sampleOf,
  strategyOf,
  takesOn,
  TARGETS,
} from '../../domain/market/pool';
import { at, given } from '../support/given';

const NOW = '2026-11-21T12:00:00.000Z';
const later = (seconds: number) => plusSeconds(NOW, seconds);

/** A pool of ten agents with a slot each. */
function sample(busy: number, waiting: number, changes: Partial<PoolSample> = {}): PoolSample {
  const loads = Array.from({ length: 10 }, (_, i) => (i < busy ? 1 : 0));
  return { ...sampleOf(NOW, { loads, capacity: 10, slots: busy, waiting }), ...changes };
}

const BUSY = sample(10, 3);
const CALM = sample(7, 0);
const QUIET = sample(1, 0);
const event = <T extends PoolEvent['type']>(type: T, data: Extract<PoolEvent, { type: T }>['data']): PoolEvent =>
  ({ type, v: 1, data }) as PoolEvent;
const overloaded = event('PoolOverloaded', { sample: BUSY });
const idle = event('PoolIdle', { sample: QUIET });
const recovered = event('PoolRecovered', { sample: CALM });

const move = (agent: string, changes: Partial<Move> = {}): Move => ({
  agent,
  from: 'b',
  to: 'a',
  takes: [],
  ...changes,
});
const request = (changes: Partial<Parameters<typeof reorganise>[0]> = {}) =>
  ({
    trigger: 'performance_degradation',
    strategy: 'role_reassignment',
    moves: [move('agent-1')],
    reason: 'tasks wait',
    at: NOW,
    ...changes,
  }) as const;
const { at: _, ...asked } = request();
const reorganised = event('SwarmReorganised', { ...asked, cooldown_until: later(900) });

describe('observe', () => {
  test('an overload is told once it has lasted, and not again', () => {
    given(poolDecider, []).when(observe(BUSY, 4.9)).thenNothing();
    given(poolDecider, []).when(observe(BUSY, 5)).then([overloaded]).thenRepeatedNothing();
    given(poolDecider, [at({ stream: 'acme/pool/a', index: 4, at: NOW, correlationId: 'c' }, overloaded)]).thenState(
      ({ status, changed }) => {
        expect([status, changed]).toEqual(['overloaded', { receipt: 'acme/pool/a@4', at: NOW, correlation_id: 'c' }]);
      },
    );
  });

  test('idleness takes longer', () => {
    given(poolDecider, []).when(observe(QUIET, 29)).thenNothing();
    given(poolDecider, [])
      .when(observe(QUIET, 30))
      .then([idle])
      .thenState((state) => state.status === 'idle');
    given(poolDecider, [overloaded]).when(observe(QUIET, 30)).then([idle]);
    given(poolDecider, [idle]).when(observe(BUSY, 5)).then([overloaded]);
  });

  test('what is back in balance has recovered', () => {
    given(poolDecider, []).when(observe(CALM, 1_000)).thenNothing();
    given(poolDecider, [overloaded]).when(observe(CALM, 9)).thenNothing();
    given(poolDecider, [overloaded]).when(observe(CALM, 10)).then([recovered]).thenRepeatedNothing();
    given(poolDecider, [idle])
      .when(observe(CALM, 10))
      .then([recovered])
      .thenState((state) => state.status === 'balanced');
  });
});

describe('changeObjective', () => {
  const objective = { description: 'answer the mail', capabilities: ['mail'] };
  const changed = event('ObjectiveChanged', { objective, by: 'ada' });

  test('is told once, and waits for a reorganisation', () => {
    given(poolDecider, []).when(changeObjective(objective, 'ada')).then([changed]).thenRepeatedNothing();
    given(poolDecider, [changed])
      .when(changeObjective({ ...objective }, 'bob'))
      .thenNothing();
    given(poolDecider, [changed])
      .when(changeObjective({ ...objective, capabilities: [] }, 'ada'))
      .then([event('ObjectiveChanged', { objective: { ...objective, capabilities: [] }, by: 'ada' })]);
    given(poolDecider, [changed]).thenState(
      (state) => state.objective_pending && state.objective?.description === 'answer the mail',
    );
    given(poolDecider, [changed, reorganised]).thenState((state) => state.objective_pending);
    given(poolDecider, [
      changed,
      event('SwarmReorganised', { ...asked, trigger: 'objective_change', cooldown_until: NOW }),
    ]).thenState((state) => !state.objective_pending);
  });
});

describe('reorganise', () => {
  test('moves agents, and then leaves the pool alone for 15 minutes', () => {
    given(poolDecider, [overloaded])
      .when(reorganise(request()))
      .then([reorganised])
      .thenState((state) => isCoolingDown(state, later(899)) && !isCoolingDown(state, later(900)));
    given(poolDecider, [reorganised])
      .when(reorganise(request({ moves: [move('agent-2')], at: later(899.999) })))
      .thenRejected('cooling-down', { cooldown_until: later(900) });
    given(poolDecider, [reorganised])
      .when(reorganise(request({ trigger: 'requested', at: later(1) })))
      .thenRejected('cooling-down', { cooldown_until: later(900) });
    given(poolDecider, [reorganised])
      .when(reorganise(request({ at: later(900) })))
      .then([event('SwarmReorganised', { ...asked, cooldown_until: later(1_800) })]);
  });

  test('the same again changes nothing', () => {
    given(poolDecider, []).when(reorganise(request())).then([reorganised]).thenRepeatedNothing();
    given(poolDecider, [reorganised])
      .when(reorganise(request({ at: later(5) })))
      .thenNothing();
  });

  test('remembers the donors', () => {
    const moves = [move('agent-1'), move('agent-2', { from: 'c' }), move('agent-3')];
    given(poolDecider, [])
      .when(reorganise(request({ moves })))
      .thenState(({ reorganised: last }) => expect(last?.donors).toEqual(['b', 'c']));
  });

  test('refusals', () => {
    given(poolDecider, [])
      .when(reorganise(request({ moves: [] })))
      .thenRejected('nothing-to-move');
    given(poolDecider, [reorganised])
      .when(reorganise(request({ moves: [] })))
      .thenRejected('nothing-to-move');
    given(poolDecider, [])
      .when(reorganise(request({ moves: [move('agent-1'), move('agent-1', { from: 'c' })] })))
      .thenRejected('moved-twice');
    given(poolDecider, [])
      .when(reorganise(request({ moves: Array.from({ length: MAX_MOVES + 1 }, (__, i) => move(`agent-${i}`)) })))
      .thenRejected('too-many-moves');
  });
});

describe('samples', () => {
  test('are counted from the loads', () => {
    expect(sampleOf(NOW, { loads: [1, 0.5, 0, 0], capacity: 8, slots: 3, waiting: 2 })).toEqual({
      at: NOW,
      agents: 4,
      capacity: 8,
      slots: 3,
      waiting: 2,
      gini: 0.583333,
      utilisation: 0.375,
      idle: 0.5,
    });
  });

  test('a pool without agents is fully used when tasks wait, else not at all', () => {
    const nobody = { loads: [], capacity: 0, slots: 0 };
    expect(sampleOf(NOW, { ...nobody, waiting: 1 })).toMatchObject({ utilisation: 1, idle: 0, gini: 0 });
    expect(sampleOf(NOW, { ...nobody, waiting: 0 })).toMatchObject({ utilisation: 0, idle: 0, gini: 0 });
  });

  test.each([
    [0.81, 0, 1, 'overloaded'],
    [0.81, 0, 0, 'balanced'],
    [0.8, 0, 5, 'balanced'],
    [0.59, 0.21, 0, 'idle'],
    [0.59, 0.2, 0, 'balanced'],
    [0.6, 0.3, 0, 'balanced'],
    [0.1, 0.9, 3, 'idle'],
  ] as const)('utilisation %d, idle %d, %d waiting: %s', (utilisation, share, waiting, condition) => {
    expect(conditionOf({ utilisation, idle: share, waiting })).toBe(condition);
  });

  test('the targets of row 1.3', () => {
    expect(meets({ gini: 0.29, utilisation: 0.7, idle: 0.19 })).toEqual({ gini: true, utilisation: true, idle: true });
    expect(meets({ gini: 0.3, utilisation: 0.81, idle: 0.2 })).toEqual({
      gini: false,
      utilisation: false,
      idle: false,
    });
  });

  test('an overload that lasts a minute is a degradation', () => {
    const state = {
      ...poolDecider.initial,
      status: 'overloaded',
      changed: { receipt: 'x/pool/a@0', at: NOW, correlation_id: 'c' },
    } as const;
    expect([
      isDegraded(state, later(59)),
      isDegraded(state, later(60)),
      isDegraded({ ...state, status: 'idle' }, later(60)),
    ]).toEqual([false, true, false]);
  });

  test('missing slots bring the pool to 70 %', () => {
    expect(missingSlots({ slots: 10, waiting: 4, capacity: 10 })).toBe(10);
    expect(missingSlots({ slots: 2, waiting: 0, capacity: 10 })).toBeLessThan(0);
  });
});

// ------------------------------------------------------------------------------------------------------------ plan

function profile(changes: Partial<AgentProfile> = {}): AgentProfile {
  return {
    agent_type: 'b.worker',
    pool: 'b',
    capabilities: {},
    capacity: 2,
    presence_seconds: 60,
    offer: { helps: ['scan'], min_strength: 0 },
    ...changes,
  };
}

const need = (changes: Partial<Need> = {}): Need => ({
  requires: [{ capability: 'scan', level: 0.4 }],
  strength: 0.5,
  effort: 60,
  ...changes,
});
const donor = (count: number, changes: Partial<DonorPool> = {}): DonorPool => ({
  pool: 'b',
  agents: count,
  capacity: count * 2,
  slots: 0,
  spare: Array.from({ length: count }, (__, i) => ({ agent: `b-${i}`, profile: profile(), slots: 0 })),
  ...changes,
});

describe('takesOn', () => {
  test('what it lends, it would make its own', () => {
    expect(takesOn(profile(), [need()])).toEqual(['scan']);
    expect(takesOn(profile({ capabilities: { scan: 0.4 } }), [need()])).toEqual([]);
    expect(takesOn(profile(), [need({ requires: [{ capability: 'b.worker', level: 1 }] })])).toEqual([]);
    expect(
      takesOn(profile({ offer: { helps: ['scan', 'read'], min_strength: 0 } }), [
        need(),
        need({ requires: [{ capability: 'read', level: 0 }] }),
        need({ requires: [{ capability: 'x', level: 0 }] }),
      ]),
    ).toEqual(['read', 'scan']);
  });

  test.each<[string, Partial<AgentProfile>, Partial<Need>]>([
    ['it lends something else', { offer: { helps: ['read'], min_strength: 0 } }, {}],
    ['it has it at too low a level', { capabilities: { scan: 0.3 } }, {}],
    ['it is lent at too low a level', {}, { requires: [{ capability: 'scan', level: 0.6 }] }],
    [
      'it can do only a part',
      {},
      {
        requires: [
          { capability: 'scan', level: 0 },
          { capability: 'x', level: 0 },
        ],
      },
    ],
    ['it makes no standing offer', { offer: null, capabilities: { scan: 1 } }, {}],
    ['the task is too weak for it', { offer: { helps: ['scan'], min_strength: 0.6 } }, {}],
    ['the task is too long for it', { offer: { helps: ['scan'], min_strength: 0, max_effort: 59 } }, {}],
  ])('not when %s', (__, changes, needed) => {
    expect(takesOn(profile(changes), [need(needed)])).toBeUndefined();
  });
});

describe('planMoves', () => {
  test('takes no more than is missing, and a fifth of a donor', () => {
    expect(planMoves({ pool: 'a', missing: 3, needs: [need()] }, [donor(20)])).toEqual([
      move('b-0', { takes: ['scan'] }),
      move('b-1', { takes: ['scan'] }),
    ]);
    expect(planMoves({ pool: 'a', missing: 100, needs: [need()] }, [donor(20)])).toHaveLength(4);
    expect(planMoves({ pool: 'a', missing: 100, needs: [need()] }, [donor(4)])).toEqual([]);
    expect(planMoves({ pool: 'a', missing: 0, needs: [need()] }, [donor(20)])).toEqual([]);
    expect(planMoves({ pool: 'a', missing: 100, needs: [] }, [donor(20)])).toEqual([]);
    expect(planMoves({ pool: 'b', missing: 100, needs: [need()] }, [donor(20)])).toEqual([]);
  });

  test('a donor stays below 80 %', () => {
    // 20 slots of 28: without two agents 20 of 24, which is too much; without one 20 of 26.
    expect(planMoves({ pool: 'a', missing: 100, needs: [need()] }, [donor(14, { slots: 20 })])).toHaveLength(1);
  });

  test('the least used donor first; of its agents those who have the capability, then those with most free slots', () => {
    const spare = [
      { agent: 'b-0', profile: profile(), slots: 0 },
      { agent: 'b-1', profile: profile({ capacity: 4 }), slots: 0 },
      { agent: 'b-2', profile: profile({ capabilities: { scan: 1 } }), slots: 1 },
      { agent: 'b-3', profile: profile({ capacity: 1 }), slots: 1 },
    ];
    const donors = [
      donor(15, { slots: 3, spare }),
      donor(5, { pool: 'c', spare: [{ agent: 'c-0', profile: profile(), slots: 0 }] }),
    ];
    expect(planMoves({ pool: 'a', missing: 100, needs: [need()] }, donors)).toEqual([
      move('c-0', { from: 'c', takes: ['scan'] }),
      move('b-2'),
      move('b-1', { takes: ['scan'] }),
      move('b-0', { takes: ['scan'] }),
    ]);
  });

  test('topology changes when a pool opens or closes', () => {
    const sizes = new Map([
      ['a', 3],
      ['b', 2],
    ]);
    expect(strategyOf([move('x')], sizes)).toBe('role_reassignment');
    expect(strategyOf([move('x'), move('y')], sizes)).toBe('topology_modification');
    expect(strategyOf([move('x', { to: 'new' })], sizes)).toBe('topology_modification');
    expect(strategyOf([move('x'), move('y', { from: 'a', to: 'b' })], sizes)).toBe('role_reassignment');
  });
});

// ------------------------------------------------------------------------------------------------------ properties

test('gini is Σ|xi − xj| / (2n²·mean)', () => {
  const load = fc
    .tuple(fc.oneof(fc.constant(0), fc.nat(16)), fc.integer({ min: 1, max: 16 }))
    .map(([slots, capacity]) => slots / capacity);
  fc.assert(
    fc.property(fc.array(load, { maxLength: 40 }), (loads) => {
      const n = loads.length;
      const total = loads.reduce((sum, x) => sum + x, 0);
      let differences = 0;
      for (const a of loads) for (const b of loads) differences += Math.abs(a - b);
      const defined = total === 0 ? 0 : differences / (2 * n * n * (total / n));
      expect(gini(loads)).toBeCloseTo(defined, 9);
      const { gini: sampled } = sampleOf(NOW, { loads, capacity: n, slots: n, waiting: 0 });
      expect(sampled).toBeCloseTo(defined, 5);
      expect(sampled).toBeGreaterThanOrEqual(0);
      expect(sampled).toBeLessThanOrEqual(1);
    }),
  );
});

const spareAgent = fc.record({
  capacity: fc.integer({ min: 1, max: 8 }),
  used: fc.nat(8),
  has: fc.boolean(),
  lends: fc.boolean(),
});
const donorPool = fc
  .record({
    spare: fc.array(spareAgent, { maxLength: 30 }),
    others: fc.array(fc.record({ capacity: fc.integer({ min: 1, max: 8 }), used: fc.nat(8) }), { maxLength: 20 }),
  })
  .map(({ spare, others }) => ({ spare, others }));

test('planMoves never overdraws a donor, and moves nobody twice', () => {
  fc.assert(
    fc.property(fc.array(donorPool, { maxLength: 5 }), fc.integer({ min: -5, max: 200 }), (pools, missing) => {
      const donors = pools.map(({ spare, others }, p): DonorPool => {
        const members = [...spare, ...others].map(({ capacity, used }) => ({
          capacity,
          used: Math.min(used, capacity),
        }));
        return {
          pool: `donor-${p}`,
          agents: members.length,
          capacity: members.reduce((sum, { capacity }) => sum + capacity, 0),
          slots: members.reduce((sum, { used }) => sum + used, 0),
          spare: spare.map(({ capacity, used, has, lends }, i) => ({
            agent: `${p}-${i}`,
            slots: Math.min(used, capacity),
            profile: profile({
              capacity,
              capabilities: has ? { scan: 1 } : {},
              offer: { helps: lends ? ['scan'] : [], min_strength: 0 },
            }),
          })),
        };
      });
      const moves = planMoves({ pool: 'a', missing, needs: [need()] }, donors);
      expect(new Set(moves.map(({ agent }) => agent)).size).toBe(moves.length);
      let gained = 0;
      for (const { pool, agents, capacity, slots, spare } of donors) {
        const gone = moves
          .filter(({ from }) => from === pool)
          .map(({ agent }) => spare.find((one) => one.agent === agent) as (typeof spare)[number]);
        expect(gone.length).toBeLessThanOrEqual(agents * MAX_DONATION);
        const left = capacity - gone.reduce((sum, one) => sum + one.profile.capacity, 0);
        const used = slots - gone.reduce((sum, one) => sum + one.slots, 0);
        if (gone.length > 0) expect(used / left).toBeLessThan(TARGETS.utilisation_to);
        for (const one of gone) expect(takesOn(one.profile, [need()])).toBeDefined();
        gained += gone.reduce((sum, one) => sum + one.profile.capacity - one.slots, 0);
      }
      // The last move was still needed.
      const last = moves.at(-1);
      const lastFree = donors.flatMap(({ spare }) => spare).find(({ agent }) => agent === last?.agent);
      if (lastFree !== undefined) expect(gained - (lastFree.profile.capacity - lastFree.slots)).toBeLessThan(missing);
    }),
  );
});

test('whatever is asked for, 15 minutes lie between two reorganisations', () => {
  const step = fc.record({
    wait: fc.integer({ min: -60, max: 1_200 }),
    ask: fc.oneof(
      fc.record({ busy: fc.nat(10), waiting: fc.nat(3), held: fc.integer({ min: 0, max: 60 }) }),
      fc.record({
        trigger: fc.constantFrom('performance_degradation', 'objective_change', 'requested'),
        agents: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
      }),
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let state: PoolState = poolDecider.initial;
      let now = toMillis(NOW);
      let last: string | undefined;
      steps.forEach(({ wait, ask }, index) => {
        now += wait * 1_000;
        const time = toTime(now);
        const decision =
          'busy' in ask
            ? observe(sample(ask.busy, ask.waiting), ask.held)
            : reorganise(request({ trigger: ask.trigger, moves: ask.agents.map((n) => move(`agent-${n}`)), at: time }));
        const events = decision(state);
        if (events instanceof Rejection) return;
        for (const one of events) {
          if (one.type === 'SwarmReorganised') {
            if (last !== undefined) expect(secondsBetween(last, time)).toBeGreaterThanOrEqual(COOLDOWN_SECONDS);
            last = time;
          } else
            expect(one.type).not.toBe(
              { balanced: 'PoolRecovered', overloaded: 'PoolOverloaded', idle: 'PoolIdle' }[state.status],
            );
          state = poolDecider.evolve(state, one, { stream: 'acme/pool/a', index, at: time, correlationId: 'c' });
        }
      });
    }),
  );
});
