import {
  archivableBefore,
  ENDING,
  endingOf,
  MAX_DAYS,
  type RetentionDays,
  retentionDecider,
  type RetentionEvent,
  setRetention,
} from '../../domain/audit/retention';
import { taskDecider } from '../../domain/market/task';
import { deliveryDecider } from '../../domain/notices/delivery';
import { actionDecider } from '../../domain/oversight/action';
import { approvalDecider } from '../../domain/oversight/approval';
import { roundDecider } from '../../domain/oversight/round';
import { trailDecider } from '../../domain/signals/trail';
import { given } from '../support/given';

const set = (days: RetentionDays): RetentionEvent => ({ type: 'RetentionSet', v: 1, data: { days } });
const NOW = '2026-11-28T10:00:00.000Z';

describe('the policy', () => {
  test('is set whole', () => {
    given(retentionDecider, [])
      .when(setRetention({ task: 30 }))
      .then([set({ task: 30 })])
      .thenRepeatedNothing();
    given(retentionDecider, [set({ task: 30, round: 9 })])
      .when(setRetention({ trail: 1 }))
      .then([set({ trail: 1 })])
      .thenState(({ days }) => expect(days).toEqual({ trail: 1 }));
    given(retentionDecider, [set({ task: 30 })])
      .when(setRetention({}))
      .then([set({})]);
  });

  test('nothing is archived where nobody set one', () => {
    given(retentionDecider, []).thenState(({ days }) => expect(days).toEqual({}));
    given(retentionDecider, []).when(setRetention({})).thenNothing();
  });

  const wrong: Record<string, number>[] = [
    { agent: 30 },
    { task: 0 },
    { task: 1.5 },
    { task: -1 },
    { task: MAX_DAYS + 1 },
    { task: Number.NaN },
    { constructor: 3 },
  ];
  test.each(wrong)('%j is refused', (days) => {
    given(retentionDecider, []).when(setRetention(days)).thenRejected('retention-invalid');
  });

  test('days are counted back from now', () => {
    expect(archivableBefore(2, NOW)).toBe('2026-11-26T10:00:00.000Z');
  });
});

describe('what has ended', () => {
  const initial = {
    task: taskDecider.initial,
    action: actionDecider.initial,
    round: roundDecider.initial,
    approval: approvalDecider.initial,
    delivery: deliveryDecider.initial,
    trail: trailDecider.initial,
  };
  const ends = (category: keyof typeof initial, change: object) =>
    endingOf(category).ended({ ...initial[category], ...change }, NOW);
  const among = (category: keyof typeof initial, statuses: readonly string[]) =>
    statuses.filter((status) => ends(category, { status }));

  test('each category knows its own ends', () => {
    expect(ENDING.filter((category) => endingOf(category).decider.category !== category)).toEqual([]);
    expect(
      among('task', ['unknown', 'held', 'open', 'awarded', 'running', 'completed', 'cancelled', 'expired', 'dead']),
    ).toEqual(['completed', 'cancelled', 'expired', 'dead']);
    expect(
      among('action', [
        'unknown',
        'proposed',
        'held',
        'returned',
        'veto_window',
        'cleared',
        'executed',
        'refused',
        'vetoed',
      ]),
    ).toEqual(['executed', 'refused', 'vetoed']);
    expect(among('round', ['unknown', 'open', 'closed', 'cancelled'])).toEqual(['closed', 'cancelled']);
    expect(among('approval', ['unknown', 'waiting', 'closed'])).toEqual(['closed']);
    expect(among('delivery', ['unknown', 'pending', 'delivered', 'dead'])).toEqual(['delivered', 'dead']);
  });

  test('nothing that is still doubted, or to be undone, has', () => {
    const challenge = { by: 'bob', round: 'r', reason: 'no' };
    const doubted = (status: string) =>
      ends('task', { status: 'completed', challenges: [{ ...challenge, award: 1, status }] });
    expect(['open', 'lapsed', 'dismissed', 'upheld'].map(doubted)).toEqual([false, true, true, true]);
    expect(ends('action', { status: 'executed', challenge })).toBe(false);
    expect(ends('action', { status: 'executed', compensation: { due: true, reason: 'a mistake' } })).toBe(false);
    expect(ends('action', { status: 'executed', compensation: { due: false, reason: 'a mistake' } })).toBe(true);
  });

  test('a trail has when it can be perceived no more; one that never evaporates does not', () => {
    const trail = { emissions: 1, at: '2026-11-28T09:00:00.000Z', strength: 1 };
    expect(ends('trail', { ...trail, decay_rate: 0.2 })).toBe(true);
    expect(ends('trail', { ...trail, decay_rate: 0.01 })).toBe(false);
    expect(ends('trail', { ...trail, decay_rate: 0 })).toBe(false);
    expect(ends('trail', {})).toBe(false);
  });
});
