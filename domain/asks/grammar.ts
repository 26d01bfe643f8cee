/**
 * From a phrase to a plan, without a model and without I/O: deeds and things in any order, their names and values, and
 * nothing guessed where something would change.
 *
 * What stands in quotes, and behind `because`, is text: it is never read as words.
 */
import { secretIn } from '../kernel/secrets';
import { visible } from '../kernel/text';
import type { Time } from '../kernel/time';
import { type Answer, type Drafts, type Question, question, refused } from './answer';
import * as changes from './changes';
import { Clause, type Token, tokensOf } from './clause';
import { attuned, besideFeeling, draws, isBrief, isFeeling, isFelt, type Manner } from './manner';
import { type OperationId, OPERATIONS } from './operations';
import { type Correction, MAX_STEPS, MAX_WORDS, type Plan, type Step } from './plan';
import { outOfReach } from './reach';
import * as reads from './reads';
import { stepOf } from './steps';
import { BECAUSE, type Deed, meaningOf, type Thing } from './vocabulary';

/** What a rule knows beside its clause. */
export interface Saying {
  readonly phrase: string;
  readonly now: Time;
  /** Whose data it is about. */
  readonly tenant: string;
  readonly manner: Manner;
}

type Rule = (clause: Clause, saying: Saying) => Answer;

const RULES: Readonly<Record<Exclude<Deed, 'chain'>, Rule>> = {
  show: reads.show,
  why: reads.why,
  optimize: reads.optimize,
  recompute: reads.recompute,
  help: () => question('Say what you want to see or to have done.', ...EXAMPLES),
  post: changes.post,
  make: changes.make,
  spawn: changes.spawn,
  plan: changes.plan,
  cancel: changes.cancel,
  remove: changes.remove,
  kill: changes.kill,
  retry: changes.retry,
  emit: changes.emit,
  pause: changes.pause,
  drain: changes.drain,
  resume: changes.resume,
  stop: changes.stop,
  lift: changes.lift,
  set: changes.set,
  raise: changes.raise,
  approve: changes.decide('approve'),
  reject: changes.decide('reject'),
  ask: changes.ask,
  veto: changes.veto,
};

const EXAMPLES = [
  'how are the agents',
  'what is stuck',
  'why is inv-4711 not done',
  'post a task finance.reconciliation',
  'spawn 2 finance.reconciliation agents',
  'what waits for me',
];
const LOOKING: ReadonlySet<Deed | undefined> = new Set<Deed>(['show', 'why', 'optimize', 'recompute', 'help']);

/** Words of these may take back what was said beside them. */
const HOLDING = new Set<Deed | undefined>(['cancel', 'remove', 'kill', 'pause', 'drain', 'stop', 'reject', 'veto']);

/** The plan for a phrase, a question back, or why there is none. The same phrase at the same time is the same plan. */
export function planOf(phrase: string, given: Omit<Saying, 'phrase'>): Plan {
  const text = phrase.trim();
  const shape = secretIn(text);
  if (shape !== undefined)
    return { ...refused(`That looks like ${shape}: nothing is done with it, and it is kept nowhere.`), secret: true };
  if (text === '') return asked(question('Say what you want to see or to have done.', ...EXAMPLES));
  if (text.length > MAX_WORDS) return refused(`That is longer than ${MAX_WORDS} characters: say it in parts.`);
  if (visible(text) !== text || text.includes('\n'))
    return refused('There are characters in it that can not be seen, or several lines: type it as one line.');
  const saying = { ...given, phrase: text, manner: attuned(given.manner, text) };
  const all = clausesOf(tokensOf(text), text);
  const wanted = all.filter(({ clause }) => !clause.isVague() || !isFeeling(clause.written()));
  const parts = wanted.length > 0 ? wanted : all;
  // Before the first answer: nothing is asked about, and no model sees it, where a part of it is refused.
  const isChanging = all.some(mayChange);
  const kept = all.flatMap(({ clause }) => outOfReach(clause, LOOKING.has(clause.deed), isChanging) ?? []);
  const [first] = kept;
  if (first !== undefined) return kept.find(({ secret }) => secret) ?? first;
  const answers: Drafts[] = [];
  for (const { clause, links } of parts) {
    const answer = read(clause, links, saying);
    if ('outcome' in answer) return answer;
    if ('question' in answer) return asked(answer);
    if (!isToldToDo(clause) && answer.drafts.some(([operation]) => OPERATIONS[operation].risk > 0))
      return asked(question('Is that to be done? Say so, as a command.', ...EXAMPLES.slice(3, 5)));
    answers.push(answer);
  }
  const doubt = doubtIn(all, new Map(parts.map(({ clause }, i) => [clause, answers[i] as Drafts])));
  if (doubt !== undefined) return asked(doubt);
  const guesses = parts.flatMap(({ clause }) => clause.tokens.filter(({ isGuess }) => isGuess));
  return planned(
    answers,
    guesses.map(({ text: from, word: to }) => ({ from, to })),
    saying,
  );
}

