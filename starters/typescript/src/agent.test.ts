/** The agent against a host of this test: nothing is kept, and time is moved. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TaskEnded, type Worker } from '@formicary/client';
import { TestHost } from '@formicary/client/testing';
import { equip } from './agent.ts';

let host: TestHost;
let worker: Worker;

before(async () => {
  host = await TestHost.start();
  worker = equip(host.worker('ada'));
  await worker.start();
});
after(() => host.stop());

test('a person decides how much is paid back', async () => {
  const crm = host.client('service:crm');
  const { task } = await crm.tasks.post({ task_type: 'finance.refund', payload: { amount: 40 } });
  const { id, hash } = await host.approval({ kind: 'finance.refund' });
  const grace = host.client('human:grace');
  await grace.approvals.approve(id, { hash, reason: 'half is enough', edit: { amount: 20 } });
  assert.equal(await crm.tasks.result(task.id), '20 EUR are on their way');
});

test('when nobody decides for hours, nothing is paid', async () => {
  const crm = host.client('service:crm');
  const { task } = await crm.tasks.post({ task_type: 'finance.refund', payload: { amount: 80 } });
  await host.approval({ kind: 'finance.refund' });
  await host.advance(3 * 3_600, { living: [worker] });
  await assert.rejects(crm.tasks.result(task.id), TaskEnded);
});
