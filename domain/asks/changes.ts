/** The rules for what changes something. What is not wholly understood is asked about, never guessed. */
import { searchEntries } from '../repository/catalogue';
import { CATALOGUE } from '../repository/catalogue-data';
import { EVERYTHING, PLATFORM } from '../stops/stop';
import { type Answer, draft, drafts, question, refused } from './answer';
import type { Clause, Owner } from './clause';
import type { Saying } from './grammar';
import { isFelt } from './manner';
import type { OperationId } from './operations';
import { MAX_STEPS } from './plan';
import { takesBack } from './reach';
import type { Values } from './steps';
import { AGAIN, type Recurrence, recurrence, timeAfter } from './times';
import type { Thing } from './vocabulary';

const OFFERED = 3;
const TYPES = new Set(CATALOGUE.map(({ agent_type }) => agent_type));

/** The same for each of the names; asks which where there is none. */
function each(operation: OperationId, names: readonly string[], values: Values, example: string): Answer {
  const key = operation === 'raiseReservation' ? 'task' : 'id';
  const doubtful = names.slice(1).find(takesBack);
  if (doubtful !== undefined) return question(`Is "${doubtful}" the id of one more? Name it by itself.`, example);
  return names.length === 0
    ? question('Which one? Name it by its id.', example)
    : drafts(...names.map((id) => [operation, { [key]: id, ...values }] as const));
}

/**
 * With the reason that others will read. Whoever does not collaborate is not asked for one: the words stand for it.
 */
function because(clause: Clause, { manner, phrase }: Saying, go: (reason: string) => Answer): Answer {
  const reason = clause.reason ?? (manner.collaborative < 0.5 ? phrase : undefined);
  return reason === undefined
    ? question(
        'Why? It stands on the receipt, for whoever comes after.',
        `${phrase.replace(/[.!?\s]+$/, '')} because …`,
      )
    : go(reason);
}

// ----------------------------------------------------------------------------------------------------------- work

export function post(clause: Clause, saying: Saying): Answer {
  const again = recurrence(clause);
  if (again !== undefined || clause.has('schedule')) return planned(clause, saying, again);
  if (clause.has('agent', 'swarm')) return spawn(clause, saying);
  const { now, manner } = saying;
  const id = clause.bare(/^(?:id|named|called)$/);
  const about = clause.name('about');
  const location = clause.value('path')?.text ?? clause.name('location');
  const priority = shareOf(clause, /^prio(?:rity)?$/);
  const deadline = timeAfter(clause, now, /^(?:by|within|until|before|deadline)$/);
  const not_before = timeAfter(clause, now, /^(?:in|after|at|from)$/);
  const urgent = clause.state('urgent') !== undefined || isFelt(manner, 'urgency');
  const count = clause.count() ?? 1;
  const typed = clause.name('type');
  const type = typed ?? clause.name('task') ?? clause.bare();
  clause.understood(/^(?:and|with|a)$/);
  if (type === undefined)
    return question('Which type of task?', 'post a task finance.reconciliation', 'show types of finance');
  if (typed === undefined && isNoType(clause, type))
    return question(
      `${type} may be something that there is. Which type of task?`,
      `post a task of type ${type}`,
      `why ${type}`,
    );
  if (id !== undefined && count > 1)
    return question('One id can be given to one task only. Which do you mean?', `post a task ${type} with id ${id}`);
  const values = { type, id, about, location, priority, deadline, not_before, urgency: urgent ? 1 : undefined };
  return times(count, 'postTask', values, { next: id === undefined ? ['what is stuck'] : [`why is ${id} not done`] });
}

/** An id without a dot: of a task or an agent rather than of a type, unless somebody called it one. */
function isNoType({ tokens }: Clause, name: string): boolean {
  return !name.includes('.') && tokens.some(({ kind, text }) => kind === 'id' && text === name);
}

/** The same several times, as often as a plan has room for. */
function times(
  count: number,
  operation: OperationId,
  values: Values,
  more: { readonly next: readonly string[] },
): Answer {
  if (!Number.isInteger(count) || count < 1 || count > MAX_STEPS)
    return refused(`A plan has 1 to ${MAX_STEPS} commands, not ${count}. More at once come from a file: post --file.`);
  return { drafts: Array.from({ length: count }, () => [operation, values] as const), ...more };
}

