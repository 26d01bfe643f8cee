/**
 * Tells people what waits for them: which group, in which words, and where to decide. Links lead to the window: a
 * browser shows no token, so what the API has at an address is nothing that a person could open.
 */
import { parseStream } from '../../domain/kernel/ids';
import type { Time } from '../../domain/kernel/time';
import { type Matter, noticeOf } from '../../domain/notices/notice';
import type { ActionState } from '../../domain/oversight/action';
import { type ApprovalState, deadlineOf } from '../../domain/oversight/approval';
import { severityOf } from '../../domain/oversight/oversight';
import type { Cause } from '../engine/command';
import type { Deliveries } from '../notices/module';
import type { Oversight } from './oversight';

/** What was said to the approval that people see beside it, at most so many. */
const MAX_INPUTS = 5;

export class Notifier {
  constructor(
    private readonly deliveries: Deliveries,
    private readonly oversight: Oversight,
    /** Where people find the colony, for example `https://formicary.example`. */
    private readonly publicUrl: string,
  ) {}

  /** Tells the group whose turn it is that an approval waits for it. */
  async approvalWaits(
    stream: string,
    event: 'approval-requested' | 'approval-escalated',
    state: ApprovalState,
    cause: Cause,
  ): Promise<void> {
    const { tenant, id } = parseStream(stream);
    const { request: asked, level } = state;
    const { group } = asked?.ladder[level] ?? {};
    if (asked === undefined || group === undefined) return;
    const facts = [
      { name: 'Asked by', value: asked.requester },
      { name: 'Why', value: asked.why },
      { name: 'Impact', value: asked.impact },
      { name: 'If nobody decides', value: asked.safe_default },
      ...asked.inputs.slice(0, MAX_INPUTS).map(({ by, says }) => ({ name: by, value: says })),
    ];
    const matter: Matter = {
      id: `${state.opened_ref}#${level}`,
      event,
      subject: asked.kind,
      summary: asked.summary,
      severity: asked.severity,
      facts,
      at: state.requested_at as Time,
      deadline: deadlineOf(state),
      link: `${this.publicUrl}/window/decisions/${id}`,
    };
    await this.deliveries.notify(tenant, noticeOf(matter), group, cause);
  }

  /** Tells those who would be asked first about such an action until when they may stop it. */
  async vetoWindowOpened(
    stream: string,
    { proposal, proposed_at, veto_until }: ActionState,
    cause: Cause,
  ): Promise<void> {
    const { tenant, id } = parseStream(stream);
    if (proposal === undefined || veto_until === undefined) return;
    const { group } = (await this.oversight.rules(tenant, proposal.kind)).approvers[0] ?? {};
    if (group === undefined) return;
    const matter: Matter = {
      id: `${stream}#veto`,
      event: 'veto-window-opened',
      subject: proposal.kind,
      summary: proposal.why,
      severity: severityOf(proposal.impact, proposal.risk).severity,
      facts: [{ name: 'Proposed by', value: proposal.proposed_by }],
      at: proposed_at as Time,
      deadline: veto_until,
      link: `${this.publicUrl}/window/decisions/actions/${id}`,
    };
    await this.deliveries.notify(tenant, noticeOf(matter), group, cause);
  }
}
