/** What words do not reach: what has to be typed, what is not there, and what is no command at all. */
import { refused } from './answer';
import type { Clause } from './clause';
import type { Refused } from './plan';

const NOT =
  /\b(?:no|not|none|neither|nor|never|nevermind|nvm|nope|nah|nobody|noone|nothing|without|cannot|donot|shant|aint|(?:ca|wo|do|does|did|is|are|was|were|has|have|had|should|must|might|may|ought|would|could|need)nt)\b/;
const IF =
  /\b(?:if|unless|whenever|when|once|in case|in (?:an |any |the )?emergency|provid(?:ed|ing)|assuming|suppos(?:e|ed|ing)|(?:as|so) (?:soon|long) as|(?:up)?on (?:approval|completion|success))\b/;
const WHOLE = /\b(?:all|everything|everyone|everybody|each|every|any|both|them|those|these|it|that)\b/;
const AROUND =
  /\b(?:ignore|bypass|circumvent|disable|skip|forget|override|overrule|turn off|switch off|without)\b.*\b(?:rules?|policy|policies|instructions?|confirm\w*|asking|approvals?|oversight|audits?|receipts?|checks?|safety)\b/;
const AS = /\b(?:sudo|as (?:admin|administrator|root|owner)|become|impersonate|pretend|act as)\b/;

/** Who speaks of them may have said one. */
const SECRETS = /\b(?:token|tokens|password|passwords|secret|secrets|credentials?|keys?)\b/;

const PUT_OFF = /\b(?:wait|until|before|after|later|dry run|approved)\b/;

/** Whether what stands as a name says not, or on what something depends: `not-now`, `if-approved`. */
export function takesBack(name: string): boolean {
  const words = name.toLowerCase().replaceAll(/[-_.:~]/g, ' ');
  return [NOT, IF, PUT_OFF].some((pattern) => pattern.test(words));
}

/** What is typed, by whoever means it: it can't be undone, or is about who may do what. */
const TYPED: readonly (readonly [RegExp, string, string])[] = [
  [/\b(?:erase|forget|anonymi[sz]e)\b/, 'What is erased is gone for good', 'erase --help'],
  [/\b(?:revoke|login|logout)\b/, 'Who may call is not changed in words', 'revoke --help'],
  [
    /\b(?:create|make|add|close|delete|remove|limit) (?:a |the )?(?:new )?tenant\b/,
    'Tenants are not made, limited or closed in words',
    'tenant --help',
  ],
  [
    /\b(?:activate|stage|roll ?back|deploy|change|edit|shadow|withdraw) (?:a |the |new )*(?:policy|policies|rules?|bundle)\b/,
    'Policy takes two people and a bundle',
    'policy --help',
  ],
  [/\b(?:override|overrule)\b/, 'To put your decision in place of another is typed', 'override --help'],
  [
    /\b(?:retention|archive|restore|backup|back up|rebuild|volumes?|snapshots?)\b/,
    'What keeps or moves stored data is typed',
    '--help',
  ],
  [
    /\b(?:complete|accept|fail|release|hand ?off|heartbeat) (?:the )?(?:task )?_/,
    'Whose work it is says so itself, by its award',
    'complete --help',
  ],
];

/** What the sources name and Formicary has not, or not yet. */
const ABSENT: readonly (readonly [RegExp, string, readonly string[]])[] = [
  [
    /\b(?:low power|power mode|sleep|hibernate|wake)\b/,
    'There is no mode of low power and no sleep yet: what is to do less is paused or drained, or has a budget',
    [
      'pause pool finance because …',
      'drain agent recon-7 because …',
      'set the budget of pool finance to 25 usd per day because …',
    ],
  ],
  [
    /\b(?:predictive|auto ?scal\w*|scal(?:e|ing))\b/,
    'Nothing scales by itself yet: agents are registered and drained',
    ['spawn 5 finance.reconciliation agents', 'show pools'],
  ],
  [
    /\b(?:sensitivity|threshold|alert level)\b/,
    'There is no sensitivity to set: rules say what is severe',
    ['show critical approvals', 'show policy'],
  ],
  [
    /\b(?:weather|joke|poem|translate this|email to|slack message)\b/,
    'That is nothing that a colony does',
    ['how are the agents'],
  ],
];

/**
 * Why this clause is no plan, or undefined.
 *
 * @param isLooking whether this clause only looks
 * @param isChanging whether anything in the phrase is to be changed: then what says not, or binds it to a condition,
 *   counts in each of its clauses
 */
export function outOfReach(clause: Clause, isLooking: boolean, isChanging: boolean): Refused | undefined {
  const { deed } = clause;
  const words = clause.written();
  const spoken = clause.written(true);
  if (SECRETS.test(words)) {
    const reason = 'Who may call is neither changed nor shown in words.';
    return { ...refused(reason), command: 'token --help', secret: true };
  }
  if (AROUND.test(words))
    return refused('Words change neither the rules nor who asks: what is refused or asked about stays so.');
  if (AS.test(words))
    return refused('Everything runs under your own token: nobody acts as somebody else by saying so.', 'who am i');
  for (const [pattern, reason, command] of isLooking ? [] : TYPED)
    if (pattern.test(words)) return { ...refused(`${reason}.`), command };
  for (const [pattern, reason, instead] of ABSENT) if (pattern.test(spoken)) return refused(`${reason}.`, ...instead);
  const isCondition =
    /^(?:if|unless|whenever|once)\b|\bon (?:error|failure)\b/.test(words) || (isChanging && IF.test(words));
  if (isCondition)
    return refused(
      'A condition is no command: nothing here waits for it. Say what is to be done now, or post tasks that come after each other.',
      'debug → fix → test',
    );
  if (isChanging && NOT.test(words)) return refused('It says not: nothing is done.');
  if (isLooking || deed === undefined) return undefined;
  const isTotal = WHOLE.test(words) && !/\b(?:every|each)\b/.test(words);
  if (isTotal && !['stop', 'lift', 'kill', 'post', 'make', 'plan'].includes(deed))
    return refused(
      'Nothing is changed for all at once in words: name each one, 20 at most.',
      'what is stuck',
      'show open tasks',
    );
  return undefined;
}