/** A share behind a word, in digits, as a percentage, or as high, medium or low. */
function shareOf(clause: Clause, word: RegExp): number | undefined {
  const given = clause.value('number', word) ?? clause.value('share', word);
  if (given !== undefined) return given.value;
  if (!clause.tokens.some((token) => word.test(token.word))) return undefined;
  const level = clause.state('low', 'medium', 'high', 'critical');
  const share = clause.value('share')?.value ?? { low: 0.1, medium: 0.5, high: 0.9, critical: 1 }[level ?? ''];
  // Without a share the word is left over.
  if (share !== undefined) clause.understood(word);
  return share;
}

/** Tasks that come after each other, in the order in which they were said. */
export function chain(links: readonly { readonly text: string; readonly about?: string }[]): Answer {
  const keys = new Map<string, number>();
  const tasks: { key: string; task_type: string; after?: string[]; payload?: { about: string } }[] = [];
  for (const { text, about } of links) {
    const seen = (keys.get(text) ?? 0) + 1;
    keys.set(text, seen);
    const before = tasks.at(-1);
    tasks.push({
      key: seen === 1 ? text : `${text}-${seen}`,
      task_type: text,
      ...(before === undefined ? {} : { after: [before.key] }),
      ...(about === undefined ? {} : { payload: { about } }),
    });
  }
  return draft('postJob', { tasks }, { next: ['show running jobs'] });
}

export function plan(clause: Clause, saying: Saying): Answer {
  return planned(clause, saying, recurrence(clause));
}

function planned(clause: Clause, { phrase }: Saying, again: Recurrence | undefined): Answer {
  const id = clause.bare(/^(?:id|named|called)$/);
  const typed = clause.name('type');
  const type = typed ?? clause.name('task', 'schedule') ?? clause.bare();
  clause.understood(/^(?:utc|time|zone)$/);
  const zone = clause.value('zone')?.text;
  if (type === undefined)
    return question('Which type of task, and when?', 'schedule finance.reconciliation every weekday at 18:30');
  if (typed === undefined && isNoType(clause, type))
    return question(
      `${type} may be something that there is. Which type of task?`,
      `schedule a task of type ${type} every weekday at 18:30`,
    );
  if (again === undefined)
    return question('When?', `schedule ${type} every weekday at 18:30`, `schedule ${type} every 15 minutes`);
  if ('missing' in again)
    return question(
      again.missing === 'hour' ? 'At what time?' : 'On which day of the week, and at what time?',
      `${phrase.replace(/[.!?\s]+$/, '')} ${again.missing === 'hour' ? '' : 'every monday '}at 9:00`,
    );
  return draft('createSchedule', { id, type, cron: again.cron, zone }, { next: ['show schedules'] });
}

export function spawn(clause: Clause, { manner }: Saying): Answer {
  const capacity = clause.value('number', /^capacity$/)?.value;
  const location = clause.value('path')?.text ?? clause.name('location');
  const pool = clause.name('pool') ?? clause.bare(/^(?:in|into)$/);
  const said = clause.count();
  const given = clause.bare(/^(?:id|named|called)$/);
  const stated = clause.name('type') ?? clause.bare(/^(?:as|for)$/);
  const named = clause.name('agent', 'swarm') ?? clause.bare();
  const type = stated ?? (named === undefined ? undefined : singular(named));
  const id = given ?? (stated === undefined ? undefined : named);
  if (type === undefined)
    return question(
      'Which type of agent?',
      'spawn 2 finance.reconciliation agents',
      'register agent recon-7 of type finance.reconciliation',
      'show types of finance',
    );
  if (stated === undefined && isNoType(clause, named as string))
    return question(
      `Of which type is ${type}?`,
      `register agent ${type} of type finance.reconciliation`,
      'show types of finance',
    );
  const known = type.includes('.')
    ? []
    : searchEntries(CATALOGUE, type).filter(({ matched }) => matched.includes('agent_type'));
  if (known.length > 0)
    return question(
      `Which type is ${type}?`,
      ...known.slice(0, OFFERED).map(({ entry }) => `spawn ${said ?? 1} ${entry.agent_type} agents`),
    );
  if (said === undefined && clause.has('swarm')) return question('How many agents?', `spawn 5 ${type} agents`);
  const count = said ?? (isFelt(manner, 'urgency') && id === undefined ? 2 : 1);
  if (id !== undefined && count > 1)
    return question(
      'One id can be given to one agent only. Which do you mean?',
      `register agent ${id} of type ${type}`,
    );
  return times(count, 'registerAgent', { type, id, pool, capacity, location }, { next: ['how are the agents'] });
}

