/** A veto window: people have until its end to step in (that is news); then the action goes on. */
import * as df from 'durable-functions';
import { untilOver } from './steps';

df.app.orchestration('veto_window_v1', untilOver);
