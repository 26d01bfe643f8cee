/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const POLICY_REFUSALS = refusals('Policy', [
  [403, 'person-activates', 'people alone bring a bundle into force: sign in as one'],
  [
    403,
    'platform-decides',
    'a bundle judges the commands of all tenants: people of the tenant platform alone decide on it',
  ],
  [
    403,
    'policy-author-needed',
    'that takes a policy author (group policy-authors) or an administrator (level critical), and no agent',
  ],
  [404, 'unknown-bundle', 'no bundle … is kept here: stage it, which changes nothing'],
  [404, 'unknown-receipt', 'there is no receipt …: give stream@index as a receipt shows it'],
  [409, 'policies-full', '… bundles are staged already: withdraw one of them'],
  [409, 'policy-in-force', 'the bundle … is in force already: there is nothing to stage'],
  [409, 'policy-not-in-force', 'the bundle … is not in force: look which one is'],
  [
    409,
    'policy-not-shadowed',
    'it never stood in the shadow of the one in force: put it there first, or say that it is urgent',
  ],
  [409, 'policy-not-staged', 'no bundle … is staged: stage it first'],
  [409, 'policy-nothing-before', 'nothing is remembered that was in force before it: activate another one'],
  [409, 'second-person-activates', '… has staged it: somebody else has to activate it'],
  [422, 'bundle-invalid', 'the files are no bundle that could answer; what is wrong'],
]);
