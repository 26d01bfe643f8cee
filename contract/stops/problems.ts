/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const STOPS_REFUSALS = refusals('Stops', [
  [403, 'own-stop', 'nobody lifts what stops themselves: somebody else has to'],
  [403, 'person-lifts', '… is lifted by people: sign in as one'],
  [403, 'platform-only', 'that concerns others than …: people of the tenant platform alone stop it'],
  [409, 'quarantined-already', '… is in quarantine: a freeze would be less, so it has to be lifted first'],
  [409, 'second-person-needed', '… has agreed already: it takes a second person to lift it'],
  [409, 'stop-not-liftable', 'nobody would be left to lift that quarantine: freeze it instead'],
  [
    409,
    'stops-full',
    '… of that kind are stopped already: lift one of them, or stop what is wider: an agent, its type, or the tenant',
  ],
  [
    422,
    'person-not-stopped',
    'people are not stopped: revoke their tokens, and stop the agents and services that act for them',
  ],
  [422, 'name-invalid', 'name must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -'],
]);
