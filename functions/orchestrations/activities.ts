/** The two activities of all orchestrations. Each reads the stream anew, so one that runs again changes nothing. */
import * as df from 'durable-functions';
import { runtime } from '../runtime';
import { DUE_OF, TIME_PASSED } from './steps';

df.app.activity(DUE_OF, {
  async handler(stream: string) {
    const { colony } = await runtime();
    return (await colony.decisions.dueOf(stream)) ?? null;
  },
});

df.app.activity(TIME_PASSED, {
  async handler(stream: string) {
    const { colony } = await runtime();
    return (await colony.decisions.timePassed(stream)) ?? null;
  },
});
