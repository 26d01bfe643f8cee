/** What an event says, in a few words. */
import type { AskEvent } from '../domain/asks/ask';
import type { DenialEvent } from '../domain/audit/denial';
import type { LogEvent } from '../domain/audit/log';
import type { BudgetEvent } from '../domain/budgets/budget';
import type { AccessEvent } from '../domain/identity/access';
import type { CredentialEvent } from '../domain/identity/credential';
import type { JobEvent } from '../domain/jobs/job';
import type { ScheduleEvent } from '../domain/jobs/schedule';
import type { Event } from '../domain/kernel/decider';
import { shorten } from '../domain/kernel/text';
import type { AgentEvent } from '../domain/market/agent';
import type { PauseEvent } from '../domain/market/pause';
import type { PoolEvent } from '../domain/market/pool';
import type { TaskEvent } from '../domain/market/task';
import type { ChannelEvent } from '../domain/notices/channel';
import type { DeliveryEvent } from '../domain/notices/delivery';
import type { ActionEvent } from '../domain/oversight/action';
import type { ApprovalEvent } from '../domain/oversight/approval';
import type { CorrectionEvent } from '../domain/oversight/correction';
import type { OversightEvent } from '../domain/oversight/oversight';
import type { RoundEvent } from '../domain/oversight/round';
import type { SubjectEvent } from '../domain/personal/subject';
import type { RolloutEvent } from '../domain/policy/rollout';
import type { AgentTypeEvent } from '../domain/repository/agent-template';
import type { ToolEvent } from '../domain/repository/tool';
import type { ToolCallEvent } from '../domain/repository/tool-call';
import type { IntakeEvent } from '../domain/signals/intake';
import type { TrailEvent } from '../domain/signals/trail';
import type { StopEvent } from '../domain/stops/stop';
import type { StorageEvent } from '../domain/tenants/storage';
import type { TenantEvent } from '../domain/tenants/tenant';
import type { VolumeEvent } from '../domain/volumes/volume';
import { count, percent, said, usd } from './words';

type Known =
  | TaskEvent
  | JobEvent
  | ScheduleEvent
  | AgentEvent
  | TrailEvent
  | ToolEvent
  | ToolCallEvent
  | AgentTypeEvent
  | RoundEvent
  | ActionEvent
  | ApprovalEvent
  | OversightEvent
  | PauseEvent
  | StopEvent
  | RolloutEvent
  | BudgetEvent
  | StorageEvent
  | TenantEvent
  | SubjectEvent
  | PoolEvent
  | ChannelEvent
  | DeliveryEvent
  | CorrectionEvent
  | DenialEvent
  | AccessEvent
  | CredentialEvent
  | LogEvent
  | IntakeEvent
  | VolumeEvent
  | AskEvent;
type DataOf<T extends Known['type']> = Extract<Known, { type: T }>['data'];

const signal = ({ type, location, resulting_strength, emitter_agent }: DataOf<'SignalEmitted'>) =>
  `${type} at ${location}, strength ${Number(resulting_strength.toFixed(3))}, from ${emitter_agent}`;
const profile = ({ profile: { agent_type, pool, capacity } }: DataOf<'AgentRegistered'>) =>
  `${agent_type}, pool ${pool}, capacity ${capacity}`;
const ballot = ({ voter, choice, confidence, reasoning }: DataOf<'VoteCast'>) =>
  `${voter} for ${choice}, confidence ${Number(confidence.toFixed(3))}: ${reasoning}`;
const reasons = (oversight: DataOf<'ActionProposed'>['oversight']) =>
  oversight.reasons.length === 0 ? '' : ` because ${oversight.reasons.map(({ code }) => code).join(', ')}`;
const tool = ({ tool_name, version, owner }: DataOf<'ToolRegistered'>) => `${tool_name} ${version}, of ${owner}`;

const by = ({ by: who, reason }: { by: string; reason?: string }) =>
  `by ${who}${reason === undefined ? '' : `: ${reason}`}`;
