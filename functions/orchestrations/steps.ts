/**
 * What orchestrations are made of: they look at their stream, wait for a time or for news, and have the clock's say.
 */
import * as df from 'durable-functions';

/** The external event that says: the stream has changed. What it carries is not looked at. */
export const CHANGED = 'changed';
export const DUE_OF = 'due_of';
export const TIME_PASSED = 'time_passed';

/** What the SDK gives back at each step is typed by who asks for it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in the SDK's own OrchestrationHandler
type Steps<T> = Generator<df.Task, T, any>;

/** A store that is busy is asked again, over a quarter of a minute; after that the deadline stands in. */
const PATIENCE = Object.assign(new df.RetryOptions(1_000, 5), { backoffCoefficient: 2 });
/** Shortest wait, in milliseconds: a clock that is behind the timer's would turn a process round and round. */
const SHORTEST_MS = 100;

/**
 * The process that every stream that waits goes through: until nothing is due any more, news is looked at, and time
 * that has passed has its say.
 */
export function* untilOver(context: df.OrchestrationContext): Steps<void> {
  let due = yield* dueOf(context);
  while (due !== null) {
    const news = yield* newsBefore(context, due);
    due = news ? yield* dueOf(context) : yield* timePassed(context);
  }
}

/** When the stream is to be looked at next; null when nothing waits any more. */
function* dueOf({ df: process }: df.OrchestrationContext): Steps<string | null> {
  return (yield process.callActivityWithRetry(DUE_OF, PATIENCE, process.getInput<string>())) as string | null;
}

/** The time has come: what follows from that is decided by the stream's own rules. Answers as `dueOf`. */
function* timePassed({ df: process }: df.OrchestrationContext): Steps<string | null> {
  return (yield process.callActivityWithRetry(TIME_PASSED, PATIENCE, process.getInput<string>())) as string | null;
}

/**
 * Waits until `time`; true when something happened to the stream before. News that comes while a step is taken may go
 * unnoticed: then the process looks when the time has come, which is as right, only later.
 */
function* newsBefore({ df: process }: df.OrchestrationContext, time: string): Steps<boolean> {
  const timer = process.createTimer(
    new Date(Math.max(Date.parse(time), process.currentUtcDateTime.getTime() + SHORTEST_MS)),
  );
  const news = process.waitForExternalEvent(CHANGED);
  const first = (yield process.Task.any([news, timer])) as df.Task;
  if (first === timer) return false;
  timer.cancel();
  return true;
}
