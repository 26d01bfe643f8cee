/** An approval: a ladder of groups, each with its time. Somebody decides, or the last group's time is up. */
import * as df from 'durable-functions';
import { dueOf, newsBefore, timePassed } from './steps';

df.app.orchestration('approval_v1', function* (context) {
  let groupEnds = yield* dueOf(context);
  while (groupEnds !== null) {
    const news = yield* newsBefore(context, groupEnds);
    groupEnds = news ? yield* dueOf(context) : yield* timePassed(context);
  }
});
