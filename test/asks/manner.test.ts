/** Temperament and tact: each trait has an effect that is seen. */
import { planOf } from '../../domain/asks/grammar';
import {
  asksFirst,
  attuned,
  draws,
  isFelt,
  MANNER,
  type Manner,
  readManner,
  rowsOf,
  type Trait,
} from '../../domain/asks/manner';
import type { Plan } from '../../domain/asks/plan';
import { typed } from '../../domain/kernel/text';

const said = (phrase: string, manner: Partial<Manner> = {}): Plan =>
  planOf(phrase, { now: '2026-11-30T12:00:00.000Z', tenant: 'default', manner: { ...MANNER, ...manner } });
const planned = (phrase: string, manner: Partial<Manner> = {}) => {
  const plan = said(phrase, manner);
  if (plan.outcome !== 'planned') throw new Error(JSON.stringify(plan));
  return plan;
};
const commands = (phrase: string, manner: Partial<Manner> = {}) =>
  planned(phrase, manner).steps.map(({ argv }) => typed(argv));
const asks = (phrase: string, manner: Partial<Manner> = {}) => {
  const plan = planned(phrase, manner);
  return asksFirst(attuned({ ...MANNER, ...manner }, phrase), plan, plan.steps);
};

test('the settings are the default, and read as they are written', () => {
  expect(readManner('')).toEqual(MANNER);
  expect(readManner('cautious=0.9, urgency=1')).toEqual({ ...MANNER, cautious: 0.9, urgency: 1 });
  for (const wrong of ['cautious', 'cautious=2', 'bold=1', 'cautious=-1', 'constructor=1', 'cautious=0.5=1'])
    expect(typeof readManner(wrong)).toBe('string');
});

test('cautious: more of it asks more, above 1 less it', () => {
  const phrases = ['show tasks', 'post finance.audit', 'cancel inv-1', 'stop agent recon-7 because x'];
  const risks = [0, 0.2, 0.5, 0.7];
  for (const [cautious, expected] of [
    [0, [false, false, false, false]],
    [0.4, [false, false, false, true]],
    [0.6, [false, false, true, true]],
    [0.8, [false, false, true, true]],
    [0.81, [false, true, true, true]],
    [1, [false, true, true, true]],
  ] as const) {
    expect(phrases.map((phrase) => asks(phrase, { cautious }))).toEqual(expected);
    expect(risks.map((risk) => risk > 0 && risk > Number((1 - cautious).toFixed(9)))).toEqual(expected);
  }
});

test('a word that was guessed has a change ask first, and a read not', () => {
  expect([asks('post finance.audit'), asks('submt finance.audit'), asks('shwo tasks')]).toEqual([false, true, false]);
});

test('efficient: how many rows a list shows', () => {
  expect([0, 0.5, 0.85, 1].map((efficient) => rowsOf({ ...MANNER, efficient }))).toEqual([100, 50, 15, 5]);
  expect(commands('show tasks', { efficient: 0.5 })).toEqual(['tasks --limit 50']);
  expect(commands('show all tasks', { efficient: 0.5 })).toEqual(['tasks --all']);
});

test('collaborative: who comes after reads a reason, or the words themselves', () => {
  expect(said('stop agent recon-7').outcome).toBe('question');
  expect(commands('stop agent recon-7', { collaborative: 0.4 })).toEqual([
    "stop agent recon-7 --reason 'stop agent recon-7'",
  ]);
});

test('proactive and curious: never, always, and else as the words draw, the same again', () => {
  const phrase = 'show gold tasks';
  expect(planned(phrase, { proactive: 0 }).next).toEqual([]);
  expect(planned(phrase, { proactive: 1 }).next).toEqual(['what is stuck']);
  expect(planned(phrase, { curious: 0 }).notes).toEqual([]);
  expect(planned(phrase, { curious: 1 }).notes).toEqual(['left out: "gold"']);
  for (const trait of ['proactive', 'curious'] as const) {
    const drawn = Array.from({ length: 2_000 }, (_, i) => draws(MANNER, trait, `show tasks ${i}`));
    const share = drawn.filter(Boolean).length / drawn.length;
    expect(Math.abs(share - MANNER[trait])).toBeLessThan(0.05);
    expect(draws(MANNER, trait, phrase)).toBe(draws(MANNER, trait, phrase));
  }
});

test.each<[Trait & ('frustration' | 'urgency' | 'confusion'), string]>([
  ['frustration', 'this is useless, show tasks'],
  ['frustration', 'show tasks!!!'],
  ['urgency', 'post finance.audit asap'],
  ['urgency', 'emergency: show tasks'],
  ['confusion', "i don't understand, show tasks"],
  ['confusion', 'show tasks??'],
])('%s is felt in "%s"', (trait, phrase) => {
  expect(isFelt(attuned(MANNER, phrase), trait)).toBe(true);
  expect(isFelt(attuned(MANNER, 'show tasks'), trait)).toBe(false);
});

test('frustration: other ways are offered, and nothing is explained', () => {
  const plan = planned('show gold tasks', { frustration: 0.8, proactive: 0, curious: 1 });
  expect([plan.next, plan.notes]).toEqual([['what is stuck'], []]);
});

test('urgency: what is posted is urgent, two come where no number was said, and nothing is suggested', () => {
  expect(commands('post finance.audit', { urgency: 0.9 })).toEqual(['post finance.audit --urgency 1']);
  expect(commands('spawn finance.audit agents', { urgency: 0.9 })).toHaveLength(2);
  expect(commands('spawn finance.audit agents')).toHaveLength(1);
  expect(commands('spawn 3 finance.audit agents', { urgency: 0.9 })).toHaveLength(3);
  expect(planned('show tasks', { urgency: 0.9, proactive: 1 }).next).toEqual([]);
});

test('confusion: what changes something asks before each step', () => {
  expect([asks('post finance.audit'), asks('post finance.audit', { confusion: 0.7 })]).toEqual([false, true]);
  expect(asks('show tasks', { confusion: 1 })).toBe(false);
});
