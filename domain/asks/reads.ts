/** The rules for what only looks: what there is, how it is, and why. */
import { CATALOGUE } from '../repository/catalogue-data';
import { type Answer, draft, drafts, question } from './answer';
import type { Clause } from './clause';
import type { Saying } from './grammar';
import { rowsOf } from './manner';
import { since } from './times';

const DEPARTMENTS = new Set(CATALOGUE.flatMap(({ department }) => department ?? []));
const INDUSTRIES = new Set(CATALOGUE.flatMap(({ industry_vertical }) => industry_vertical ?? []));
const isType = (name: string) => CATALOGUE.some(({ agent_type }) => agent_type === name);
const STUCK_SECONDS = 60;

/** How much of a list is shown. */
function rows(clause: Clause, { manner }: Saying): { readonly all?: true; readonly limit?: number } {
  if (clause.understood(/^(?:all|every)$/)) return { all: true };
  return { limit: clause.count() ?? rowsOf(manner) };
}

/** Shows one thing, or lists those of its kind. */
export function show(clause: Clause, saying: Saying): Answer {
  const { words } = clause;
  if (/\b(?:wrong|problems?|broken)\b/.test(words)) return why(clause, saying);
  if (/\bwho am i\b/.test(words) || clause.has('caller')) return draft('getMe');
  if (clause.has('parked')) return draft('listParked');
  if (clause.has('delivery')) return draft('listDeliveries');
  if (clause.has('channel')) return draft('listChannels');
  if (clause.has('spend')) return draft('listReservations', {}, { next: ['show budgets'] });
  if (clause.has('budget')) return draft('listBudgets');
  if (clause.has('denial'))
    return draft('listReceipts', { denied: 'denied', from: since(clause, saying.now), ...rows(clause, saying) });
  if (clause.has('receipt')) return receipts(clause, saying);
  if (clause.has('finding')) return findings(clause, saying);
  if (clause.has('candidate') || /\bwho (?:can|could|would|will|should)\b/.test(words)) return candidates(clause);
  if (clause.has('signal')) return signals(clause, saying);
  if (clause.has('stop')) return draft('listStops');
  if (clause.has('approval')) return approvals(clause, saying);
  if (clause.has('schedule')) return schedules(clause, saying);
  if (clause.has('job')) return jobs(clause, saying);
  if (clause.has('round')) return rounds(clause, saying);
  if (clause.has('action')) return actions(clause, saying);
  if (clause.has('tool')) return tools(clause, saying);
  if (clause.has('agent') || /\bcapability\b/.test(words)) return agents(clause, saying);
  if (clause.has('task')) return tasks(clause, saying);
  if (clause.has('type')) return types(clause, saying);
  if (clause.has('pause')) return draft('listPauses');
  if (clause.has('pool')) return pools(clause);
  if (clause.has('policy')) return draft('getPolicy');
  if (clause.has('tenant'))
    return draft('getTenant', { name: clause.name('tenant') ?? clause.bare() ?? saying.tenant });
  if (clause.state('waiting') !== undefined)
    return drafts(
      ['listApprovals', { limit: rowsOf(saying.manner) }],
      ['listTasks', { stuck: STUCK_SECONDS, limit: rowsOf(saying.manner) }],
    );
  if (clause.state('stuck') !== undefined) return tasks(clause, saying, true);
  const name = clause.bareId();
  if (name !== undefined) return isType(name) ? draft('getAgentType', { type: name }) : draft('why', { id: name });
  if (clause.has('colony', 'swarm') || /\bhow (?:are|is|r)\b|\bgoing on\b/.test(words))
    return draft('readStatus', {}, { next: ['what is stuck', 'what waits for me'] });
  return question(
    'What do you want to see?',
    'how are the agents',
    'show open tasks',
    'what waits for me',
    'how is the colony',
  );
}

function agents(clause: Clause, saying: Saying): Answer {
  const id = clause.name('agent') ?? clause.bare(/^(?!of$|in$|with$|from$)/);
  if (id !== undefined)
    return isType(id) ? draft('listAgents', { type: id, ...rows(clause, saying) }) : draft('getAgent', { id });
  const status = clause.state('active', 'running', 'lost', 'gone', 'dead');
  const capability = clause.name('capability');
  const of = clause.bare(/^(?:of|in|from)$/);
  const pool = clause.name('pool') ?? (of?.includes('.') === true ? undefined : of);
  const type = clause.name('type') ?? (of?.includes('.') === true ? of : undefined);
  const shown = { running: 'active', dead: 'lost' }[status ?? ''] ?? status;
  const list = { status: shown, capability, pool, type, ...rows(clause, saying) };
  if (/\bhow\b/.test(clause.words) && !/\bhow many\b/.test(clause.words))
    return { ...drafts(['listAgents', list], ['listPools']), next: ['what is stuck', 'show lost agents'] };
  return draft('listAgents', list, { next: ['show lost agents'] });
}

