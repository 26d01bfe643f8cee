/** How tasks end. */
import type { EndedTask } from '../../domain/jobs/job';
import type { TaskEvent } from '../../domain/market/task';

/** How a task has ended, if this ends it. */
export function endOf(event: TaskEvent): Pick<EndedTask, 'end' | 'reason'> | undefined {
  switch (event.type) {
    case 'TaskCompleted':
      return { end: 'completed' };
    case 'TaskCancelled':
      return { end: 'cancelled', reason: `cancelled by ${event.data.by}: ${event.data.reason}` };
    case 'TaskDeadLettered':
      return { end: 'dead', reason: event.data.reason };
    case 'DeadlinePassed':
      return { end: 'expired', reason: `the deadline ${event.data.deadline} has passed` };
    default:
      return undefined;
  }
}