/** Whether something is to be changed by it. Tasks that come after each other need no deed for that. */
function mayChange({ clause, links }: Part): boolean {
  return !LOOKING.has(clause.deed) && (clause.deed !== undefined || links.length > 1 || wantsAgents(clause));
}

/**
 * What is unclear of a phrase that changes something, in its other clauses: they may take it back, or bind it to what
 * they look at. Those that tell of feelings have no answer.
 */
function doubtIn(all: readonly Part[], answers: ReadonlyMap<Clause, Drafts>): Question | undefined {
  const isChange = ({ clause }: Part) =>
    answers.get(clause)?.drafts.some(([operation]) => OPERATIONS[operation].risk > 0) === true;
  const last = all.findLastIndex(isChange);
  const doubts = [...all.entries()]
    .filter(([, part]) => last >= 0 && !isChange(part))
    .map(([at, { clause }]) => {
      const turning = clause.tokens.find(({ meaning }) => meaning?.turns);
      if (turning !== undefined) return turned(turning.text);
      return answers.has(clause) ? doubtOfLook(clause, at < last) : doubtOfFeeling(clause);
    });
  return doubts.find((doubt) => doubt !== undefined);
}

/** Before a change it may be what that depends on. `Wrong` and `that is bad` look at nothing: they may be about it. */
function doubtOfLook(clause: Clause, isBefore: boolean): Question | undefined {
  const { names, tokens } = clause;
  const strange = clause.left([]).find(isUnknown);
  if (strange !== undefined) return unknown(strange.text);
  const holding = tokens.find(
    ({ word, meaning }) => word === 'wait' || (HOLDING.has(meaning?.deed) && !meaning?.thing),
  );
  if (holding !== undefined) return turned(holding.text);
  const isOfSomething = names.length > 0 || tokens.some(({ meaning: { thing, state } = {} }) => thing ?? state);
  return isBefore || !isOfSomething || tokens.some(({ word }) => word === ',')
    ? question('Is that to be done whatever the rest shows? Say what is to be changed by itself.')
    : undefined;
}