function tasks(clause: Clause, saying: Saying, isStuck = false): Answer {
  const type = clause.name('type');
  const agent = clause.name('agent') ?? clause.bare(/^(?:of|by|from|with)$/);
  const id = clause.name('task') ?? clause.bare();
  if (id !== undefined && !isType(id)) return draft('getTask', { id }, { next: [`why is ${id} not done`] });
  const span = clause.value('span', /^(?:for|since|than)$/);
  const stuck = isStuck || clause.state('stuck', 'waiting') !== undefined || span !== undefined;
  const status = clause.state(
    'open',
    'held',
    'awarded',
    'running',
    'active',
    'completed',
    'dead',
    'lost',
    'cancelled',
    'expired',
  );
  const shown = { active: 'running', lost: 'expired' }[status ?? ''] ?? status;
  const filter = {
    status: shown,
    agent: agent === undefined || isType(agent) ? undefined : agent,
    type: type ?? id ?? (agent !== undefined && isType(agent) ? agent : undefined),
    stuck: stuck ? Math.floor(span?.value ?? STUCK_SECONDS) : undefined,
  };
  return draft(
    'listTasks',
    { ...filter, ...rows(clause, saying) },
    { next: stuck ? ['show agents', 'what is stopped'] : ['what is stuck'] },
  );
}

function findings(clause: Clause, saying: Saying): Answer {
  const id = clause.name('task') ?? clause.bare();
  if (id !== undefined) return draft('getTask', { id });
  const from = since(clause, saying.now);
  if (from !== undefined)
    return draft(
      'listReceipts',
      { category: 'task', event: 'TaskCompleted', from, ...rows(clause, saying) },
      { next: ['show completed tasks'] },
    );
  return draft('listTasks', { status: 'completed', ...rows(clause, saying) }, { next: ['what did they find today'] });
}

function candidates(clause: Clause): Answer {
  const id = clause.name('task', 'candidate') ?? clause.bare();
  return id === undefined
    ? question('Candidates for which task?', 'show candidates for task inv-4711')
    : draft('listCandidates', { id });
}

function signals(clause: Clause, saying: Saying): Answer {
  const location = clause.value('path')?.text ?? clause.name('location') ?? clause.bare(/^(?:in|at|near)$/);
  const type = clause.name('signal', 'type') ?? clause.bare();
  const limit = clause.count() ?? rowsOf(saying.manner);
  return draft('readField', { location, type, limit });
}

function receipts(clause: Clause, saying: Saying): Answer {
  const path = clause.value('path');
  if (path !== undefined)
    return path.text.includes('@')
      ? draft('why', { id: path.text })
      : draft('readStream', { resource: path.text, ...rows(clause, saying) });
  for (const category of ['task', 'agent', 'job', 'round', 'action', 'approval'] as const) {
    const id = clause.name(category);
    if (id !== undefined) return draft('readStream', { resource: `${category}/${id}`, ...rows(clause, saying) });
  }
  const by = clause.bare(/^(?:by|from|did|has)$/);
  const id = by === undefined ? (clause.name('receipt') ?? clause.bare()) : undefined;
  if (id !== undefined) return draft('why', { id });
  return draft('listReceipts', { by, from: since(clause, saying.now), ...rows(clause, saying) });
}

function approvals(clause: Clause, saying: Saying): Answer {
  const id = clause.name('approval') ?? clause.bare();
  if (id !== undefined) return draft('getApproval', { id });
  clause.state('waiting', 'open');
  const severity = clause.state('low', 'medium', 'high', 'critical', 'urgent');
  return draft('listApprovals', { severity: severity === 'urgent' ? 'critical' : severity, ...rows(clause, saying) });
}

function schedules(clause: Clause, saying: Saying): Answer {
  const id = clause.name('schedule') ?? clause.bare();
  if (id !== undefined) return draft('getSchedule', { id });
  const status = clause.state('active', 'running') ?? (clause.has('pause') ? 'paused' : undefined);
  return draft('listSchedules', { status: status === 'running' ? 'active' : status, ...rows(clause, saying) });
}