function singular(name: string): string {
  return /^[A-Za-z]+[^su]s$/.test(name) ? name.slice(0, -1) : name;
}

/** What is made: of the thing that is named. */
export function make(clause: Clause, saying: Saying): Answer {
  if (clause.has('agent', 'swarm')) return spawn(clause, saying);
  if (clause.has('budget')) return set(clause, saying);
  if (AGAIN.test(clause.words) || clause.has('schedule')) return plan(clause, saying);
  if (clause.has('task', 'job')) return post(clause, saying);
  return question(
    'What is it: agents, a task, or a schedule?',
    'spawn 5 scraper agents',
    'post a task finance.audit',
    'schedule finance.audit every day at 9:00',
  );
}

export function cancel(clause: Clause): Answer {
  const { reason } = clause;
  if (clause.has('job')) return each('cancelJob', clause.listed('job'), { reason }, 'cancel job close-2026-11');
  if (clause.has('schedule'))
    return each('deleteSchedule', clause.listed('schedule'), {}, 'delete schedule daily-close');
  if (clause.has('agent'))
    return question('Take the agent off, or stop it?', 'deregister agent recon-7', 'stop agent recon-7 because …');
  return each('cancelTask', clause.listed('task'), { reason }, 'cancel task inv-4711');
}

export function remove(clause: Clause, saying: Saying): Answer {
  const { reason } = clause;
  if (clause.has('budget'))
    return because(clause, saying, (why) =>
      budgeted(clause, saying, (of) => draft('removeBudget', { ...of, reason: why })),
    );
  if (clause.has('schedule', 'job', 'task')) return cancel(clause);
  if (clause.has('agent') || /\b(?:deregister|unregister|retire|despawn|withdraw)\b/.test(clause.words))
    return each('deregisterAgent', clause.listed('agent'), { reason }, 'deregister agent recon-7');
  return question(
    'What is it that goes?',
    'deregister agent recon-7',
    'cancel task inv-4711',
    'delete schedule daily-close',
    'remove budget of pool finance because …',
  );
}

export function kill(clause: Clause, saying: Saying): Answer {
  return clause.has('task', 'job') ? cancel(clause) : stop(clause, saying);
}

export function retry(clause: Clause, { now }: Saying): Answer {
  const deadline = timeAfter(clause, now, /^(?:by|within|until|before|deadline)$/);
  clause.understood(/^again$/);
  return each('redriveTask', clause.listed('task'), { deadline }, 'retry task inv-4711');
}

export function emit(clause: Clause): Answer {
  const location = clause.value('path')?.text ?? clause.name('location') ?? clause.bare(/^(?:at|in|near)$/);
  const strength = clause.value('number', /^(?:strength|with|of|at|_)$/)?.value ?? clause.value('share')?.value;
  const type = clause.name('type', 'signal') ?? clause.bare();
  clause.understood(/^(?:strength|signal)$/);
  return type === undefined || location === undefined || strength === undefined
    ? question('Which signal, where, and how strong?', 'emit resource_needed at warehouse/eu strength 0.8')
    : draft('emitSignals', { type, location, strength }, { next: ['show signals'] });
}

// ---------------------------------------------------------------------------------------------------- what holds

