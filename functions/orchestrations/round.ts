/** A round: pass after pass, until it is over. The votes end a pass (that is news), or its time does. */
import * as df from 'durable-functions';
import { untilOver } from './steps';

df.app.orchestration('round_v1', untilOver);
