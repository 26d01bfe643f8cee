/** What must hold of the whole, its views and its faults, once a run of decisions has ended. */
import { Rejection } from '../../domain/kernel/decider';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { taskDecider, type TaskState } from '../../domain/market/task';
import { actionDecider, type ActionState } from '../../domain/oversight/action';
import { approvalDecider, type ApprovalState } from '../../domain/oversight/approval';
import { recomputeRound, roundDecider, type RoundState } from '../../domain/oversight/round';
import { actions as actionsView } from '../../projections/oversight/actions';
import { approvals as approvalsView } from '../../projections/oversight/approvals';
import { rounds as roundsView } from '../../projections/oversight/rounds';
import { ModelRun } from '../support/model-run';
import { TENANT } from '../support/stage';
import { type Absence, brokenRules } from './decisions-rules';

export class CheckedRun extends ModelRun {
  protected readonly absences: Absence[] = [];
  /** Receipts that callers were given. */
  protected readonly acknowledged = new Map<string, string>();

  /** Every stream of a category, and what became of it. */
  protected all<S>(category: 'action' | 'approval' | 'round' | 'task'): { id: string; state: S }[] {
    const decider = { action: actionDecider, approval: approvalDecider, round: roundDecider, task: taskDecider }[
      category
    ] as unknown as typeof actionDecider;
    return this.stage
      .streams(category)
      .map((stream) => ({ id: parseStream(stream).id, state: this.stage.fold(decider, stream).state as S }));
  }

  /** Who still waits for somebody. What is cleared waits for its proposer alone, if nobody doubts it. */
  protected pending(): string[] {
    const ended = new Set(['cleared', 'executed', 'refused', 'vetoed']);
    const waits = (what: string, states: { id: string; state: { status: string } }[]) =>
      states.map(({ id, state }) => `${what} ${id} is still ${state.status}`);
    const actions = this.all<ActionState>('action');
    return [
      ...waits(
        'the round',
        this.all<RoundState>('round').filter(({ state }) => state.status === 'open'),
      ),
      ...waits(
        'the approval',
        this.all<ApprovalState>('approval').filter(({ state }) => state.status === 'waiting'),
      ),
      ...waits(
        'the action',
        actions.filter(
          ({ state }) =>
            !ended.has(state.status) || (state.status === 'cleared' && state.proposal?.target !== undefined),
        ),
      ),
      ...actions
        .filter(({ state }) => state.challenge !== undefined)
        .map(({ id }) => `the action ${id} is challenged for ever`),
      ...waits(
        'the task',
        this.all<TaskState>('task').filter(({ state }) => state.status === 'held'),
      ),
    ];
  }

  /** What is wrong, once everything has ended. */
  protected async verify(): Promise<void> {
    const log = this.stage.log();
    this.wrong.push(...brokenRules(log, this.absences), ...this.stage.chainFaults().map(({ message }) => message));
    const hashes = new Map(log.map(({ stream, index, hash }) => [commitRef(stream, index), hash]));
    for (const [ref, hash] of this.acknowledged)
      if (hashes.get(ref) !== hash) this.wrong.push(`${ref} was acknowledged and is not there`);
    for (const { id, state } of this.all<RoundState>('round')) {
      if (state.status !== 'closed') continue;
      const recomputed = recomputeRound(this.stage.stream(`${TENANT}/round/${id}`));
      if (recomputed instanceof Rejection || !recomputed.agrees)
        this.wrong.push(`the round ${id} does not replay: ${JSON.stringify(recomputed)}`);
    }
    this.tasksFollow();
    this.upheldIsStopped();
    await this.viewsAreFolds();
    // A clock that was set back is said, and that a process stood still; these are no faults.
    const faults = this.stage.reports.filter(
      ({ message }) => !/^(a receipt lies ahead of the clock|this process was away)/.test(message),
    );
    if (!this.disturbed) this.wrong.push(...faults.map((report) => JSON.stringify(report)));
    for (const { colony } of this.stage.living) {
      for (const { consumer, lag, parked } of await colony.feed.status())
        if ((lag ?? 0) !== 0 || parked !== 0) this.wrong.push(`${consumer} is ${lag} behind and has ${parked} parked`);
    }
  }

  /** A task is cleared exactly when its action is. */
  private tasksFollow(): void {
    const byTarget = new Map(this.all<ActionState>('action').map(({ state }) => [state.proposal?.target, state]));
    for (const { id, state } of this.all<TaskState>('task')) {
      const gate = byTarget.get(`${TENANT}/task/${id}`);
      const stopped = gate === undefined || gate.status !== 'executed' || gate.compensation !== undefined;
      if ((state.status === 'cancelled') !== stopped)
        this.wrong.push(`the task ${id} is ${state.status}, its action ${gate?.status}`);
    }
  }

  /**
   * What a challenge upheld in the end does not happen, or is to be undone, unless a person overrode the action itself.
   */
  private upheldIsStopped(): void {
    for (const { id, state } of this.all<ActionState>('action')) {
      for (const { round } of state.challenges) {
        const { override, outcome } = this.stage.fold(roundDecider, `${TENANT}/round/${round}`).state;
        const upheld = (override?.choice ?? outcome?.choice) === 'uphold';
        const stopped = state.status === 'refused' || state.status === 'vetoed' || state.compensation !== undefined;
        if (upheld && !stopped && state.override === undefined)
          this.wrong.push(`the action ${id} is ${state.status}, and the challenge in the round ${round} was upheld`);
      }
    }
  }

  private async viewsAreFolds(): Promise<void> {
    const { colony } = this.stage;
    for (const [projection, decider] of [
      [actionsView, actionDecider],
      [approvalsView, approvalDecider],
      [roundsView, roundDecider],
    ] as const) {
      const { rows } = await colony.ports.views.query(colony.views.serving(projection.name), {
        tenant: TENANT,
        limit: 1_000,
      });
      const expected = this.stage.streams(projection.category).map((stream) => {
        const { state, version, at } = this.stage.fold(decider as typeof actionDecider, stream);
        return {
          source: stream,
          index: version,
          doc: (projection as typeof actionsView).row(
            { tenant: TENANT, id: parseStream(stream).id, stream, version, at },
            state,
          )?.doc,
        };
      });
      const found = rows
        .map(({ source, index, doc }) => ({ source, index, doc }))
        .sort((a, b) => (a.source < b.source ? -1 : 1));
      if (JSON.stringify(found) !== JSON.stringify(expected))
        this.wrong.push(
          `the view ${projection.name} holds ${JSON.stringify(found)}, the log says ${JSON.stringify(expected)}`,
        );
    }
  }
}