/** What a name is of, of these; the first where nothing was said and it is plain. */
function target(clause: Clause, kinds: readonly Owner[]): { readonly of: Owner; readonly name: string } | undefined {
  for (const of of kinds) {
    const name = clause.name(of);
    if (name !== undefined) return { of, name };
  }
  const spoken = kinds.find((of) => clause.has(of as Thing));
  const name = spoken === undefined ? clause.oneOf(TYPES) : clause.bare();
  return name === undefined ? undefined : { of: spoken ?? 'type', name };
}

export function pause(clause: Clause, saying: Saying): Answer {
  if (clause.has('schedule'))
    return each('pauseSchedule', clause.listed('schedule'), { reason: clause.reason }, 'pause schedule daily-close');
  const found = target(clause, ['pool', 'agent', 'type', 'task']);
  if (found === undefined)
    return question(
      'Pause what?',
      'pause pool finance because …',
      'pause type finance.reconciliation because …',
      'pause schedule daily-close',
    );
  const { of, name } = found;
  if (of === 'task' && isNoType(clause, name))
    return question('Types of tasks are paused; a task is stopped.', `stop task ${name} because …`);
  return because(clause, saying, (reason) =>
    of === 'agent'
      ? draft('drain', { kind: 'agent', name, reason }, { next: [`resume agent ${name}`] })
      : draft(
          'pause',
          { kind: of === 'pool' ? 'pool' : 'type', name, reason },
          { next: [`resume ${of === 'pool' ? 'pool' : 'type'} ${name}`] },
        ),
  );
}

export function drain(clause: Clause, saying: Saying): Answer {
  const found = target(clause, ['pool', 'agent']);
  if (found === undefined)
    return question('Drain what?', 'drain agent recon-7 because …', 'drain pool finance because …');
  return because(clause, saying, (reason) =>
    draft('drain', { kind: found.of, name: found.name, reason }, { next: [`resume ${found.of} ${found.name}`] }),
  );
}

export function resume(clause: Clause): Answer {
  if (clause.has('schedule'))
    return each('resumeSchedule', clause.listed('schedule'), {}, 'resume schedule daily-close');
  const found = target(clause, ['pool', 'agent', 'type', 'task']);
  if (found === undefined)
    return question(
      'Resume what?',
      'resume pool finance',
      'resume type finance.reconciliation',
      'resume agent recon-7',
    );
  if (found.of === 'task' && isNoType(clause, found.name))
    return question('Types of tasks are resumed; of a task its stop is lifted.', `lift task ${found.name} because …`);
  return draft('resume', { kind: found.of === 'task' ? 'type' : found.of, name: found.name });
}

const STOPPED: Readonly<Record<string, string>> = {
  type: 'agent_type',
  agent: 'agent',
  task: 'task',
  tool: 'tool',
  model: 'model',
  tenant: 'tenant',
};

/** What is stopped or lifted; everything is the tenant's own, and for the platform all there is. */
function stopped(clause: Clause, { tenant }: Saying): { readonly kind: string; readonly name: string } | undefined {
  const found = target(clause, ['type', 'agent', 'task', 'tool', 'model', 'tenant']);
  if (found !== undefined) return { kind: STOPPED[found.of] as string, name: found.name };
  const isAll = clause.has('colony', 'swarm', 'tenant') || clause.understood(/^all$/);
  if (!isAll || clause.names.length > 0) return undefined;
  return tenant === PLATFORM ? { kind: 'global', name: EVERYTHING } : { kind: 'tenant', name: tenant };
}

export function stop(clause: Clause, saying: Saying): Answer {
  if (clause.has('schedule'))
    return question(
      'Pause the schedule, or end it for good?',
      'pause schedule daily-close',
      'delete schedule daily-close',
    );
  if (clause.has('pool'))
    return question('A pool is paused or drained.', 'pause pool finance because …', 'drain pool finance because …');
  if (clause.has('job')) return question('A job is cancelled.', 'cancel job close-2026-11');
  const found = stopped(clause, saying);
  if (found === undefined)
    return question(
      'Stop what? Say what it is, and its name.',
      'stop agent recon-7 because …',
      'stop type finance.reconciliation because …',
      'stop everything because …',
    );
  const quarantine = clause.understood(/^quarantine$/) || /^quarantine\b/.test(clause.words) ? true : undefined;
  return because(clause, saying, (reason) =>
    draft('stop', { ...found, quarantine, reason }, { next: ['what is stopped'] }),
  );
}