function jobs(clause: Clause, saying: Saying): Answer {
  const id = clause.name('job', 'task') ?? clause.bare();
  if (id !== undefined) return draft(clause.has('task') ? 'listJobTasks' : 'getJob', { id });
  const status = clause.state('running', 'active', 'completed', 'dead', 'cancelled');
  const shown = { active: 'running', dead: 'failed' }[status ?? ''] ?? status;
  return draft('listJobs', { status: shown, ...rows(clause, saying) });
}

function rounds(clause: Clause, saying: Saying): Answer {
  const id = clause.name('round') ?? clause.bare();
  if (id !== undefined) return draft('getRound', { id });
  return draft('listRounds', { status: clause.state('open', 'closed', 'cancelled'), ...rows(clause, saying) });
}

function actions(clause: Clause, saying: Saying): Answer {
  const id = clause.name('action') ?? clause.bare();
  if (id !== undefined) return draft('getAction', { id });
  return draft('listActions', { status: clause.state('held'), ...rows(clause, saying) });
}

function tools(clause: Clause, saying: Saying): Answer {
  const id = clause.name('tool');
  const named = /\btool _/.test(clause.words);
  if (id !== undefined && named) return draft('getTool', { id });
  const words = [...(id === undefined ? [] : [id]), ...clause.all('tool')];
  return draft('searchTools', { q: words.length === 0 ? undefined : words.join(' '), limit: rowsOf(saying.manner) });
}

function types(clause: Clause, saying: Saying): Answer {
  const words = clause.all('type', 'department', 'industry');
  const limit = clause.count() ?? rowsOf(saying.manner);
  const [first] = words;
  if (first === undefined) return draft('listAgentTypes', { limit });
  if (words.length === 1 && isType(first)) return draft('getAgentType', { type: first });
  if (words.length === 1 && DEPARTMENTS.has(first)) return draft('listAgentTypes', { department: first, limit });
  if (words.length === 1 && INDUSTRIES.has(first)) return draft('listAgentTypes', { industry: first, limit });
  return draft('searchAgentTypes', { q: words.join(' '), limit });
}

function pools(clause: Clause): Answer {
  const pool = clause.name('pool') ?? clause.bare();
  return pool === undefined ? draft('listPools') : draft('readPoolHistory', { pool });
}

/** Why something is so: what led there, and who could do what nobody does. */
export function why(clause: Clause, saying: Saying): Answer {
  const receipt = clause.value('path');
  if (receipt !== undefined && /\b(?:allowed|denied|policy|deny|allow)\b/.test(clause.words))
    return draft('explainPolicy', { receipt: receipt.text });
  if (receipt !== undefined) return draft('why', { id: receipt.text });
  const agent = clause.name('agent');
  if (agent !== undefined)
    return drafts(['getAgent', { id: agent }], ['listTasks', { agent, limit: rowsOf(saying.manner) }]);
  const pool = clause.name('pool');
  if (pool !== undefined) return drafts(['readPoolHistory', { pool }], ['listPauses']);
  const isWaiting = clause.understood(
    /^(?:not|nobody|noone|stuck|blocked|waiting|waits|moving|wait|open|no|isnt|doesnt|dont|one|agent|agents|takes?|takeing)$/,
  );
  const id = clause.name('task', 'job', 'round', 'action', 'approval', 'receipt', 'colony', 'finding') ?? clause.bare();
  if (id !== undefined) return isWaiting ? drafts(['why', { id }], ['listCandidates', { id }]) : draft('why', { id });
  if (isWaiting || clause.has('task'))
    return drafts(['listTasks', { stuck: STUCK_SECONDS, limit: rowsOf(saying.manner) }], ['listPauses'], ['listStops']);
  return {
    ...drafts(
      ['readStatus'],
      ['listTasks', { stuck: STUCK_SECONDS, limit: rowsOf(saying.manner) }],
      ['listStops'],
      ['listPauses'],
    ),
    next: ['why is inv-4711 stuck'],
  };
}

/** What could be better: where load and money go, and what does not move. */
export function optimize(_: Clause, { manner }: Saying): Answer {
  return {
    ...drafts(['listPools'], ['listTasks', { stuck: STUCK_SECONDS, limit: rowsOf(manner) }], ['listReservations']),
    next: ['spawn 2 finance.reconciliation agents', 'show budgets'],
  };
}

export function recompute(clause: Clause): Answer {
  const round = clause.name('round');
  if (round !== undefined) return draft('recomputeRound', { id: round });
  const id = clause.name('task') ?? clause.bare();
  return id === undefined
    ? question('The award of which task, or which round?', 'recompute task inv-4711', 'recount round prices')
    : draft('recomputeAward', { id });
}
