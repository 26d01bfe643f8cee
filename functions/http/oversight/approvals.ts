/** `/v1/approvals`: what waits for people, and what they decide. */
import type { RequestContext } from '../../../app/engine/command';
import { approvalAnswer, type ApprovalCommandOutcome } from '../../../app/oversight/approvals';
import { approvals } from '../../../contract/oversight/approvals';
import { bind } from '../../bind';
import { batchAnswer, commanded, existing, listed, receiptOf } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import type { Call } from '../../edge/route';
import { accepted } from '../../runtime';

bind(approvals.list, ({ approvals }, call) => listed(call, (...asked) => approvals.list(...asked)));

bind(
  approvals.get,
  async (colony, { principal: { tenant }, params: { approval_id: id }, query: { asOf } }) => {
    const loaded = existing('approval', id, await colony.approvals.load(tenant, id, asOf), asOf);
    return { body: approvalAnswer(id, loaded), etag: loaded.version };
  },
  {
    page: ({ id, status, kind, hash }) => ({
      title: `Approval: ${kind} (${status})`,
      commands: [
        `npx formicary approval ${id}`,
        ...(status === 'waiting'
          ? [
              `npx formicary approve ${id} --hash ${hash} --reason …`,
              `npx formicary reject ${id} --hash ${hash} --reason …`,
            ]
          : []),
      ],
    }),
  },
);

bind(approvals.bulk, async (colony, call) => {
  const { decision, items, reason } = call.body;
  const decided = await colony.approvals.bulk(contextOf(call), decision, items, reason);
  const value = decided.map((one) =>
    one.ok
      ? { id: one.id, ok: true, receipt: receiptOf(one) }
      : { id: one.id, ok: false, problem: rejected(one.rejection).document },
  );
  return batchAnswer(value);
});

/** Runs a command on the approval that the call names. */
async function decided<C extends Call<{ readonly approval_id: string }>>(
  call: C,
  command: (context: RequestContext, id: string, body: C['body']) => Promise<ApprovalCommandOutcome>,
) {
  const { approval_id: id } = call.params;
  const done = accepted(await command(contextOf(call), id, call.body));
  return commanded(done, { approval: approvalAnswer(id, done) });
}

bind(approvals.claim, ({ approvals }, call) =>
  decided(call, (context, id, { seconds }) => approvals.claim(context, id, seconds)),
);
bind(approvals.release, ({ approvals }, call) => decided(call, (context, id) => approvals.release(context, id)));
bind(approvals.approve, ({ approvals }, call) =>
  decided(call, (context, id, consent) => approvals.approve(context, id, consent)),
);
bind(approvals.reject, ({ approvals }, call) =>
  decided(call, (context, id, rejection) => approvals.reject(context, id, rejection)),
);
bind(approvals.ask, ({ approvals }, call) =>
  decided(call, (context, id, { question }) => approvals.ask(context, id, question)),
);
bind(approvals.answer, ({ approvals }, call) =>
  decided(call, (context, id, { number, text }) => approvals.answer(context, id, number, text)),
);
bind(approvals.withdraw, ({ approvals }, call) =>
  decided(call, (context, id, { reason }) => approvals.withdraw(context, id, reason)),
);