/** Beside a change it says nothing else: `this is useless`. */
function doubtOfFeeling(clause: Clause): Question | undefined {
  const left = besideFeeling(clause.written()).match(/[^\s.!?']+/g) ?? [];
  const strange = left.find((word) => !/^(?:is|are)$/.test(word) && meaningOf(word)?.filler !== true);
  return strange === undefined ? undefined : unknown(strange);
}

function unknown(word: string): Question {
  return question(`What is "${word}"? I did not understand that part.`, ...EXAMPLES.slice(0, 3));
}

function turned(word: string): Question {
  return question(
    `"${word}" may make something else of that. Say without it what is to be done.`,
    ...EXAMPLES.slice(3, 5),
  );
}

function asked({ question: text, suggestions }: Question): Plan {
  return { outcome: 'question', question: text, suggestions };
}

function planned(answers: readonly Drafts[], corrections: readonly Correction[], { phrase, manner }: Saying): Plan {
  const steps: Step[] = [];
  for (const [operation, values] of answers.flatMap(({ drafts }) => drafts)) {
    const step = stepOf(operation, values);
    if (typeof step === 'string') return refused(`That can't be a command: ${step}.`);
    steps.push(step);
  }
  if (steps.length > MAX_STEPS)
    return refused(`A plan has at most ${MAX_STEPS} commands, and this would be ${steps.length}: say it in parts.`);
  const corrected = corrections.map(({ from, to }) => `"${from}" was read as "${to}"`);
  const left = answers.flatMap(({ notes = [] }) => notes);
  const says = isFelt(manner, 'frustration') || (!isFelt(manner, 'urgency') && draws(manner, 'proactive', phrase));
  return {
    outcome: 'planned',
    steps,
    corrections,
    notes: [...corrected, ...(!isBrief(manner) && draws(manner, 'curious', phrase) ? left : [])],
    next: says ? answers.flatMap(({ next = [] }) => next) : [],
  };
}

// --------------------------------------------------------------------------------------------------------- clauses

interface Part {
  readonly clause: Clause;
  /** What comes after each other, where it is a chain; with its marks, which no name has inside. */
  readonly links: readonly (readonly Token[])[];
}

/**
 * A new clause begins where a deed follows `then`, `and`, a comma or the end of a sentence. What follows an arrow or
 * `then` and is no deed is a link of a chain. A reason without quotes goes on to the end.
 */
function clausesOf(tokens: readonly Token[], text: string): Part[] {
  const parts: Part[] = [];
  let segments: Token[][] = [[]];
  let reason: string | undefined;
  let isQuestion = false;
  const close = () => {
    const links = segments.filter((segment) => segment.some(({ kind }) => kind !== 'mark'));
    const all = segments.flat().filter(({ kind, word }) => kind !== 'mark' || word === ',');
    const why = reason !== undefined && /[\p{L}\p{N}]/u.test(reason) ? reason : undefined;
    if (all.length > 0 || why !== undefined) parts.push({ clause: new Clause(all, why, isQuestion), links });
    [segments, reason, isQuestion] = [[[]], undefined, false];
  };
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i] as Token;
    const isSeparator = token.kind === 'mark' || token.word === 'then' || token.word === 'and';
    if (token.word === '?') isQuestion = true;
    if (BECAUSE.test(token.word) && segments.flat().length > 0) {
      const next = tokens[i + 1];
      if (next?.kind === 'quoted') [reason, i] = [next.text, i + 1];
      else {
        reason = text
          .slice(token.end)
          .replace(/^[\s:]+(?:of\s+)?/, '')
          .replace(/[\s.]+$/, '');
        isQuestion ||= /\?!*$/.test(reason);
        break;
      }
    } else if (isSeparator && beginsWithDeed(tokens.slice(i + 1)) && token.word !== '→') close();
    else if (token.word === '→' || token.word === 'then') segments.push([]);
    else if (token.word === ';') segments.push([token]);
    else segments.at(-1)?.push(token);
  }
  close();
  return parts;
}

function beginsWithDeed(tokens: readonly Token[]): boolean {
  const head = tokens.find(
    ({ kind, word, meaning }) => kind !== 'word' || (meaning?.filler !== true && !/^(?:and|then)$/.test(word)),
  );
  return head?.meaning?.deed !== undefined && head.meaning.state === undefined;
}

/** Who speaks of it, and does not ask for it: `we will retry inv-9`, `could i retry inv-9`, `am i to retry inv-9`. */
const SPOKEN_OF =
  /\b(?:can|could|would|will)\b(?! (?:you|u|like)\b)(?<!\b(?:you|u) \w+)|\bgoing to\b|\bam i\b|\bwant me to\b/;
