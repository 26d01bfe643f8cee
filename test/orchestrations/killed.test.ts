/** The whole host as a process that is killed while orchestrations wait, at different instants, and started again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DEFAULT_RULES } from '../../domain/oversight/oversight';
import { readLog, Verification } from '../../samples/demo/log';
import { call } from '../http/support';
import { eventually } from '../support/eventually';
import { startTestHost } from '../support/host';

const SECONDS = 1;
const RULES = {
  ...DEFAULT_RULES,
  approvers: ['approvers', 'administrators'].map((group) => ({ group, members: [], seconds: SECONDS })),
};
const ROUND = {
  id: 'r',
  question: 'Shall we?',
  kind: 'policy',
  impact: 'low',
  round_seconds: SECONDS,
  improvement_rounds: 1,
  electorate: { algorithm: 'simple_majority', voters: [{ id: 'voter', why: 'asked by name' }] },
};
const ACTION = {
  id: 'a',
  kind: 'erp.order',
  action: { amount: 40 },
  why: 'stock is low',
  confidence: 1,
  impact: 'low',
};

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * A host that was away leaves what was left of a time once more: whether it was away for long enough depends on the
 * machine.
 */
const GIVES_TIME_BACK = ['RoundExtended', 'ApprovalExtended'];

test.each([
  ['before they are started', 0, 0],
  ['while they wait', 500, 0],
  ['when they are due', 1_000, 0],
  ['while they wait, and comes back after their time', 500, 2_500],
])(
  'the host is killed %s: what is due happens once, in its order',
  async (_, after, away) => {
    const data = mkdtempSync(path.join(tmpdir(), 'formicary-killed-'));
    try {
      const first = await startTestHost({ data });
      await call(first, '/v1/oversight/erp.order', { method: 'PUT', json: { rules: RULES } });
      const begun = await Promise.all([
        call(first, '/v1/rounds', { json: ROUND, as: 'asker' }),
        call(first, '/v1/actions', { json: ACTION, as: 'buyer' }),
      ]);
      expect(begun.map(({ status }) => status)).toEqual([201, 201]);
      await pause(after);
      await first.kill('SIGKILL');
      await pause(away);

      const second = await startTestHost({ data });
      await eventually(
        async () =>
          (await call(second, '/v1/actions/a')).body.status === 'refused' &&
          (await call(second, '/v1/rounds/r')).body.status === 'closed',
      );
      // Whatever would come a second time has the time to.
      await pause(500);
      await second.kill('SIGKILL');

      const stories: Record<string, string[]> = {};
      const log = new Verification();
      for (const { stream, events } of log.over(readLog(data)))
        (stories[stream] ??= []).push(
          ...events.map(({ type }) => type).filter((type) => !GIVES_TIME_BACK.includes(type)),
        );
      expect(log.faults).toEqual([]);
      expect(stories).toMatchObject({
        'default/round/r': ['RoundOpened', 'ImprovementOpened', 'RoundClosed', 'RoundEscalated'],
        'default/action/a': ['ActionProposed', 'ActionHeld', 'ActionRefused'],
      });
      expect(Object.values(stories)).toContainEqual(['ApprovalRequested', 'ApprovalEscalated', 'ApprovalClosed']);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  },
  40_000,
);
