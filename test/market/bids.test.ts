/** However many bid, and whatever their names, the receipt of the award fits into a commit. */
import { MAX_CANDIDATES } from '../../app/market/agent-book';
import { canonicalize, MAX_COMMIT_BYTES } from '../../domain/kernel/commit';
import { type BidInputs, DEFAULT_WEIGHTS, rank } from '../../domain/market/market';
import { award, MAX_BIDS, placeBid, post, taskDecider, type TaskState } from '../../domain/market/task';

const AT = '2026-11-21T10:00:00.000Z';
const name = (i: number) => `${String(i).padStart(5, '0')}${'x'.repeat(123)}`;
const place = { stream: 'default/task/t', index: 0, at: AT, correlationId: 'c' };

function after(state: TaskState, decision: ReturnType<typeof placeBid>): TaskState {
  const events = decision(state);
  if (!Array.isArray(events)) throw new Error(JSON.stringify(events));
  return events.reduce((folded, event) => taskDecider.evolve(folded, event, place), state);
}

test('as many bids as may be are taken, one more is refused, and the award with all of them fits', () => {
  const spec = {
    task_type: 'a.b',
    priority: 0.5,
    urgency: 0.5,
    requires: [{ capability: 'a.b', level: 0 }],
    requester: 'r',
    bid_seconds: 0,
    accept_seconds: 30,
    lease_seconds: 60,
    max_attempts: 5,
    retry_seconds: 1,
  };
  let state = after(taskDecider.initial, post(spec, AT));
  for (let i = 0; i < MAX_BIDS; i += 1) state = after(state, placeBid({ agent: name(i) }, AT));
  expect(placeBid({ agent: name(MAX_BIDS) }, AT)(state)).toMatchObject({ code: 'bids-full' });

  const bids: BidInputs[] = Array.from({ length: MAX_BIDS + MAX_CANDIDATES }, (_, i) => ({
    agent: name(i),
    source: 'offer',
    match: 0.123456,
    load: 0.123456,
    wins: 123,
    tries: 1234 - (i % 7),
  }));
  const candidates = rank('t', bids, 0.123456, DEFAULT_WEIGHTS);
  const ranked = candidates.map(({ agent }) => agent);
  const refused = ranked.slice(0, MAX_CANDIDATES - 1).map((agent) => ({ agent, reason: 'agent-not-active' }));
  const winner = ranked[MAX_CANDIDATES - 1] as string;
  const winners = award({
    candidates,
    weights: DEFAULT_WEIGHTS,
    refused,
    reserved: { agent: winner, award: 1, receipt: `default/agent/${winner}@12345` },
    strength: 0.123456,
    now: AT,
  })(state);
  expect(winners).toHaveLength(2);
  // The rest of a commit, with the longest names, has less than 4 KB.
  expect(Buffer.byteLength(canonicalize(winners)) + 4_096).toBeLessThan(MAX_COMMIT_BYTES);
});
