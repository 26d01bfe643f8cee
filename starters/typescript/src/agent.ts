/** What the agent does: a function for each type of task. */
import { Fail, Refused, type Worker, type WorkerTask } from '@formicary/client';

export interface Order {
  /** In euros. */
  readonly amount: number;
}

/** Pays money back. A person decides first, and may correct how much. */
async function refund(task: WorkerTask): Promise<string> {
  const wanted = (await task.payload()) as Order;
  try {
    const order = (await task.askHuman(wanted, { why: 'it was paid twice', impact: 'low' })) as Order;
    // Here it would be paid. What is done elsewhere should carry the task's id: an attempt may come twice.
    return `${order.amount} EUR are on their way`;
  } catch (error) {
    if (error instanceof Refused) throw new Fail(error.reason, { retryable: false });
    throw error;
  }
}

/** Gives a worker what this agent can do. */
export function equip(worker: Worker): Worker {
  return worker.task('finance.refund', refund);
}
