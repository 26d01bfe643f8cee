import {
  type Answer,
  decideEpisode,
  type DurableAction,
  episodeLength,
  HISTORY_LIMIT,
} from '../../local/durable/episode';
import { common, EventType, type HistoryEvent } from '../../local/durable/history';

const NOW = Date.parse('2026-05-01T12:00:00.000Z');
const at = (milliseconds: number) => new Date(NOW + milliseconds).toISOString();

// What an orchestrator asks for.
const call = (functionName: string, input?: unknown): DurableAction => ({ actionType: 0, functionName, input });
const retried = (functionName: string, maxNumberOfAttempts: number, more = {}): DurableAction => ({
  actionType: 1,
  functionName,
  retryOptions: { firstRetryIntervalInMilliseconds: 100, maxNumberOfAttempts, ...more },
});
const timer = (milliseconds: number, isCanceled = false): DurableAction => ({
  actionType: 5,
  fireAt: new Date(NOW + milliseconds),
  isCanceled,
});
const wait: DurableAction = { actionType: 6 };
const again = (input?: unknown): DurableAction => ({ actionType: 4, input });
const any = (...compoundActions: DurableAction[]): DurableAction => ({ actionType: 11, compoundActions });
const all = (...compoundActions: DurableAction[]): DurableAction => ({ actionType: 12, compoundActions });
const asks = (...actions: DurableAction[]): Answer => ({ isDone: false, actions: [actions] });
const done = (output: unknown, ...actions: DurableAction[]): Answer => ({ isDone: true, actions: [actions], output });

// What happened.
const started: HistoryEvent = {
  EventType: EventType.ExecutionStarted,
  Name: 'sample',
  Version: '',
  Input: null,
  ...common(NOW),
};
const completed = (id: number): HistoryEvent => ({
  EventType: EventType.TaskCompleted,
  TaskScheduledId: id,
  Result: 'null',
  ...common(NOW),
});
const failed = (id: number): HistoryEvent => ({
  EventType: EventType.TaskFailed,
  TaskScheduledId: id,
  Reason: '',
  Details: '',
  ...common(NOW),
});
const fired = (id: number): HistoryEvent => ({
  EventType: EventType.TimerFired,
  TimerId: id,
  FireAt: at(0),
  ...common(NOW),
});

type Step = readonly [arrived: readonly HistoryEvent[], answer: Answer];

/** Goes through episodes, and returns what the last one leads to: what is new, and the outcome. */
function play(...steps: readonly Step[]) {
  const history: HistoryEvent[] = [];
  let last: ReturnType<typeof decideEpisode> | undefined;
  for (const [arrived, answer] of [[[started], steps[0]![1]] as Step, ...steps.slice(1)]) {
    expect(episodeLength(history, arrived)).toBe(arrived.length);
    history.push(...arrived);
    last = decideEpisode(history, arrived[0]!, answer, NOW);
    history.push(...last.created);
  }
  const created = last!.created.map((event) =>
    event.EventType === EventType.TimerCreated
      ? [event.EventId, event.FireAt]
      : [event.EventId, event.Name, event.Input],
  );
  return { created, cancelled: [...last!.cancelled], outcome: last!.outcome };
}
const waiting = { kind: 'waiting' } as const;
const first = (answer: Answer): Step => [[], answer];