/** Who asks for it by a question: `can you retry inv-9?`. */
const ASKED_FOR = /\b(?:can|could|would|will) (?:you|u)\b|\b(?:please|pls|plz)\b/;

/** Whether it is to be done. A question does nothing unless it is how somebody asks for it. */
function isToldToDo({ words, isQuestion }: Clause): boolean {
  return !SPOKEN_OF.test(words) && (!isQuestion || ASKED_FOR.test(words));
}

function read(clause: Clause, links: readonly (readonly Token[])[], saying: Saying): Answer {
  const { deed } = clause;
  const isLooking = LOOKING.has(deed);
  if (links.length > 1) return withReason(chained(clause, links), clause);
  // Whoever gives a reason wants something done.
  if (clause.reason !== undefined && (isLooking || deed === undefined))
    return question("I don't know what is to be done.", ...EXAMPLES);
  if (deed === undefined) return undeeded(clause, saying);
  if (deed === 'chain') return question('Which tasks, in which order?', 'extract → validate → transform → load');
  const answer = RULES[deed](clause, saying);
  return withReason('drafts' in answer ? whole(answer, clause, isLooking) : answer, clause);
}

/** Says so where a reason was given that no command keeps. */
function withReason(answer: Answer, { reason }: Clause): Answer {
  if (!('drafts' in answer) || reason === undefined || answer.drafts.some(([, values]) => values['reason'] === reason))
    return answer;
  return { ...answer, notes: [...(answer.notes ?? []), 'no command here keeps a reason'] };
}

function wantsAgents(clause: Clause): boolean {
  return clause.deed === undefined && /\b(?:need|want)\b/.test(clause.words) && clause.has('agent');
}

const isUnknown = ({ kind, meaning }: Token) => kind === 'word' && meaning === undefined;

/** Without a deed: what is named is looked at. */
function undeeded(clause: Clause, saying: Saying): Answer {
  if (wantsAgents(clause)) {
    const wanted = changes.spawn(clause, saying);
    return 'drafts' in wanted ? whole(wanted, clause, false) : wanted;
  }
  const answer = reads.show(clause, saying);
  const isStrange = clause.left([]).some(isUnknown);
  return 'drafts' in answer && !isStrange
    ? whole(answer, clause, true)
    : question("I don't know what is to be done.", ...EXAMPLES);
}

/** What the things are called that an operation is about, beside those whose names it takes. */
const ABOUT: Partial<Readonly<Record<OperationId, readonly Thing[]>>> = {
  postTask: ['task', 'type'],
  cancelTask: ['task'],
  redriveTask: ['task'],
  createSchedule: ['schedule', 'task', 'type'],
  registerAgent: ['agent', 'swarm', 'type'],
  deregisterAgent: ['agent'],
  emitSignals: ['signal'],
  stop: ['colony', 'tenant'],
  liftStop: ['colony', 'tenant', 'stop'],
  setBudget: ['budget', 'spend', 'colony', 'tenant'],
  removeBudget: ['budget', 'colony', 'tenant'],
  approve: ['approval', 'action'],
  reject: ['approval', 'action'],
  askRequester: ['approval'],
};

/** Nothing changes on a phrase of which something was not understood; who only looks is told what was left out. */
function whole(answer: Drafts, clause: Clause, isLooking: boolean): Answer {
  const left = clause.left(answer.drafts.flatMap(([operation]) => ABOUT[operation] ?? []));
  const [strange] = left.filter(({ kind }) => !isLooking || (kind !== 'word' && kind !== 'number'));
  if (strange?.meaning?.turns === true) return turned(strange.text);
  if (strange !== undefined) return unknown(strange.text);
  const words = left.filter(({ meaning }) => meaning === undefined).map(({ text }) => `"${text}"`);
  return words.length === 0 ? answer : { ...answer, notes: [...(answer.notes ?? []), `left out: ${words.join(', ')}`] };
}

