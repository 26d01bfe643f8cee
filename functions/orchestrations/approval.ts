/**
 * An approval: a ladder of groups, each with its time. Somebody decides (that is news), or the last group's time is up.
 */
import * as df from 'durable-functions';
import { untilOver } from './steps';

df.app.orchestration('approval_v1', untilOver);
