/** What the colony itself still does in a tenant that was closed: it brings to an end what was under way. */

const ENDING: ReadonlySet<string> = new Set([
  'action.refuse',
  'agent.deregister',
  'agent.release',
  'agent.release-challenge',
  'approval.supersede',
  'budget.settle',
  'job.cancel',
  'job.task-ended',
  'round.supersede',
  'schedule.delete',
  'task.cancel',
  'task.give-back',
  // A deadline that has passed ends its task, which nobody can cancel then.
  'task.time-passed',
  'task.withdraw',
  'token.revoke',
  'tool.answer',
]);

/** Whether what was reserved was used is found out, and held by whoever uses it or given back. */
const SETTLING: ReadonlySet<string> = new Set(['agent.confirm', 'budget.confirm', 'task.void-award']);

/** Whether an action ends or settles what was begun, and begins nothing: the colony may give it after the closing. */
export function bringsToAnEnd(action: string): boolean {
  return ENDING.has(action) || SETTLING.has(action);
}
