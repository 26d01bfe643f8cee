/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const SIGNALS_REFUSALS = refusals('Signals', [
  [403, 'emitter-mismatch', "… can't emit for …: leave emitter_agent out"],
  [422, 'intake-too-large', 'take in at most … signals at once'],
  [422, 'signal-batch-size', 'emit 1 to … signals at once'],
  [422, 'signal-invalid', 'what is wrong with the signal'],
  [422, 'signal-malformed', 'what is wrong with the message'],
  [422, 'signal-of-another-trail', 'signal … is of … at …, not of … at …'],
]);