/** Tasks one after the other: each link is a type of task, with what it is about behind `on`, `of` or `for`. */
function chained(clause: Clause, links: readonly (readonly Token[])[]): Answer {
  if (!new Set<Deed | undefined>([undefined, 'post', 'make', 'chain', 'show']).has(clause.deed))
    return question(
      'What comes after that? I understand one command, or tasks that come after each other.',
      'extract → validate → transform → load',
    );
  const all = links.map((tokens, i) => linkOf(i === 0 && clause.deed !== undefined ? withoutDeed(tokens) : tokens));
  if (clause.deed === 'show' || !all.every((link) => link !== undefined))
    return question('Which tasks, in which order?', 'extract → validate → transform → load');
  return changes.chain(all);
}

/** Nothing where a word before the deed may make something else of it. */
function withoutDeed(tokens: readonly Token[]): readonly Token[] {
  const at = tokens.findIndex(({ meaning }) => meaning?.deed !== undefined);
  const isPlain = tokens
    .slice(0, at)
    .every(({ word, meaning }) => IDLE.test(word) || (meaning?.filler === true && !meaning.turns));
  return isPlain ? tokens.slice(at + 1) : [];
}

const IDLE = /^(?:a|an|the|task|tasks|job|pipeline|workflow|please|pls|and|first|of|do)$/;
/** What is about something says what; tasks that come after each other begin now. */
const WHEN =
  /^(?:tomorrow|tonight|later|soon|noon|midnight|morning|afternoon|evening|night|weekend|(?:mon|tues|wednes|thurs|fri|satur|sun)days?)$/;

/** Undefined where it is no name, or where a word may make something else of it. */
function linkOf(tokens: readonly Token[]): { readonly text: string; readonly about?: string } | undefined {
  const said = tokens.slice(0, tokens.findLastIndex(({ kind }) => kind !== 'mark') + 1);
  const from = said.findIndex(({ word }) => !IDLE.test(word));
  const [head, about] = split(said.slice(from < 0 ? said.length : from));
  const named = head.filter(({ word }) => !/^(?:a|an|the|tasks?)$/.test(word));
  if (!isTypeIn(named) || about?.length === 0 || about?.every(isPlainIn) === false) return undefined;
  const text = named.map(({ kind, text: as }) => (kind === 'word' ? as.toLowerCase() : as)).join('_');
  return { text, ...(about === undefined ? {} : { about: about.map(({ text: as }) => as).join(' ') }) };
}

/** What stands before and behind `on`, `of`, `for` or `about`. */
function split(tokens: readonly Token[]): readonly [head: readonly Token[], about?: readonly Token[]] {
  const at = tokens.findIndex(({ word }) => /^(?:on|of|for|about)$/.test(word));
  return at < 0 ? [tokens] : [tokens.slice(0, at), tokens.slice(at + 1)];
}

/** A type by its name, or in words. An id without a dot is of something that there is. */
function isTypeIn(head: readonly Token[]): boolean {
  const [first] = head;
  if (first === undefined) return false;
  if (first.kind !== 'word') return head.length === 1 && (first.kind === 'quoted' || first.text.includes('.'));
  return head.every(
    (token) =>
      token.kind === 'word' &&
      token.meaning?.filler !== true &&
      isPlainIn(token) &&
      !HOLDING.has(token.meaning?.deed) &&
      !GATES.has(token.meaning?.thing),
  );
}

/** What people decide is no task: agents would. */
const GATES = new Set<Thing | undefined>(['approval', 'round', 'action']);

const IN_TEXT: ReadonlySet<Token['kind']> = new Set(['word', 'quoted', 'id', 'path', 'number']);

/** Whether a word says neither when, nor how something has to be. */
function isPlainIn({ kind, word, meaning }: Token): boolean {
  return IN_TEXT.has(kind) && meaning?.turns !== true && meaning?.state === undefined && !WHEN.test(word);
}