const challenged = ({ by: who, round, reason }: DataOf<'AwardChallenged'> | DataOf<'ActionChallenged'>) =>
  `by ${who}: ${reason}; round ${round} decides`;
const sampled = ({ sample: { agents, capacity, slots, waiting } }: DataOf<'PoolOverloaded'>) =>
  `${agents} agents hold ${slots} of ${capacity}, ${waiting} tasks wait`;
const limited = ({ tenant, limits, by: who, reason }: DataOf<'TenantCreated'>) => {
  const all = Object.entries(limits).map(([of, most]) => `${of} ${most}`);
  return `${tenant}, ${all.length === 0 ? 'no limits' : all.join(', ')}, by ${who}: ${reason}`;
};
const ended = ({ tenant, by: who, with: other, reason }: DataOf<'TenantClosed'>) =>
  `${tenant} by ${who} and ${other}: ${reason}`;
const tried = ({ attempt, status, reason }: { attempt: number; status?: number; reason?: string }) =>
  `try ${attempt}${status === undefined ? '' : `, status ${status}`}${reason === undefined ? '' : `: ${reason}`}`;
const ofVolume = ({
  pool,
  volume,
  by: who,
  reason,
}: Pick<DataOf<'TieringRequested'>, 'pool' | 'volume' | 'by' | 'reason'>) => `${pool}/${volume} by ${who}: ${reason}`;
const saves = (pct: number) => (pct < 0 ? `costs ${-pct} % more` : `saves up to ${pct} %`);
const typed = ({ entry }: DataOf<'AgentTypeDefined'>) => `${entry.agent_type} ${entry.version}`;

const costing = (cost: number | undefined) => (cost === undefined ? '' : `, cost ${usd(cost)}`);

/** Events that older receipts call otherwise. */
const RENAMED: Readonly<Record<string, Known['type']>> = { ApprovalUnclaimed: 'ApprovalReleased' };

