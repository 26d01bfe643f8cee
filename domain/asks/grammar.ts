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
import { attuned, draws, isBrief, isFeeling, isFelt, type Manner } from './manner';
import { type OperationId, OPERATIONS } from './operations';
import { type Correction, MAX_STEPS, MAX_WORDS, type Plan, type Step } from './plan';
import { outOfReach } from './reach';
import * as reads from './reads';
import { stepOf } from './steps';
import { BECAUSE, type Deed, type Thing } from './vocabulary';

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
  const kept = all.flatMap(({ clause }) => outOfReach(clause, LOOKING.has(clause.deed)) ?? []);
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
  const guesses = parts.flatMap(({ clause }) => clause.tokens.filter(({ isGuess }) => isGuess));
  return planned(
    answers,
    guesses.map(({ text: from, word: to }) => ({ from, to })),
    saying,
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
  /** What comes after each other, where it is a chain. */
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
    const all = segments.filter((segment) => segment.length > 0);
    if (all.length > 0 || reason !== undefined)
      parts.push({ clause: new Clause(all.flat(), reason, isQuestion), links: all });
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
    else if (token.word === '→' || token.word === 'then' || token.word === ';') segments.push([]);
    else if (token.kind !== 'mark' || token.word === ',') segments.at(-1)?.push(token);
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

/** Who speaks of it, and does not ask for it: `we will retry inv-9`, `could i retry inv-9`. */
const SPOKEN_OF = /\b(?:can|could|would|will)\b(?! (?:you|u|like)\b)(?<!\b(?:you|u) \w+)/;
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

/** Without a deed: what is named is looked at. */
function undeeded(clause: Clause, saying: Saying): Answer {
  if (/\b(?:need|want)\b/.test(clause.words) && clause.has('agent')) {
    const wanted = changes.spawn(clause, saying);
    return 'drafts' in wanted ? whole(wanted, clause, false) : wanted;
  }
  const answer = reads.show(clause, saying);
  const isStrange = clause.left([]).some(({ kind, meaning }) => kind === 'word' && meaning === undefined);
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
  if (strange?.meaning?.turns === true)
    return question(
      `"${strange.text}" may make something else of that. Say without it what is to be done.`,
      ...EXAMPLES.slice(3, 5),
    );
  if (strange !== undefined)
    return question(`What is "${strange.text}"? I did not understand that part.`, ...EXAMPLES.slice(0, 3));
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

const IN_NAMES: ReadonlySet<Token['kind']> = new Set(['word', 'quoted', 'id']);
const IDLE = /^(?:a|an|the|task|tasks|job|pipeline|workflow|please|pls|and|first|of|do|it)$/;

/** Undefined where it is no name, or where a word may make something else of it. */
function linkOf(tokens: readonly Token[]): { readonly text: string; readonly about?: string } | undefined {
  const said = tokens.at(-1)?.word === ',' ? tokens.slice(0, -1) : tokens;
  const begin = said.slice(said.findIndex(({ word }) => !IDLE.test(word)));
  const at = begin.findIndex(({ word }) => /^(?:on|of|for|about)$/.test(word));
  const head = (at < 0 ? begin : begin.slice(0, at)).filter(({ word }) => !IDLE.test(word));
  if (head.length === 0 || head.some(({ kind, meaning }) => !IN_NAMES.has(kind) || meaning?.filler === true))
    return undefined;
  const about =
    at < 0
      ? undefined
      : begin
          .slice(at + 1)
          .filter(({ kind }) => kind !== 'mark')
          .map(({ text }) => text)
          .join(' ');
  const text = head.map(({ kind, text: as }) => (kind === 'word' ? as.toLowerCase() : as)).join('_');
  return { text, ...(about === undefined || about === '' ? {} : { about }) };
}