test.each<[string, readonly Step[], ReturnType<typeof play>]>([
  [
    'tasks get ids in the order in which they are named, whatever is around them',
    [first(asks(any(wait, all(call('a', '"x"'), timer(5))), call('b', { c: 1 })))],
    {
      created: [
        [0, 'a', '"x"'],
        [1, at(5)],
        [2, 'b', '{"c":1}'],
      ],
      cancelled: [],
      outcome: waiting,
    },
  ],
  [
    'only what is new is created',
    [first(asks(call('a'))), [[completed(0)], asks(call('a'), call('b'))]],
    { created: [[1, 'b', null]], cancelled: [], outcome: waiting },
  ],
  [
    'an output counts when nothing is open',
    [first(asks(call('a'))), [[completed(0)], done(7, call('a'))]],
    { created: [], cancelled: [], outcome: { kind: 'completed', output: 7 } },
  ],
  [
    'an open timer holds it back',
    [first(asks(any(wait, timer(5)))), [[completed(9)], done(7, any(wait, timer(5)))]],
    { created: [], cancelled: [], outcome: waiting },
  ],
  [
    'a cancelled one does not',
    [first(asks(timer(5))), [[completed(9)], done(7, timer(5, true))]],
    { created: [], cancelled: [0], outcome: { kind: 'completed', output: 7 } },
  ],
  [
    'a timer may be cancelled at once',
    [first(done(7, timer(5, true)))],
    { created: [[0, at(5)]], cancelled: [0], outcome: { kind: 'completed', output: 7 } },
  ],
  [
    'continuing as new hands its input over',
    [first(done(undefined, again({ n: 1 })))],
    { created: [], cancelled: [], outcome: { kind: 'continued', input: { n: 1 } } },
  ],
  [
    'after a failure comes a pause',
    [first(asks(retried('a', 3))), [[failed(0)], asks(retried('a', 3))]],
    { created: [[1, at(100)]], cancelled: [], outcome: waiting },
  ],
  [
    'after the pause comes the next attempt, and what is new comes after it',
    [
      first(asks(all(retried('a', 3), call('b')))),
      [[failed(0)], asks(all(retried('a', 3), call('b')))],
      [[fired(2), completed(1)], asks(all(retried('a', 3), call('b')), call('c'))],
    ],
    {
      created: [
        [3, 'a', null],
        [4, 'c', null],
      ],
      cancelled: [],
      outcome: waiting,
    },
  ],
  [
    'pauses grow up to their limit',
    [
      first(asks(retried('a', 9, { backoffCoefficient: 10, maxRetryIntervalInMilliseconds: 500 }))),
      [[failed(0)], asks(retried('a', 9))],
      [[fired(1)], asks(retried('a', 9))],
      [[failed(2)], asks(retried('a', 9))],
    ],
    { created: [[3, at(500)]], cancelled: [], outcome: waiting },
  ],
  [
    'after the last failure comes a pause of nothing',
    [first(asks(retried('a', 1))), [[failed(0)], asks(retried('a', 1))]],
    { created: [[1, at(0)]], cancelled: [], outcome: waiting },
  ],
  [
    'and after that no attempt',
    [
      first(asks(retried('a', 1))),
      [[failed(0)], asks(retried('a', 1))],
      [[fired(1)], done('gave up', retried('a', 1))],
    ],
    { created: [], cancelled: [], outcome: { kind: 'completed', output: 'gave up' } },
  ],
])('%s', (_, steps, expected) => expect(play(...steps)).toEqual(expected));

test('a task that is awaited in two places is one task', () => {
  const slow = call('slow');
  expect(
    play(first(asks(any(slow, call('a')))), [[completed(1)], asks(any(slow, call('a')), any(slow, call('b')))]).created,
  ).toEqual([[2, 'b', null]]);
});

test.each<[string, Answer, RegExp]>([
  ['another activity', asks(call('b'), timer(5)), /step 0 was activity 'a', and is activity 'b'/],
  [
    'retries that were not there',
    asks(retried('a', 2), timer(5)),
    /step 0 was activity 'a', and is activity 'a' with retries/,
  ],
  ['another kind', asks(timer(5), timer(5)), /step 0 was activity 'a', and is a timer/],
  ['another time', asks(call('a'), timer(6)), /step 1 was a timer for .*05Z, and is a timer for .*06Z/],
  ['fewer steps', asks(call('a')), /step 1 was a timer .* and is nothing/],
  ['an early end', done(1), /step 0 was activity 'a', and is nothing/],
])('a replay with %s fails', (_, answer, reason) => {
  const { outcome } = play(first(asks(call('a'), timer(5))), [[completed(0)], answer]);
  expect(outcome).toEqual({ kind: 'failed', reason: expect.stringMatching(reason) });
});

test.each<[string, Answer, string]>([
  ['what threw', { error: 'no luck' }, 'no luck'],
  ['sub-orchestrations', asks({ actionType: 2, functionName: 'x' }), 'this host has no sub-orchestrations'],
  [
    'a time that is none',
    asks({ actionType: 5, fireAt: new Date(Number.NaN) }),
    'createTimer was given a time that is none',
  ],
])('fails for %s', (_, answer, reason) =>
  expect(play(first(answer)).outcome).toEqual({ kind: 'failed', reason: expect.stringContaining(reason) }),
);

test('a history that grows for ever fails', () => {
  const history = Array.from({ length: HISTORY_LIMIT + 1 }, () => started);
  expect(decideEpisode(history, started, asks(wait), NOW).outcome).toMatchObject({ kind: 'failed' });
});

test('an event after which the SDK takes an id by itself begins an episode', () => {
  const history = [started, ...decideEpisode([started], started, asks(retried('a', 3), call('b')), NOW).created];
  expect(episodeLength(history, [failed(0), completed(1)])).toBe(2);
  expect(episodeLength(history, [completed(1), failed(0)])).toBe(1);
  expect(episodeLength(history, [completed(0), failed(1)])).toBe(2);
});
