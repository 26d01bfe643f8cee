/** Votes: more than one's own, where one was not asked, or when it is over. */
import { asks, type Attempt, family, tries } from '../attempt';
import type { World } from '../world';

interface Scene {
  readonly open: string;
  readonly closed: string;
  readonly handedOn: string;
  readonly snapshot: string;
}

const VOTERS = ['ant', 'bee', 'service:desk'];
const QUESTION = { question: 'Ship today?', kind: 'attack.release', impact: 'medium', round_seconds: 3_600 };
const voter = (id: string) => ({ id, why: 'asked by name' });
const electorate = (more: object = {}) => ({
  algorithm: 'simple_majority',
  voters: VOTERS.map(voter),
  quorum: 0.6,
  ...more,
});
const ballot = (snapshot: string, more: object = {}) => ({
  ...{ choice: 'approve', confidence: 0.9, reasoning: 'because', snapshot, pass: 1 },
  ...more,
});

async function scene(world: World): Promise<Scene> {
  const open = async (more: object = {}) => {
    const id = world.fresh('round');
    const { round } = await world.done('/v1/rounds', {
      as: 'crm',
      json: { ...QUESTION, id, electorate: electorate(more) },
    });
    return { id, snapshot: round.snapshot as string };
  };
  const [one, closed, handedOn] = [
    await open(),
    await open(),
    await open({ algorithm: 'delegated_authority', voters: [{ ...voter('bee'), delegate_to: 'ant' }, voter('ant')] }),
  ];
  await world.done(`/v1/rounds/${one.id}/votes`, { as: 'ant', json: ballot(one.snapshot) });
  for (const as of ['ant', 'bee'])
    await world.done(`/v1/rounds/${closed.id}/votes`, { as, json: ballot(closed.snapshot) });
  await world.eventually(async () => (await world.done(`/v1/rounds/${closed.id}`, { as: 'crm' })).status !== 'open');
  return { open: one.id, closed: closed.id, handedOn: handedOn.id, snapshot: one.snapshot };
}

const casts = (
  id: string,
  what: string,
  as: string,
  expected: string | readonly string[],
  more: object = {},
  which: 'open' | 'closed' | 'handedOn' = 'open',
): Attempt<Scene> =>
  asks<Scene>(id, what, expected, (it) => [`/v1/rounds/${it[which]}/votes`, { as, json: ballot(it.snapshot, more) }]);
const opens = (id: string, what: string, expected: string | readonly string[], more: object): Attempt<Scene> =>
  asks<Scene>(id, `open a round ${what}`, expected, (_, world) => [
    '/v1/rounds',
    { as: 'bee', json: { ...QUESTION, id: world.fresh('odd'), electorate: electorate(), ...more } },
  ]);

