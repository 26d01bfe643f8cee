/** Why a task does not move, reason by reason: the code, and one sentence with the numbers. */
import { agentDecider, type AgentProfile, type AgentState } from '../../domain/market/agent';
import type { Bidder } from '../../domain/market/fit';
import { pauseDecider, type PauseState } from '../../domain/market/pause';
import { taskDecider, type TaskSpec, type TaskState } from '../../domain/market/task';
import { type Awaited, type WhyCode, whyNot } from '../../domain/market/why-not';

const NOW = '2026-11-21T10:05:00.000Z';
const BEFORE = '2026-11-21T10:00:00.000Z';
const AFTER = '2026-11-21T10:10:00.000Z';
const NEVER = '9999-12-31T23:59:59.999Z';

const spec: TaskSpec = {
  task_type: 'legal.level',
  priority: 0.8,
  urgency: 0.5,
  requires: [
    { capability: 'legal.level', level: 0 },
    { capability: 'contract', level: 0.8 },
  ],
  effort: 600,
  requester: 'poster',
  bid_seconds: 0,
  accept_seconds: 30,
  lease_seconds: 60,
  max_attempts: 3,
  retry_seconds: 10,
};
const open: TaskState = {
  ...taskDecider.initial,
  status: 'open',
  spec,
  posted_at: BEFORE,
  open_since: BEFORE,
  ready_at: BEFORE,
};
const holder = { agent: 'lev-1', award: 2, accept_by: AFTER, receipt: 'acme/task/t@1', awarded_at: BEFORE };

/** An agent that could take the task, but for what is changed. */
function agent(
  id: string,
  profile: Partial<AgentProfile> = {},
  state: Partial<AgentState> = {},
  seen: Partial<Bidder> = {},
): Bidder {
  const able: AgentProfile = {
    agent_type: 'legal.level',
    pool: 'legal',
    capabilities: { contract: 0.9 },
    capacity: 2,
    presence_seconds: 60,
    offer: { helps: [], min_strength: 0 },
    ...profile,
  };
  return {
    id,
    state: { ...agentDecider.initial, status: 'active', profile: able, since: BEFORE, ...state },
    pending: 0,
    paused: false,
    ...seen,
  };
}

const slot = { task_type: 'legal.level', award: 1, since: BEFORE, receipt: 'acme/agent/a@1' };
const full = { slots: { t1: slot, t2: slot } };
const level = (contract: number) => ({ capabilities: { contract } });
const paused = (kind: 'agent' | 'pool' | 'task_type', name: string): PauseState => ({
  pauses: { [`${kind} ${name}`]: { kind, name, by: 'human:ada', reason: 'an audit\nruns', since: BEFORE } },
});

interface Case {
  readonly state?: Partial<TaskState>;
  readonly agents?: readonly Bidder[];
  /** How many have each capability; by default as many as are looked at. */
  readonly able?: readonly [number, number];
  readonly lending?: number;
  readonly pauses?: PauseState;
  readonly shortage?: string;
  readonly still?: string;
  readonly stop?: string;
  readonly awaited?: Awaited;
}

function told({
  state,
  agents = [],
  able = [agents.length, agents.length],
  lending = 0,
  pauses = pauseDecider.initial,
  shortage,
  still,
  stop,
  awaited,
}: Case) {
  const counts = [
    { capability: 'legal.level', agents: able[0] },
    { capability: 'contract', agents: able[1] },
  ];
  return whyNot(
    { ...open, ...state },
    { able: counts, lending, examined: agents, terms: { pauses, still, stopOf: () => stop, shortage: () => shortage } },
    NOW,
    awaited,
  );
}

const FIVE = ['lev-1', 'lev-2', 'lev-3', 'lev-4', 'lev-5'];

