/** A round: pass after pass, until it is over. The votes end a pass, or its time does. */
import * as df from 'durable-functions';
import { dueOf, newsBefore, timePassed } from './steps';

df.app.orchestration('round_v1', function* (context) {
  let deadline = yield* dueOf(context);
  while (deadline !== null) {
    const decided = yield* newsBefore(context, deadline);
    deadline = decided ? yield* dueOf(context) : yield* timePassed(context);
  }
});