const ballots = family<Scene>('votes', 'ballots', {
  prepare: scene,
  attempts: [
    casts('twice', 'vote a second time, otherwise', 'ant', '409 already-voted', { choice: 'reject' }),
    casts('stranger', 'vote without being asked', 'scribe', '403 voter-not-eligible'),
    casts('person', 'vote as an administrator who was not asked', 'admin', '403 voter-not-eligible'),
    casts('for-another', "vote in another's name", 'scribe', '403 vote-for-another', { voter: 'bee' }),
    casts('for-another-person', "vote in an agent's name, as an administrator", 'admin', '403 vote-for-another', {
      voter: 'bee',
    }),
    casts('other-tenant', 'vote as the namesake in another tenant', 'thief', '404 round-not-found'),
    casts('snapshot', 'vote for another electorate', 'bee', '412 snapshot-differs', { snapshot: 'f'.repeat(64) }),
    casts('pass', 'vote in a pass to come', 'bee', '412 pass-differs', { pass: 2 }),
    casts('choice', 'vote for a choice of its own', 'bee', '422 choice-unknown', { choice: 'abolish' }),
    casts('weight', 'vote with a weight of its own', 'bee', '400 invalid-request', { weight: 1_000 }),
    casts('confidence', 'vote with more than all confidence', 'bee', '400 invalid-request', { confidence: 1.1 }),
    casts('closed', 'vote when the round is over', 'desk', ['409 round-closed', '412 snapshot-differs'], {}, 'closed'),
    casts(
      'handed-on',
      'cast a vote that was handed on',
      'bee',
      ['403 vote-handed-on', '412 snapshot-differs'],
      {},
      'handedOn',
    ),
    casts('viewer', 'vote as a viewer', 'viewer', '403 forbidden'),
    asks<Scene>('cancel', 'cancel the round as an agent', '403 forbidden', ({ open }) => [
      `/v1/rounds/${open}/cancel`,
      { as: 'bee', json: { reason: 'x' } },
    ]),
    asks<Scene>('override', 'override its outcome as an agent', '403 forbidden', ({ closed }) => [
      `/v1/rounds/${closed}/override`,
      { as: 'bee', json: { choice: 'reject', reason: 'x' } },
    ]),
    asks<Scene>('override-operator', 'override its outcome as an operator', '403 forbidden', ({ closed }) => [
      `/v1/rounds/${closed}/override`,
      { as: 'operator', json: { choice: 'reject', reason: 'x' } },
    ]),
    asks<Scene>('override-early', 'override it before its end', '409 round-not-closed', ({ open }) => [
      `/v1/rounds/${open}/override`,
      { as: 'deputy', json: { choice: 'reject', reason: 'x' } },
    ]),
    asks<Scene>(
      'override-own',
      'override what a service asked, as whoever gave it its token',
      '403 party-may-not-decide',
      ({ closed }) => [`/v1/rounds/${closed}/override`, { as: 'admin', json: { choice: 'reject', reason: 'x' } }],
    ),
    opens('doubled', 'in which one votes twice', '422 round-invalid', {
      electorate: electorate({ voters: [voter('bee'), voter('bee')] }),
    }),
    opens('heavy', 'with a weight beyond all others', '400 invalid-request', {
      electorate: electorate({ algorithm: 'weighted_voting', voters: [{ ...voter('bee'), weight: 1e300 }] }),
    }),
    opens('negative', 'with a negative weight', '400 invalid-request', {
      electorate: electorate({ algorithm: 'weighted_voting', voters: [{ ...voter('bee'), weight: -1 }, voter('ant')] }),
    }),
    opens('quorum', 'that nobody has to attend', '400 invalid-request', { electorate: electorate({ quorum: 0 }) }),
    opens('circle', 'with a circle of delegates', '422 round-invalid', {
      electorate: electorate({
        algorithm: 'delegated_authority',
        voters: [
          { ...voter('ant'), delegate_to: 'bee' },
          { ...voter('bee'), delegate_to: 'ant' },
        ],
      }),
    }),
    opens('waits', 'on which an action of another waits', '400 invalid-request', { waits: 'alpha/action/other' }),
    opens('reserved', 'under an id of the colony itself', ['400 invalid-request', '422 id-reserved'], {
      id: 'system:challenge-1',
    }),
    tries<Scene>(
      'ballot-race',
      'vote eight times at once',
      '1 of 8',
      async (world, { snapshot, open }) => {
        const said = await Promise.all(
          Array.from({ length: 8 }, (_, n) =>
            world.says(`/v1/rounds/${open}/votes`, {
              as: 'bee',
              json: ballot(snapshot, { choice: n % 2 === 0 ? 'approve' : 'reject', reasoning: `${n}` }),
            }),
          ),
        );
        return `${said.filter((text) => text.startsWith('2')).length} of 8`;
      },
      ['round'],
    ),
  ],
  control: {
    does: 'a voter who was asked votes once',
    expected: '200',
    async run(world) {
      const { open, snapshot } = await scene(world);
      return await world.says(`/v1/rounds/${open}/votes`, { as: 'bee', json: ballot(snapshot) });
    },
  },
});

export const votes = [ballots];
