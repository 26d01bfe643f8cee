/** A veto window: people have until its end to step in; then the action goes on. */
import * as df from 'durable-functions';
import { dueOf, newsBefore, timePassed } from './steps';

df.app.orchestration('veto_window_v1', function* (context) {
  let end = yield* dueOf(context);
  while (end !== null) {
    const news = yield* newsBefore(context, end);
    end = news ? yield* dueOf(context) : yield* timePassed(context);
  }
});