/** What each event says. An event without words here does not compile. */
const FACTS: { readonly [T in Known['type']]: (data: DataOf<T>) => string } = {
  TaskPosted: ({ spec }) =>
    `${spec.task_type}, priority ${spec.priority}${spec.deadline === undefined ? '' : `, due ${spec.deadline}`}`,
  TaskCleared: ({ correction, by: who, why }) =>
    `it may be done${correction === undefined ? '' : ', as corrected'}${who === undefined ? '' : ` by ${who}`}${why === undefined ? '' : `: ${why}`}`,
  TaskUnblocked: ({ filled }) =>
    `what it comes after is there${filled === undefined ? '' : ', with the results of that'}`,
  TaskAwaited: ({ by: who }) => `${who} comes after it`,
  WaitWithdrawn: ({ by: who }) => `${who} waits for it no more`,
  BidPlaced: ({ agent, note }) => `by ${agent}${note === undefined ? '' : `: ${note}`}`,
  BidWithdrawn: ({ agent }) => `by ${agent}`,
  BidsClosed: ({ candidates, refused, strength }) =>
    `${count(candidates.length, 'candidate')}, strength ${strength}${refused.length > 0 ? `; refused: ${refused.map(({ agent, reason }) => `${agent} (${reason})`).join(', ')}` : ''}`,
  TaskAwarded: ({ agent, award, score }) => `to ${agent}, award ${award}, score ${score}`,
  TaskHandedOff: ({ from, agent, award, note }) =>
    `from ${from} to ${agent}, award ${award}${note === undefined ? '' : `: ${note}`}`,
  ChallengeUpheld: ({ agent, award, reason }) => `award ${award} of ${agent}: ${reason}`,
  ChallengeReserved: ({ round, until }) => `in the round ${round}, at most until ${until}`,
  ChallengeReleased: ({ round }) => `in the round ${round}`,
  AwardVoided: ({ agent, award }) => `award ${award} for ${agent} will not come`,
  TaskAccepted: ({ agent, award, lease_seconds }) => `by ${agent}, award ${award}, lease ${lease_seconds} s`,
  AwardChallenged: challenged,
  ChallengeExtended: ({ round, until }) => `round ${round} has until ${until}: nobody was listening meanwhile`,
  ChallengeDismissed: (dismissed) =>
    `by round ${dismissed.round}${'reason' in dismissed ? `: ${dismissed.reason}` : ''}`,
  AwardRevoked: ({ agent, award, round, reason }) => `award ${award} of ${agent}, by round ${round}: ${reason}`,
  AwardDeclined: ({ agent, award, reason }) => `by ${agent}, award ${award}: ${reason}`,
  TaskProgressed: ({ agent, fraction, note }) =>
    `${Math.round(fraction * 100)} % by ${agent}${note === undefined ? '' : `: ${note}`}`,
  TaskCompleted: ({ agent, award, cost }) => `by ${agent}, award ${award}${costing(cost)}`,
  AttemptEnded: ({ agent, attempt, end, reason, cost }) =>
    `attempt ${attempt} of ${agent} ${end}${costing(cost)}: ${reason}`,
  TaskReopened: ({ attempt, not_before }) => `attempt ${attempt}, not before ${not_before}`,
  TaskDeadLettered: ({ reason, attempts }) => `after ${attempts} attempts: ${reason}`,
  TaskRedriven: ({ by: who, deadline }) => `by ${who}${deadline === undefined ? '' : `, due ${deadline}`}`,
  TaskCancelled: by,
  DeadlinePassed: ({ deadline, reason }) => `${deadline}${reason === undefined ? '' : `: ${reason}`}`,
  JobPosted: ({ tasks, on_failure, requester }) =>
    `${count(tasks, 'task')} of ${requester}; when one fails: ${on_failure}`,
  JobTaskEnded: ({ key, end, reason }) => `${key} ${end}${reason === undefined ? '' : `: ${reason}`}`,
  JobTasksSkipped: ({ tasks }) => `${count(tasks.length, 'task')} will never be posted`,
  JobFailed: ({ key, reason }) => `by ${key}: ${reason}`,
  JobCancelled: by,
  JobCompensating: ({ key }) => `by ${key}`,
  JobEnded: ({ status }) => status,
  ScheduleCreated: ({ cron, time_zone, task, requester }) =>
    `${task.task_type} at ${cron} in ${time_zone}, by ${requester}`,
  SchedulePaused: by,
  ScheduleResumed: ({ by: whom }) => `by ${whom}`,
  ScheduleDeleted: ({ by: whom }) => `by ${whom}`,
  RunsFellDue: ({ runs, missed }) => `${count(runs.length, 'run')}${missed > 0 ? `, ${missed} missed` : ''}`,
  RunPosted: ({ due, task }) => `of ${due}: ${task}`,
  RunRefused: ({ due, reason }) => `of ${due}: ${reason}`,
  AgentRegistered: profile,
  AgentRevised: profile,
  RoleAssigned: ({ pool, reason }) => `to pool ${pool}: ${reason}`,
  AgentLost: ({ last_seen }) => `no sign of life since ${last_seen}`,
  AgentReturned: () => 'it is back',
  AgentDeregistered: ({ reason }) => reason,
  SlotReserved: ({ task, award }) => `for ${task}, award ${award}`,
  SlotConfirmed: ({ task, award }) => `for ${task}, award ${award}`,
  SlotReleased: ({ task, award, outcome }) => `of ${task}, award ${award}: ${outcome}`,
  SignalEmitted: signal,
  SignalReinforced: signal,
  ActionProposed: ({ kind, impact, oversight }) =>
    `${kind}, impact ${impact}: to ${oversight.path}${reasons(oversight)}`,
  ActionHeld: (held) => `for ${held.for}`,
  ActionCleared: (cleared) => `by ${cleared.by}`,
  ActionRefused: by,
  ActionEdited: ({ by: who, changes }) =>
    `by ${who}: ${changes.map(({ path, before, after }) => `${path} ${JSON.stringify(before)} → ${JSON.stringify(after)}`).join(', ')}`,
  ActionChallenged: challenged,
  ActionVetoed: by,
  ActionExecuted: (executed) => `by ${executed.by}`,
  CommandGiven: ({ receipt, refused }) => refused ?? receipt ?? 'nothing was left to do',
  ActionReturned: by,
  ActionOverridden: ({ by: who, instead, reason, with: others = [] }) =>
    `${instead} by ${[...others, who].join(' and ')}: ${reason}`,
  VetoWindowOpened: ({ until }) => `until ${until}`,
  CompensationDue: ({ reason }) => reason,
  CompensationDone: ({ by: who, ref }) => `by ${who}: ${ref}`,
  RoundOpened: ({ spec, electorate }) =>
    `${spec.kind}, ${electorate.voters.length} voters, ${electorate.algorithm}, until ${spec.deadline}`,
  VoteCast: ballot,
  VoteChanged: ballot,
  ImprovementOpened: ({ pass, deadline }) => `pass ${pass}, until ${deadline}`,
  RoundClosed: ({ outcome, choice, tally }) =>
    `${outcome}${choice === undefined ? '' : `: ${choice}`}, score ${percent(tally.score)}, turnout ${percent(tally.turnout)}`,
  RoundEscalated: ({ to, reason }) => `to a ${to}: ${reason}`,
  RoundCancelled: by,
  OutcomeOverridden: ({ by: who, choice, reason, with: others = [] }) =>
    `${choice} by ${[...others, who].join(' and ')}: ${reason}`,
  ApprovalRequested: ({ kind, severity, ladder, requester }) =>
    `${kind}, ${severity}, for ${requester}, first from ${ladder[0]?.group}`,
  OverrideAsked: ({ by: who, choice, reason }) => `${choice} by ${who}, to be confirmed by a second person: ${reason}`,
  ApprovalClaimed: ({ by: who, until }) => `by ${who} until ${until}`,
  ApprovalReleased: ({ by: who }) => `by ${who}`,
  QuestionAsked: ({ by: who, question }) => `by ${who}: ${question}`,
  QuestionAnswered: ({ by: who, answer }) => `by ${who}: ${answer}`,
  ApprovalGiven: ({ by: who, reason, edit, choice }) =>
    `${choice === undefined ? '' : `${choice} `}by ${who}${edit === undefined ? '' : ', edited'}: ${reason}`,
  ApprovalRejected: by,
  ApprovalEscalated: ({ group, reason }) => `to ${group}: ${reason}`,
  ApprovalClosed: ({ outcome, safe_default, reason }) =>
    `${outcome}${safe_default === undefined ? '' : `: ${safe_default}`}${reason === undefined ? '' : `: ${reason}`}`,
  ApprovalReopened: ({ reason }) => reason,
  ApprovalOverridden: ({ by: who, instead, reason }) => `by ${who}, ${instead}: ${reason}`,
  OversightConfigured: ({ kind, rules }) => `${kind}: ${rules.mode}`,
  SignalsArrived: ({ signals }) => `${signals.length} signals`,
  Paused: ({ kind, name, by: who, reason }) => `${kind} ${name} by ${who}: ${reason}`,
  Resumed: ({ kind, name, by: who }) => `${kind} ${name} by ${who}`,
  Stopped: ({ kind, name, effect, by: who, reason }) => `${effect} of ${kind} ${name} by ${who}: ${reason}`,
  PolicyStaged: ({ bundle, version, by: who, reason }) => `${bundle.slice(0, 12)}, ${version}, by ${who}: ${reason}`,
  PolicyWithdrawn: ({ bundle, by: who, reason }) => `${bundle.slice(0, 12)} by ${who}: ${reason}`,
  PolicyShadowed: ({ bundle, by: who, reason }) => `${bundle.slice(0, 12)} by ${who}: ${reason}`,
  PolicyActivated: ({ bundle, before, staged_by, urgent, by: who, reason }) =>
    `${bundle.slice(0, 12)} instead of ${before.slice(0, 12)} by ${who}, staged by ${staged_by}${urgent === true ? ', urgent' : ''}: ${reason}`,
  PolicyRolledBack: ({ bundle, to, by: who, reason }) =>
    `${bundle.slice(0, 12)} to ${to.slice(0, 12)} by ${who}: ${reason}`,
  StopLiftAgreed: ({ kind, name, by: who, reason }) => `${kind} ${name}, first by ${who}: ${reason}`,
  StopLifted: ({ kind, name, by: who, with: other, reason }) =>
    `${kind} ${name} by ${who}${other === undefined ? '' : ` and ${other}`}: ${reason}`,
  PersonalDataRead: ({ by: who, of, values, award, purpose }) =>
    `${count(values, 'value')} of ${of} by ${who}${award === undefined ? '' : `, who works on it under award ${award}`}${purpose === undefined ? '' : `: ${purpose}`}`,
  SubjectErased: ({ by: who, reason }) => `by ${who}: ${reason}`,
  BudgetSet: ({ kind, name, limit, period, by: who, reason }) =>
    `${kind} ${name}: ${usd(limit)}${period === 'total' ? '' : ` a ${period}`}, by ${who}: ${reason}`,
  BudgetRemoved: ({ kind, name, by: who, reason }) => `${kind} ${name} by ${who}: ${reason}`,
  BudgetReserved: ({ task, award, agent, amount, charges }) =>
    `${usd(amount)} for ${task}, award ${award} to ${agent}${charges.length === 0 ? '' : `, in ${charges.join(', ')}`}`,
  ReservationConfirmed: ({ task, award, agent }) => `for ${task}, award ${award} to ${agent}`,
  SpendReported: ({ task, agent, spent, over }) =>
    `${usd(spent)} for ${task} by ${agent}${over ? ', more than was reserved' : ''}`,
  ReservationRaised: ({ task, more, by: who, reason }) => `${usd(more)} more for ${task}, by ${who}: ${reason}`,
  BudgetSettled: ({ task, award, agent, cost, outcome }) =>
    `${usd(cost)} for ${task}, award ${award} to ${agent}: ${outcome}`,
  TenantCreated: limited,
  TenantLimited: limited,
  PoolOverloaded: sampled,
  PoolIdle: sampled,
  PoolRecovered: sampled,
  ObjectiveChanged: ({ objective, by: who }) => `by ${who}: ${objective.description}`,
  SwarmReorganised: ({ trigger, moves, reason }) => `${trigger}, ${moves.length} moves: ${reason}`,
  VetoWindowExtended: ({ until }) => `until ${until}: nobody was listening meanwhile`,
  ApprovalExtended: ({ ends }) => `until ${ends.at(-1)}: nobody was listening meanwhile`,
  RoundExtended: ({ deadline }) => `until ${deadline}: nobody was listening meanwhile`,
  TokenIssued: ({ principal, level, grant, actor }) =>
    `to ${principal}, ${level}${grant === 'owner' ? ", by the owner's key" : ''}${actor === undefined ? '' : `, for ${actor}`}`,
  TokenRevoked: ({ token, by: who, reason: why }) => `${token} by ${who}: ${why}`,
  PrincipalRevoked: ({ principal, by: who, reason: why }) => `all of ${principal} by ${who}: ${why}`,
  StorageTaken: ({ tenant, bytes }) => `${bytes} bytes for ${tenant}`,
  StorageReturned: ({ tenant, bytes }) => `${bytes} bytes of ${tenant}`,
  TenantEndingAgreed: ({ tenant, ending, by: who, reason }) => `${ending} ${tenant}, first by ${who}: ${reason}`,
  TenantClosed: ended,
  TenantErased: ended,
  TenantRevoked: ({ by: who, reason: why }) => `all of the tenant by ${who}: ${why}`,
  BindingRequired: ({ from, by: who, reason: why }) => `for ${from}, by ${who}: ${why}`,
  BindingWaived: ({ by: who, reason: why }) => `by ${who}: ${why}`,
  CommandDenied: ({ action, resource, reasons: why, leftOut }) =>
    `${action} on ${resource}: ${why.join('; ')}${leftOut > 0 ? ` (${leftOut} more before it)` : ''}`,
  CheckpointSigned: ({ origin, size, heads }) =>
    `${origin}, ${count(size, 'leaf', 'leaves')}, ${count(heads.count, 'stream')}`,
  WordsRead: ({ by: who, words, outcome, steps, model }) =>
    `${outcome} for ${who}${model === undefined ? '' : `, read by ${model}`}: ${words}${steps.length === 0 ? '' : ` (${steps.map(({ command }) => command).join('; ')})`}`,
  CorrectionGiven: ({ by: who, what, instead_of, why }) => `by ${who}: ${what} instead of ${instead_of}: ${why}`,
  AgentTypeDefined: typed,
  AgentTypeRevised: typed,
  AgentTypeWithdrawn: ({ agent_type, reason }) => `${agent_type}: ${reason}`,
  ToolRegistered: tool,
  ToolVersionRegistered: tool,
  ToolDeprecated: ({ tool_id, reason, replacement }) =>
    `${tool_id}: ${reason}${replacement === undefined ? '' : `; use ${replacement}`}`,
  ToolInterfaceFound: ({ tool_id, hash }) => `${tool_id} is ${hash}, which nobody has accepted`,
  ToolPinned: ({ tool_id, hash, by: who }) => `${tool_id} as ${hash}, by ${who}`,
  ToolCallAsked: ({ tool_id, by: who, url }) => `${tool_id} by ${who}, at ${url}`,
  ToolCallEnded: ({ outcome, reason }) => (reason === undefined ? outcome : `${outcome}: ${reason}`),
  ChannelSet: ({ channel_id, kind, groups }) => `${channel_id}, ${kind}, for ${groups.join(', ')}`,
  ChannelRemoved: ({ channel_id, by: who }) => `${channel_id} by ${who}`,
  DeliveryRequested: ({ notice }) => notice.title,
  DeliveryFailed: tried,
  Delivered: tried,
  DeliveryDead: tried,
  DeliveryRedriven: ({ by: who }) => `by ${who}`,
  VolumeRequested: (of) => `${of.level}, ${of.gibibytes} GiB, ${ofVolume(of)}`,
  SnapshotRequested: (of) => `${of.snapshot}${of.agent === undefined ? '' : ` for ${of.agent}`}, of ${ofVolume(of)}`,
  SnapshotRemovalRequested: (of) => `${of.snapshot}, of ${ofVolume(of)}`,
  RestoreRequested: (of) => `${of.snapshot} into ${of.into}, of ${ofVolume(of)}`,
  MoveRequested: (of) => `to ${of.to} (${of.level}), which ${saves(of.cost_savings_pct)}: ${ofVolume(of)}`,
  TieringRequested: (of) => `after ${of.after_days} days, which ${saves(of.cost_savings_pct)}: ${ofVolume(of)}`,
  ReplicationRequested: (of) => `to ${of.to}, of ${ofVolume(of)}`,
};

const MOST_VALUES = 4;
const LONGEST = 60;

export function factsOf(event: Pick<Event, 'type' | 'data'>): string {
  return said(told(event)).replaceAll('\n', ' ');
}

function told({ type, data }: Pick<Event, 'type' | 'data'>): string {
  const known = FACTS[(RENAMED[type] ?? type) as Known['type']] as ((data: unknown) => string) | undefined;
  try {
    return known === undefined ? plain(data) : known(data);
  } catch {
    // An older version of the event, or one that was tampered with.
    return plain(data);
  }
}

function plain(data: unknown): string {
  if (typeof data !== 'object' || data === null) return JSON.stringify(data) ?? '';
  return Object.entries(data)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
    .slice(0, MOST_VALUES)
    .map(([name, value]) => `${name} ${shorten(String(value), LONGEST)}`)
    .join(', ');
}