test.each<[WhyCode, string, Case]>([
  ['no-agent', 'not awarded: no agent of legal.level and none with contract (needs 0.8) is registered', {}],
  [
    'no-agent',
    'not awarded: no agent with contract (needs 0.8) is registered (3 agents of legal.level)',
    { able: [3, 0] },
  ],
  [
    'no-agent',
    'not awarded: no agent of legal.level and none with contract (needs 0.8) is registered; 2 agents of other pools would help while idle',
    { lending: 2 },
  ],
  [
    'level-too-low',
    'not awarded: 1 agent of legal.level; lev-1 has contract 0.3, needs 0.8',
    { agents: [agent('lev-1', level(0.3))] },
  ],
  [
    'level-too-low',
    'not awarded: 3 agents of legal.level; all 3 below the required level (lev-1 has contract 0.3, needs 0.8, …)',
    { agents: ['lev-1', 'lev-2', 'lev-3'].map((id) => agent(id, level(0.3))) },
  ],
  [
    'level-too-low',
    'not awarded: 90 agents of legal.level (5 of them looked at); 5 below the required level (lev-1 has contract 0.3, needs 0.8, …)',
    { agents: FIVE.map((id) => agent(id, level(0.3))), able: [90, 90] },
  ],
  [
    'lacks-capability',
    'not awarded: 1 agent of legal.level; lev-1 lacks contract',
    { agents: [agent('lev-1', { capabilities: {} })] },
  ],
  [
    'busy',
    'not awarded: 1 agent of legal.level; lev-1 has 2 of 2 slots in use',
    { agents: [agent('lev-1', {}, full)] },
  ],
  [
    'busy',
    'not awarded: 2 agents of legal.level; all 2 busy, 4 of 4 slots in use (lev-1 has 2 of 2 slots in use, …)',
    { agents: [agent('lev-1', {}, full), agent('lev-2', {}, full)] },
  ],
  [
    'busy',
    'not awarded: 1 agent of legal.level; lev-1 has 0 of 2 slots in use, 2 being reserved',
    { agents: [agent('lev-1', {}, {}, { pending: 2 })] },
  ],
  [
    'busy',
    'not awarded: 2 agents of legal.level; lev-2 has 2 of 2 slots in use; lev-1 has contract 0.3, needs 0.8',
    { agents: [agent('lev-1', level(0.3)), agent('lev-2', {}, full)] },
  ],
  [
    'lost',
    `not awarded: 1 agent of legal.level; lev-1 gives no sign of life, lost since ${BEFORE}`,
    { agents: [agent('lev-1', {}, { status: 'lost' })] },
  ],
  [
    'no-standing-offer',
    'not awarded: 1 agent of legal.level; lev-1 makes no standing offer and has not bid',
    { agents: [agent('lev-1', { offer: null })] },
  ],
  [
    'task-too-weak',
    'not awarded: 1 agent of legal.level; lev-1 takes strength 0.9 or more, this one has 0.401389',
    { agents: [agent('lev-1', { offer: { helps: [], min_strength: 0.9 } })] },
  ],
  [
    'too-much-effort',
    'not awarded: 1 agent of legal.level; lev-1 takes at most 60 s of effort, this one is 600 s',
    { agents: [agent('lev-1', { offer: { helps: [], min_strength: 0, max_effort: 60 } })] },
  ],
  [
    'declined',
    `not awarded: 1 agent of legal.level; lev-1 has declined, and is asked again after ${AFTER}`,
    { state: { declined: { 'lev-1': { until: AFTER, times: 1 } } }, agents: [agent('lev-1')] },
  ],
  [
    'kept-out',
    'not awarded: 1 agent of legal.level; lev-1 is kept out: a challenge of its award was upheld',
    { state: { declined: { 'lev-1': { until: NEVER, times: 1 } } }, agents: [agent('lev-1')] },
  ],
  [
    'paused',
    `not awarded: 1 agent of legal.level; lev-1 is paused by human:ada since ${BEFORE}: an audit runs`,
    { agents: [agent('lev-1', {}, {}, { paused: true })], pauses: paused('agent', 'lev-1') },
  ],
  [
    'paused',
    `not awarded: 1 agent of legal.level; lev-1 is of pool legal, which is paused by human:ada since ${BEFORE}: an audit runs`,
    { agents: [agent('lev-1', {}, {}, { paused: true })], pauses: paused('pool', 'legal') },
  ],
  [
    'over-budget',
    'not awarded: 1 agent of legal.level; lev-1 would cost too much: pool legal has 3 left',
    { agents: [agent('lev-1')], shortage: 'pool legal has 3 left' },
  ],
  [
    'type-paused',
    `not awarded: tasks of legal.level are paused by human:ada since ${BEFORE}: an audit runs`,
    { agents: [agent('lev-1')], pauses: paused('task_type', 'legal.level') },
  ],
  ...(['open', 'held', 'awarded'] as const).map((status): [WhyCode, string, Case] => [
    'stopped',
    'it waits: everything is frozen',
    { state: { status, holder }, agents: [agent('lev-1')], still: 'everything is frozen' },
  ]),
  [
    'stopped',
    'not awarded: 1 agent of legal.level; lev-1 may do nothing: agent lev-1 is frozen',
    { agents: [agent('lev-1', {}, {}, { paused: true })], stop: 'agent lev-1 is frozen' },
  ],
  ['award-under-way', 'it is being awarded: lev-1 could take it', { agents: [agent('lev-1')] }],
  [
    'award-under-way',
    'it is being awarded: lev-1 could take it',
    { state: { bids: { 'lev-1': { at: BEFORE } } }, agents: [agent('lev-1', { offer: null })] },
  ],
  [
    'bids-open',
    `bids are collected until ${AFTER}; 1 so far`,
    { state: { ready_at: AFTER, bids: { 'lev-1': { at: BEFORE } } } },
  ],
  ['delayed', `offered from ${AFTER} on`, { state: { spec: { ...spec, not_before: AFTER }, ready_at: AFTER } }],
  [
    'retry-delay',
    `attempt 2 of 3 begins at ${AFTER}: lev-1 failed`,
    {
      state: {
        ready_at: AFTER,
        attempts: 2,
        history: [{ agent: 'lev-1', award: 1, end: 'failed', reason: 'x', at: BEFORE }],
      },
    },
  ],
  ['awaits-decision', 'not offered: it is not decided yet that it may be done', { state: { status: 'held' } }],
  [
    'awaits-decision',
    'not offered: it is not decided yet that it may be done; action a waits for round r',
    { state: { status: 'held' }, awaited: { text: 'action a waits for round r' } },
  ],
  [
    'awaits-acceptance',
    `awarded to lev-1 (award 2), which has until ${AFTER} to accept it`,
    { state: { status: 'awarded', holder } },
  ],
  [
    'award-challenged',
    `award 2 to lev-1 is challenged by bob: round r decides, at most until ${AFTER}`,
    {
      state: {
        status: 'awarded',
        holder,
        challenges: [
          {
            award: 2,
            by: 'bob',
            round: 'r',
            reason: 'x',
            agent: 'lev-1',
            until: AFTER,
            since: NOW,
            holds: true,
            holders: ['lev-1'],
            heir: 2,
            status: 'open',
          },
        ],
      },
    },
  ],
])('%s: %s', (code, text, given) => {
  expect(told(given)).toMatchObject({ code, text });
});

test('says until when, where time alone changes something', () => {
  expect(told({ state: { ready_at: AFTER } })?.until).toBe(AFTER);
  expect(told({ state: { declined: { 'lev-1': { until: AFTER, times: 1 } } }, agents: [agent('lev-1')] })?.until).toBe(
    AFTER,
  );
  expect(
    told({ state: { declined: { 'lev-1': { until: NEVER, times: 1 } } }, agents: [agent('lev-1')] })?.until,
  ).toBeUndefined();
  expect(told({ agents: [agent('lev-1', level(0.3))] })?.until).toBeUndefined();
});

test.each(['unknown', 'running', 'completed', 'cancelled', 'expired', 'dead'] as const)(
  'there is nothing to tell of one that is %s',
  (status) => {
    expect(told({ state: { status } })).toBeUndefined();
  },
);
