/** Somebody who has work: posts a task, and waits for what comes of it. */
import { Formicary } from '@formicary/client';

const formicary = Formicary.fromEnv();
const { task } = await formicary.tasks.post({ task_type: 'finance.refund', payload: { amount: 40 } });
console.log(`${task.id} is posted, and waits for a person`);
console.log(await formicary.tasks.result(task.id));
formicary.close();