export function lift(clause: Clause, saying: Saying): Answer {
  clause.understood(/^stops?$/);
  const found = stopped(clause, saying);
  if (found === undefined) return question('Lift which stop?', 'what is stopped', 'lift agent recon-7 because …');
  return because(clause, saying, (reason) => draft('liftStop', { ...found, reason }, { next: ['what is stopped'] }));
}

// ---------------------------------------------------------------------------------------------------------- money

const BUDGETED: Readonly<Record<string, string>> = {
  pool: 'pool',
  agent: 'agent',
  type: 'agent_type',
  tenant: 'tenant',
};

function budgeted(
  clause: Clause,
  { tenant }: Saying,
  go: (of: { readonly kind: string; readonly name: string }) => Answer,
): Answer {
  const found = target(clause, ['pool', 'agent', 'type', 'tenant']);
  if (found !== undefined) return go({ kind: BUDGETED[found.of] as string, name: found.name });
  if (clause.has('tenant', 'colony', 'swarm')) return go({ kind: 'tenant', name: tenant });
  return question('Whose budget?', 'set the budget of pool finance to 25 usd per day because …');
}

export function set(clause: Clause, saying: Saying): Answer {
  clause.understood(/^budget$/);
  const usd = clause.value('usd')?.value ?? clause.value('number', /^(?:to|at|budget|of|limit|_)$/)?.value;
  const per = clause.said(/(?:per|every|each|a) day|daily/)
    ? 'day'
    : clause.said(/(?:per|every|each|a) month|monthly/)
      ? 'month'
      : undefined;
  // `By 5 usd` is a change of it.
  if (usd === undefined || /\bby _/.test(clause.words))
    return question(
      'Words set budgets. How much, in US dollars?',
      'set the budget of pool finance to 25 usd per day because …',
    );
  return budgeted(clause, saying, (of) =>
    because(clause, saying, (reason) => draft('setBudget', { ...of, usd, per, reason }, { next: ['show budgets'] })),
  );
}

export function raise(clause: Clause, saying: Saying): Answer {
  const usd = clause.value('usd')?.value ?? clause.value('number', /^by$/)?.value;
  const task = clause.name('task') ?? clause.bare();
  // `To 5 usd` is what it costs in all.
  if (usd === undefined || task === undefined || /\bto _/.test(clause.words))
    return question('Let which task cost how much more?', 'raise task inv-4711 by 2.50 usd because …');
  return because(clause, saying, (reason) => draft('raiseReservation', { task, usd, reason }));
}

// ------------------------------------------------------------------------------------------------------ decisions

export function decide(operation: 'approve' | 'reject'): (clause: Clause, saying: Saying) => Answer {
  return (clause, saying) => {
    const hash = clause.name('hash');
    const id = clause.name('approval', 'action', 'task') ?? clause.bare();
    if (id === undefined)
      return question(
        `Which approval? What waits is listed first.`,
        'what waits for me',
        `${operation} approval ID because …`,
      );
    // Whoever decides sees first what it is.
    return because(clause, saying, (reason) => drafts(['getApproval', { id }], [operation, { id, hash, reason }]));
  };
}

export function ask(clause: Clause): Answer {
  const text = clause.value('quoted')?.text;
  const id = clause.name('approval', 'about', 'question') ?? clause.bare();
  clause.understood(/^(?:about|back|question)$/);
  return id === undefined || text === undefined
    ? question(
        'Ask what about which approval? Put the question in quotes.',
        'ask back about approval ID "Which budget is it from?"',
      )
    : draft('askRequester', { id, question: text });
}

export function veto(clause: Clause, saying: Saying): Answer {
  const id = clause.name('action') ?? clause.bare();
  return id === undefined
    ? question('Veto which action?', 'show actions', 'veto action order-7 because …')
    : because(clause, saying, (reason) => draft('vetoAction', { id, reason }));
}
